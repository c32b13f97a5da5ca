"""A ModernBERT checkpoint on disk, read without torch: which format, which heads, which lengths.

Not the weights and not the tokenizer: `weights.py` maps the one, `tokens.py` loads the other, the
encoders compute. Everything that makes two checkpoints answer differently is read here, from the
files that PyLate, sentence-transformers and transformers write; nothing is assumed from a name.

A `codesearch.json` beside the weights may set `window_tokens`, `overlap_tokens`, `truncate_dim` and
`single_vector` (`mean`, `cls` or null), which those formats have no place for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.architecture import Architecture, read_architecture
from indexer.errors import CheckpointError
from indexer.hub import BUNDLED_FOLDER, find_folder, full_name
from indexer.settings import MAX_TOKENS
from indexer.weight_check import fingerprint_files
from indexer.weights import TensorFiles

_OVERLAP_TOKENS = 128
_DENSE_ACTIVATIONS = {"Identity": "identity", "Tanh": "tanh", "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""The names that sentence-transformers' `encode_document` looks for, in its order."""


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
    """`mean` or `cls`."""
    include_prompt: bool
    """False: the mean leaves out specials before, and tokens of, the prompt."""
    dense: tuple[DenseLayer, ...]
    dim: int
    """Values of the vector, after truncation."""


@dataclass(frozen=True, slots=True)
class RowHead:
    """How token vectors become rows, and which documents' and queries' tokens get one."""

    dense: tuple[DenseLayer, ...]
    dim: int
    skip_words: tuple[str, ...]
    """Tokens, as the vocabulary writes them, that get no row in a document."""
    expand_queries: bool
    """Pad a query with mask tokens to `query_tokens`; each gets a row."""
    attend_to_expansion: bool
    """Other tokens see those mask tokens."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything known of a model before its weights are read."""

    name: str
    """As people write it: a bundled name, `owner/model`, or the folder."""
    folder: Path
    format: str
    """`pylate`, `sentence-transformers` or `plain`."""
    architecture: Architecture
    weight_files: tuple[Path, ...]
    tensor_prefix: str
    """Before every backbone tensor's name; `model.` in checkpoints of task models."""
    tokenizer_file: Path
    query_prefix: str
    """A vocabulary entry put behind the first token of a query; empty: none."""
    document_prefix: str
    query_prompt: str
    """Text put before a query's text."""
    document_prompt: str
    lower_case: bool
    """Texts are lower-cased before they are tokenised."""
    strip_text: bool
    """White space at a text's ends is not shown to the model."""
    query_tokens: int
    """A query is cut to this many tokens, specials included."""
    single: SingleHead | None
    rows: RowHead | None
    window_tokens: int
    """Tokens of one forward pass, specials included."""
    overlap_tokens: int
    """Tokens that neighbouring passes over one chunk share."""
    max_tokens: int
    """Tokens of a chunk at most, specials included."""
    fingerprint: str
    """SHA-256 over configuration, tokenizer and weights: equal means equal vectors."""
    warning: str
    """Empty, or one sentence that a person should read before using this model."""

    @property
    def kind(self) -> str:
        """`both`, `multi-vector` or `single-vector`."""
        if self.single is not None and self.rows is not None:
            return "both"
        return "multi-vector" if self.rows is not None else "single-vector"


def open_checkpoint(name_or_folder: str, *, truncate_dim: int | None = None) -> Checkpoint:
    """Find a model and read what it is; shapes are checked, and values once per file version.

    `truncate_dim` keeps the first values of a single vector (Matryoshka models).
    Raises CheckpointError, in one sentence, where it is missing, no ModernBERT, incomplete or damaged.
    """
    root = find_folder(name_or_folder)
    name = _display_name(name_or_folder, root)
    library = _read_json(root / "config_sentence_transformers.json")
    modules = _read_modules(root, name)
    own = _read_json(root / "codesearch.json")
    form = _format(library, modules)
    folder = root / str(modules[0].get("path", "")) if modules else root
    config = _read_json(folder / "config.json")
    if not config:
        raise CheckpointError(f"{name}: {folder} has no config.json; it is not a model's folder.")
    architecture = read_architecture(config, name)
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise CheckpointError(f"{name} has no tokenizer.json; save its fast tokenizer beside the weights.")
    weight_files = _weight_files(folder, name)
    tensor_prefix = _check_shapes(TensorFiles(weight_files), architecture, name)
    sentence = _read_json(folder / "sentence_bert_config.json")
    hidden = architecture.hidden_size

    rows = _row_head(root, modules, library, hidden, name) if form == "pylate" else None
    single = _single_head(root, form, modules, own, hidden, truncate_dim, name)
    window = _window_tokens(form, architecture, library, sentence, own)
    heads = (*(single.dense if single else ()), *(rows.dense if rows else ()))
    prompts: Mapping[str, str] = library.get("prompts") or {}
    fallback = prompts.get(str(library.get("default_prompt_name")), "") or ""
    named = form == "sentence-transformers"
    files = {file for file in (*weight_files, tokenizer_file, *(layer.file for layer in heads))}
    files |= {file for file in _config_files(root, folder) if file.is_file()}
    return Checkpoint(
        name=name,
        folder=root,
        format=form,
        architecture=architecture,
        weight_files=weight_files,
        tensor_prefix=tensor_prefix,
        tokenizer_file=tokenizer_file,
        query_prefix=_prefix(library, "query_prefix", "[Q] ", form),
        document_prefix=_prefix(library, "document_prefix", "[D] ", form),
        query_prompt=prompts.get("query", fallback) if named else fallback,
        document_prompt=next(
            (prompts[key] for key in _DOCUMENT_PROMPTS if named and key in prompts), fallback
        ),
        lower_case=bool(sentence.get("do_lower_case", False)),
        strip_text=form != "plain",
        query_tokens=_query_tokens(form, architecture, library, sentence),
        single=single,
        rows=rows,
        window_tokens=window,
        overlap_tokens=min(int(own.get("overlap_tokens", _OVERLAP_TOKENS)), window // 4),
        max_tokens=MAX_TOKENS,
        fingerprint=fingerprint_files(files, root, name, extra=f"truncate_dim={truncate_dim}"),
        warning=_warning(form, name),
    )


def _display_name(name_or_folder: str, root: Path) -> str:
    if root.parent == BUNDLED_FOLDER:
        return root.name
    return (
        name_or_folder
        if Path(name_or_folder).expanduser().is_dir()
        else full_name(name_or_folder) or name_or_folder
    )


def _format(library: Mapping[str, Any], modules: Sequence[Mapping[str, Any]]) -> str:
    if library.get("model_type") == "ColBERT" or "query_prefix" in library:
        return "pylate"
    if any(str(module.get("type", "")).startswith("pylate.") for module in modules):
        return "pylate"
    return "sentence-transformers" if modules else "plain"


def _prefix(library: Mapping[str, Any], key: str, default: str, form: str) -> str:
    if form != "pylate":
        return ""
    value = library.get(key)
    return default if value is None else str(value)


def _window_tokens(
    form: str,
    architecture: Architecture,
    library: Mapping[str, Any],
    sentence: Mapping[str, Any],
    own: Mapping[str, Any],
) -> int:
    limits = [architecture.max_positions, MAX_TOKENS]
    if sentence.get("max_seq_length"):
        limits.append(int(sentence["max_seq_length"]))
    if form == "pylate":
        # PyLate's own document length wins over max_seq_length: it overwrites that on every call.
        limits = [architecture.max_positions, MAX_TOKENS, int(library.get("document_length") or 180)]
    return int(own.get("window_tokens") or min(limits))


def _query_tokens(
    form: str, architecture: Architecture, library: Mapping[str, Any], sentence: Mapping[str, Any]
) -> int:
    if form == "pylate":
        return min(int(library.get("query_length") or 32), architecture.max_positions)
    return min(int(sentence.get("max_seq_length") or MAX_TOKENS), architecture.max_positions, MAX_TOKENS)


def _row_head(
    root: Path, modules: Sequence[Mapping[str, Any]], library: Mapping[str, Any], hidden: int, name: str
) -> RowHead:
    dense = _dense_layers(root, modules, hidden, name)
    if not dense:
        raise CheckpointError(
            f"{name} is in PyLate's format but has no projection; save it again from PyLate."
        )
    expand = library.get("do_query_expansion")
    expand = True if expand is None else bool(expand)
    words = library.get("skiplist_words")
    return RowHead(
        dense=dense,
        dim=dense[-1].out_features,
        skip_words=tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") if words is None else tuple(map(str, words)),
        expand_queries=expand,
        attend_to_expansion=expand and bool(library.get("attend_to_expansion_tokens") or False),
    )


def _single_head(
    root: Path,
    form: str,
    modules: Sequence[Mapping[str, Any]],
    own: Mapping[str, Any],
    hidden: int,
    truncate_dim: int | None,
    name: str,
) -> SingleHead | None:
    pooling, include_prompt, dense = "mean", True, ()
    if form == "pylate":
        # A ColBERT's backbone makes single vectors only where it was trained to, which its format cannot say.
        if own.get("single_vector") not in ("mean", "cls"):
            return None
        pooling = str(own["single_vector"])
    elif form == "sentence-transformers":
        settings = _pooling_settings(root, modules, name)
        pooling, include_prompt = settings.pooling, settings.include_prompt
        dense = _dense_layers(root, modules, hidden, name)
    full = dense[-1].out_features if dense else hidden
    wanted = truncate_dim or own.get("truncate_dim") or full
    if not 1 <= int(wanted) <= full:
        raise CheckpointError(
            f"{name} makes vectors of {full} values; a truncate_dim of {wanted} is out of range."
        )
    return SingleHead(pooling, include_prompt, dense, int(wanted))


@dataclass(frozen=True, slots=True)
class _PoolingSettings:
    pooling: str
    include_prompt: bool


def _pooling_settings(root: Path, modules: Sequence[Mapping[str, Any]], name: str) -> _PoolingSettings:
    pooling: _PoolingSettings | None = None
    for module in modules[1:]:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Pooling":
            config = _read_json(root / str(module["path"]) / "config.json")
            modes = sorted(
                key for key, value in config.items() if key.startswith("pooling_mode_") and value is True
            )
            if config.get("pooling_mode"):
                modes = [f"pooling_mode_{config['pooling_mode']}"]
            known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
            known |= {"pooling_mode_mean": "mean", "pooling_mode_cls": "cls"}
            if len(modes) != 1 or modes[0] not in known:
                raise CheckpointError(
                    f"{name} pools by {', '.join(modes) or 'nothing'}; supported are mean and cls."
                )
            pooling = _PoolingSettings(known[modes[0]], bool(config.get("include_prompt", True)))
        elif kind not in ("Dense", "Normalize", "Dropout"):
            raise CheckpointError(
                f"{name} has a module of type {kind} behind its backbone, which is not supported."
            )
    if pooling is None:
        raise CheckpointError(f"{name} is in sentence-transformers' format but has no Pooling module.")
    return pooling


def _dense_layers(
    root: Path, modules: Sequence[Mapping[str, Any]], hidden: int, name: str
) -> tuple[DenseLayer, ...]:
    layers: list[DenseLayer] = []
    for module in modules[1:]:
        if str(module.get("type", "")).rsplit(".", 1)[-1] != "Dense":
            continue
        folder = root / str(module["path"])
        config = _read_json(folder / "config.json")
        activation = str(config.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
        if activation not in _DENSE_ACTIVATIONS:
            raise CheckpointError(f"{name}: {module['path']} uses {activation}, which is not supported.")
        file = folder / "model.safetensors"
        if not file.is_file():
            raise CheckpointError(
                f"{name}: {module['path']} has no model.safetensors; save the model as safetensors."
            )
        n_in, n_out = int(config.get("in_features", 0)), int(config.get("out_features", 0))
        tensors = TensorFiles([file])
        expected_in = layers[-1].out_features if layers else hidden
        if tensors.shape("linear.weight") != (n_out, n_in) or n_in != expected_in:
            raise CheckpointError(
                f"{name}: {module['path']} holds a matrix of shape {tensors.shape('linear.weight')} where its config"
                f" says ({n_out}, {n_in}) and {expected_in} values come in."
            )
        layers.append(
            DenseLayer(
                file,
                n_in,
                n_out,
                tensors.shape("linear.bias") is not None,
                _DENSE_ACTIVATIONS[activation],
                bool(config.get("use_residual", False)),
            )
        )
    return tuple(layers)


def _check_shapes(tensors: TensorFiles, architecture: Architecture, name: str) -> str:
    first = "embeddings.tok_embeddings.weight"
    prefix = next((p for p in ("", "model.", "bert.") if p + first in tensors.entries), None)
    if prefix is None:
        raise CheckpointError(f"{name}: its weights hold no {first}; they are not a ModernBERT's.")
    for tensor, shape in architecture.expected_shapes().items():
        found = tensors.shape(prefix + tensor)
        if found != shape:
            seen = "is missing" if found is None else f"has shape {list(found)}"
            raise CheckpointError(
                f"{name}: tensor {tensor} {seen} where config.json asks for {list(shape)}; config and weights do not"
                " belong together."
            )
    return prefix


def _weight_files(folder: Path, name: str) -> tuple[Path, ...]:
    if (folder / "model.safetensors").is_file():
        return (folder / "model.safetensors",)
    index = _read_json(folder / "model.safetensors.index.json")
    names = sorted({str(file) for file in (index.get("weight_map") or {}).values()})
    files = tuple(folder / file for file in names)
    if any("/" in file or not (folder / file).is_file() for file in names):
        raise CheckpointError(
            f"{name}: weight files that its index lists are missing; download the model again."
        )
    if not files:
        pickled = " It has a pickled .bin file, which is never opened;" if list(folder.glob("*.bin")) else ""
        raise CheckpointError(f"{name} has no model.safetensors.{pickled} save the model as safetensors.")
    return files


def _config_files(root: Path, folder: Path) -> list[Path]:
    names = ("config_sentence_transformers.json", "modules.json", "codesearch.json")
    nested = sorted(root.glob("[0-9]_*/config.json"))
    return [
        *(root / name for name in names),
        folder / "config.json",
        folder / "sentence_bert_config.json",
        *nested,
    ]


def _read_modules(root: Path, name: str) -> list[dict[str, Any]]:
    file = root / "modules.json"
    if not file.is_file():
        return []
    modules = _load_json(file)
    if not isinstance(modules, list) or not modules or any(not isinstance(entry, dict) for entry in modules):
        raise CheckpointError(f"{name}: modules.json does not list modules; save the model again.")
    for module in modules:
        path = str(module.get("path", ""))
        if path.startswith("/") or ".." in path.split("/"):
            raise CheckpointError(f"{name}: modules.json points outside the model's folder ({path}).")
    return modules


def _read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    if not file.is_file():
        return {}
    value = _load_json(file)
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} does not hold a JSON object; save the model again.")
    return value


def _load_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON ({error}); save the model again.") from error


def _warning(form: str, name: str) -> str:
    if form != "plain":
        return ""
    return (
        f"{name} was not trained to retrieve: its mean-pooled vectors rank poorly; use a sentence-transformers or"
        " PyLate checkpoint for search."
    )
