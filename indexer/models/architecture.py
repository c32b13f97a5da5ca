"""What a ModernBERT `config.json` says, as numbers, and the tensors that follow from it.

Values only: no weights and no tokenizer. `checkpoint.py` makes one; the encoders compute by it.
Reads the configs of transformers 4 (`global_rope_theta`) and 5 (`rope_parameters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.errors import CheckpointError
from indexer.light_dataclasses import dataclass

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
    "relu": "relu",
}
_TRANSFORMERS_DEFAULTS: dict[str, Any] = {
    "vocab_size": 50368, "hidden_size": 768, "intermediate_size": 1152, "num_hidden_layers": 22,
    "num_attention_heads": 12, "max_position_embeddings": 8192, "norm_eps": 1e-5, "local_attention": 128,
    "global_attn_every_n_layers": 3, "hidden_activation": "gelu", "attention_bias": False, "mlp_bias": False,
    "norm_bias": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of one ModernBERT."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    n_layers: int
    n_heads: int
    layer_is_global: tuple[bool, ...]
    """(n_layers,): True where every token sees its whole sequence."""
    half_window: int
    """Elsewhere token i sees token j where |i - j| <= half_window."""
    global_theta: float
    local_theta: float
    norm_eps: float
    max_positions: int
    activation: str
    """`gelu`, `gelu_tanh`, `silu` or `relu`."""
    attention_bias: bool
    mlp_bias: bool
    norm_bias: bool

    @property
    def head_dim(self) -> int:
        """Values a head holds."""
        return self.hidden_size // self.n_heads

    @property
    def n_parameters(self) -> int:
        """Values in all tensors of the backbone."""
        total = 0
        for shape in self.expected_shapes().values():
            size = 1
            for length in shape:
                size *= length
            total += size
        return total

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the backbone by its name in `ModernBertModel`."""
        hidden, inner = self.hidden_size, self.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {"embeddings.tok_embeddings.weight": (self.vocab_size, hidden)}

        def linear(name: str, n_out: int, n_in: int, bias: bool) -> None:
            shapes[f"{name}.weight"] = (n_out, n_in)
            if bias:
                shapes[f"{name}.bias"] = (n_out,)

        def norm(name: str) -> None:
            shapes[f"{name}.weight"] = (hidden,)
            if self.norm_bias:
                shapes[f"{name}.bias"] = (hidden,)

        norm("embeddings.norm")
        for layer in range(self.n_layers):
            if layer > 0:
                norm(f"layers.{layer}.attn_norm")
            linear(f"layers.{layer}.attn.Wqkv", 3 * hidden, hidden, self.attention_bias)
            linear(f"layers.{layer}.attn.Wo", hidden, hidden, self.attention_bias)
            norm(f"layers.{layer}.mlp_norm")
            linear(f"layers.{layer}.mlp.Wi", 2 * inner, hidden, self.mlp_bias)
            linear(f"layers.{layer}.mlp.Wo", hidden, inner, self.mlp_bias)
        norm("final_norm")
        return shapes


def read_architecture(config: Mapping[str, Any], where: str) -> Architecture:
    """The architecture that a parsed `config.json` describes; `where` names the model in errors.

    Raises CheckpointError where it is not ModernBERT or uses something that the encoders lack.
    """
    model_type = config.get("model_type")
    if model_type != "modernbert":
        raise CheckpointError(
            f"{where} is a {model_type or 'model of unstated type'}, not ModernBERT; name a ModernBERT"
            " checkpoint."
        )
    values = {
        **_TRANSFORMERS_DEFAULTS,
        **{name: value for name, value in config.items() if value is not None},
    }
    try:
        n_layers, n_heads = int(values["num_hidden_layers"]), int(values["num_attention_heads"])
        if (
            min(n_layers, n_heads) < 1
            or values["hidden_size"] % n_heads
            or (values["hidden_size"] // n_heads) % 2
        ):
            raise CheckpointError(
                f"{where}: config.json asks for {n_heads} heads in a hidden size of {values['hidden_size']},"
                " which does not divide into heads of even size; the file is damaged."
            )
        if int(values["local_attention"]) < 2:
            raise CheckpointError(f"{where}: config.json has a local_attention below 2; the file is damaged.")
        return Architecture(
            vocab_size=int(values["vocab_size"]),
            hidden_size=int(values["hidden_size"]),
            intermediate_size=int(values["intermediate_size"]),
            n_layers=n_layers,
            n_heads=n_heads,
            layer_is_global=_layer_types(values, n_layers, where),
            half_window=int(values["local_attention"]) // 2,
            global_theta=_theta(config, "full_attention", "global_rope_theta", 160_000.0, where),
            local_theta=_theta(config, "sliding_attention", "local_rope_theta", 10_000.0, where),
            norm_eps=float(values["norm_eps"]),
            max_positions=int(values["max_position_embeddings"]),
            activation=_activation(str(values["hidden_activation"]), where),
            attention_bias=bool(values["attention_bias"]),
            mlp_bias=bool(values["mlp_bias"]),
            norm_bias=bool(values["norm_bias"]),
        )
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: config.json holds a value of the wrong kind ({error}).") from error


def _layer_types(values: Mapping[str, Any], n_layers: int, where: str) -> tuple[bool, ...]:
    names = values.get("layer_types")
    if names is None:
        every = int(values["global_attn_every_n_layers"])
        return tuple(layer % every == 0 for layer in range(n_layers))
    if len(names) != n_layers or not set(names) <= {"full_attention", "sliding_attention"}:
        raise CheckpointError(
            f"{where}: config.json lists layer_types that do not fit its {n_layers} layers."
        )
    return tuple(name == "full_attention" for name in names)


def _theta(config: Mapping[str, Any], layer_type: str, old_name: str, default: float, where: str) -> float:
    parameters = (config.get("rope_parameters") or {}).get(layer_type) or {}
    kind = parameters.get("rope_type", "default")
    if kind != "default" or config.get("rope_scaling"):
        raise CheckpointError(
            f"{where} scales its positions ({kind}); only unscaled rotary positions are supported."
        )
    if "rope_theta" in parameters:
        return float(parameters["rope_theta"])
    old = config.get(old_name, default)
    return float(config.get("global_rope_theta", 160_000.0) if old is None else old)


def _activation(name: str, where: str) -> str:
    if name not in _ACTIVATIONS:
        raise CheckpointError(f"{where} uses the activation {name}; supported are {', '.join(_ACTIVATIONS)}.")
    return _ACTIVATIONS[name]
