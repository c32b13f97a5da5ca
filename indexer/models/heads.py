"""What lies behind a backbone, as PyLate and sentence-transformers list it in `modules.json`.

Facts only: `dense.py` loads the weights; `chunk_vectors.py`, the encoder and the query encoder apply them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.errors import CheckpointError
from indexer.light_dataclasses import dataclass
from indexer.models.model_files import ModelFiles
from indexer.models.pooling import POOLINGS, named_pooling
from indexer.models.weights import TensorFiles

_DENSE_ACTIVATIONS = {"Identity": "identity", "Tanh": "tanh", "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
_DEFAULT_SKIP_WORDS = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
"""PyLate's, where a checkpoint names none."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A linear layer behind the backbone: activation(x @ W.T + b), plus a residual where it has one."""

    file: Path
    in_features: int
    out_features: int
    has_bias: bool
    activation: str
    """`identity`, `tanh`, `relu`, `gelu` or `silu`."""
    use_residual: bool
    """Adds x, or x @ R.T where the sizes differ."""


@dataclass(frozen=True, slots=True)
class SingleHead:
    """How token vectors become one vector."""

    pooling: str
    """One of POOLINGS."""
    include_prompt: bool
    """False: the mean leaves out the prompt and the specials before it."""
    dense: tuple[DenseLayer, ...]
    dim: int
    """Values of the vector, after truncation."""


@dataclass(frozen=True, slots=True)
class RowHead:
    """How token vectors become rows, and which tokens of documents and queries get one."""

    dense: tuple[DenseLayer, ...]
    dim: int
    skip_words: tuple[str, ...]
    """Tokens, as the vocabulary writes them, that get no row in a document."""
    expand_queries: bool
    """Fill a query up with mask tokens to its full length; each gets a row."""
    attend_to_expansion: bool
    """Other tokens see those mask tokens."""


def read_row_head(files: ModelFiles, hidden_size: int) -> RowHead:
    """The multi-vector head of a PyLate checkpoint."""
    dense = _dense_layers(files, hidden_size)
    if not dense:
        raise CheckpointError(
            f"{files.name} is in PyLate's format but has no projection; save it again from PyLate."
        )
    expand = files.library.get("do_query_expansion")
    expand = True if expand is None else bool(expand)
    words = files.library.get("skiplist_words")
    return RowHead(
        dense=dense,
        dim=dense[-1].out_features,
        skip_words=_DEFAULT_SKIP_WORDS if words is None else tuple(map(str, words)),
        expand_queries=expand,
        attend_to_expansion=expand and bool(files.library.get("attend_to_expansion_tokens")),
    )


def read_single_head(
    files: ModelFiles, form: str, hidden_size: int, truncate_dim: int | None
) -> SingleHead | None:
    """The single-vector head of a checkpoint, or None where it was not trained for one.

    A ColBERT's backbone makes single vectors only where it was trained to, which PyLate's format
    cannot say: `codesearch.json` does.
    """
    head = SingleHead("mean", True, (), hidden_size)
    if form == "pylate":
        pooling = files.own.get("single_vector")
        if pooling not in POOLINGS:
            return None
        head = SingleHead(pooling, True, (), hidden_size)
    elif form == "sentence-transformers":
        head = _sentence_head(files, hidden_size)
    wanted = int(truncate_dim or files.own.get("truncate_dim") or head.dim)
    if not 1 <= wanted <= head.dim:
        raise CheckpointError(
            f"{files.name} makes vectors of {head.dim} values, which cannot be cut to {wanted}."
        )
    return SingleHead(head.pooling, head.include_prompt, head.dense, wanted)


def _sentence_head(files: ModelFiles, hidden_size: int) -> SingleHead:
    kinds = [_kind(module) for module in files.modules[1:]]
    for kind in kinds:
        if kind not in ("Pooling", "Dense", "Normalize", "Dropout"):
            raise CheckpointError(
                f"{files.name} has a module of type {kind} behind its backbone, which is not supported."
            )
    if kinds.count("Pooling") != 1 or kinds[0] != "Pooling" or _out_of_order(kinds):
        raise CheckpointError(
            f"{files.name} lists {', '.join(kinds) or 'nothing'} behind its backbone; supported are Pooling,"
            " then Dense, then Normalize."
        )
    config = files.module_config(files.modules[1])
    try:
        pooling = named_pooling(config)
    except ValueError as error:
        supported = " and ".join(POOLINGS)
        raise CheckpointError(f"{files.name} pools by {error}; supported are {supported}.") from None
    dense = _dense_layers(files, hidden_size)
    dim = dense[-1].out_features if dense else hidden_size
    return SingleHead(pooling, bool(config.get("include_prompt", True)), dense, dim)


def _dense_layers(files: ModelFiles, n_in: int) -> tuple[DenseLayer, ...]:
    layers = []
    for module in files.modules[1:]:
        if _kind(module) == "Dense":
            layers.append(_dense_layer(files, module, n_in))
            n_in = layers[-1].out_features
    return tuple(layers)


def _dense_layer(files: ModelFiles, module: Mapping[str, Any], n_expected: int) -> DenseLayer:
    where, config = f"{files.name}: {module['path']}", files.module_config(module)
    activation = str(config.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
    if activation not in _DENSE_ACTIVATIONS:
        raise CheckpointError(f"{where} uses the activation {activation}, which is not supported.")
    file = files.root / str(module["path"]) / "model.safetensors"
    if not file.is_file():
        raise CheckpointError(f"{where} has no model.safetensors; save the model as safetensors.")
    tensors = TensorFiles([file])
    n_in, n_out = int(config.get("in_features", 0)), int(config.get("out_features", 0))
    use_residual = bool(config.get("use_residual", False))
    names = ["linear.weight"] + (["residual.weight"] if use_residual and n_in != n_out else [])
    for tensor in names:
        if tensors.shape(tensor) != (n_out, n_in) or n_in != n_expected:
            raise CheckpointError(
                f"{where} holds {tensor} of shape {tensors.shape(tensor)} where its config declares ({n_out},"
                f" {n_in}) and {n_expected} values come in."
            )
    has_bias = tensors.shape("linear.bias") is not None
    return DenseLayer(file, n_in, n_out, has_bias, _DENSE_ACTIVATIONS[activation], use_residual)


def _out_of_order(kinds: list[str]) -> bool:
    return "Normalize" in kinds and "Dense" in kinds[kinds.index("Normalize") :]


def _kind(module: Mapping[str, Any]) -> str:
    return str(module.get("type", "")).rsplit(".", 1)[-1]
