"""A ModernBERT checkpoint on disk, read without torch: which format, which heads, which lengths.

Not the weights and not the tokenizer: `weights.py` maps the one, `tokens.py` loads the other, the
encoders compute. Everything that makes two checkpoints answer differently is read here, from the
files that PyLate, sentence-transformers and transformers write; nothing is assumed from a name.

A `codesearch.json` beside them may set `window_tokens`, `overlap_tokens`, `section_tokens`, `truncate_dim`
and `single_vector` (`mean`, `cls` or null), which those formats have no place for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from indexer.disk.user_folders import expand_user
from indexer.errors import CheckpointError
from indexer.light_dataclasses import dataclass
from indexer.models.architecture import Architecture, read_architecture
from indexer.models.fingerprint import fingerprint_files
from indexer.models.heads import RowHead, SingleHead, read_row_head, read_single_head
from indexer.models.hub import BUNDLED_FOLDER, find_folder, full_name
from indexer.models.model_files import ModelFiles, read_model_files
from indexer.models.weights import TensorFiles
from indexer.settings import MAX_TOKENS

_OVERLAP_TOKENS = 128
_TENSOR_PREFIXES = ("", "model.", "bert.")
"""What task models put before the backbone's tensor names."""
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""The names that sentence-transformers' `encode_document` looks for, in its order."""


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
    section_tokens: int
    """Sections of documents are read in passes of their own, up to this length; 0: as code is read."""
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

    @property
    def single_dim(self) -> int:
        """Values of a single vector; 0 where it makes none."""
        return self.single.dim if self.single is not None else 0

    @property
    def row_dim(self) -> int:
        """Values of a token row; 0 where it makes none."""
        return self.rows.dim if self.rows is not None else 0


def open_checkpoint(name_or_folder: str, *, truncate_dim: int | None = None) -> Checkpoint:
    """Find a model and read what it is: shapes are checked each time, values once for a large file.

    `truncate_dim` keeps the first values of a single vector (Matryoshka models).
    Raises CheckpointError, in one sentence, where it is missing, no ModernBERT, incomplete or damaged.
    """
    root = find_folder(name_or_folder)
    name = _display_name(name_or_folder, root)
    files = read_model_files(root, name)
    architecture = read_architecture(files.config, name)
    weight_files = files.weights()
    tensor_prefix = _check_shapes(TensorFiles(weight_files), architecture, name)
    form = _format(files)
    rows = read_row_head(files, architecture.hidden_size) if form == "pylate" else None
    single = read_single_head(files, form, architecture.hidden_size, truncate_dim)
    prompts = _prompts(files, form)
    window = _window_tokens(files, form, architecture)
    heads = {layer.file for head in (single, rows) if head is not None for layer in head.dense}
    return Checkpoint(
        name=name,
        folder=root,
        format=form,
        architecture=architecture,
        weight_files=weight_files,
        tensor_prefix=tensor_prefix,
        tokenizer_file=files.tokenizer,
        query_prefix=_prefix(files, form, "query_prefix", "[Q] "),
        document_prefix=_prefix(files, form, "document_prefix", "[D] "),
        query_prompt=prompts["query"],
        document_prompt=prompts["document"],
        lower_case=bool(files.sentence.get("do_lower_case", False)),
        strip_text=form != "plain",
        query_tokens=_query_tokens(files, form, architecture),
        single=single,
        rows=rows,
        window_tokens=window,
        overlap_tokens=min(int(files.own.get("overlap_tokens", _OVERLAP_TOKENS)), window // 4),
        section_tokens=int(files.own.get("section_tokens", 0)),
        max_tokens=MAX_TOKENS,
        fingerprint=fingerprint_files(
            {*weight_files, files.tokenizer, *heads, *files.configuration()},
            root,
            name,
            extra=f"truncate_dim={truncate_dim}",
        ),
        warning=_warning(form, name),
    )


def _display_name(name_or_folder: str, root: Path) -> str:
    if root.parent == BUNDLED_FOLDER:
        return root.name
    if expand_user(name_or_folder).is_dir():
        return name_or_folder
    return full_name(name_or_folder) or name_or_folder


def _format(files: ModelFiles) -> str:
    if files.library.get("model_type") == "ColBERT" or "query_prefix" in files.library:
        return "pylate"
    if any(str(module.get("type", "")).startswith("pylate.") for module in files.modules):
        return "pylate"
    return "sentence-transformers" if files.modules else "plain"


def _prefix(files: ModelFiles, form: str, key: str, pylate_default: str) -> str:
    if form != "pylate":
        return ""
    value = files.library.get(key)
    return pylate_default if value is None else str(value)


def _prompts(files: ModelFiles, form: str) -> dict[str, str]:
    """Under `query` and `document`, what the library's own encode calls would put before a text."""
    given: Mapping[str, str | None] = files.library.get("prompts") or {}
    default = given.get(str(files.library.get("default_prompt_name"))) or ""
    if form != "sentence-transformers":
        return {"query": default, "document": default}
    document = next((given[name] for name in _DOCUMENT_PROMPTS if name in given), default)
    return {"query": given.get("query", default) or "", "document": document or ""}


def _window_tokens(files: ModelFiles, form: str, architecture: Architecture) -> int:
    limits = [architecture.max_positions, MAX_TOKENS]
    if form == "pylate":
        # It overrides the Transformer module's max_seq_length on every call of the library.
        limits.append(int(files.library.get("document_length") or 180))
    elif files.sentence.get("max_seq_length"):
        limits.append(int(files.sentence["max_seq_length"]))
    window = int(files.own.get("window_tokens") or min(limits))
    if not 32 <= window <= architecture.max_positions:
        raise CheckpointError(
            f"{files.name} is set to read {window} tokens at once; it must be 32 to"
            f" {architecture.max_positions}."
        )
    return window


def _query_tokens(files: ModelFiles, form: str, architecture: Architecture) -> int:
    if form == "pylate":
        return min(int(files.library.get("query_length") or 32), architecture.max_positions)
    return min(
        int(files.sentence.get("max_seq_length") or MAX_TOKENS), architecture.max_positions, MAX_TOKENS
    )


def _check_shapes(tensors: TensorFiles, architecture: Architecture, name: str) -> str:
    """The prefix of the tensors' names, once all are there in the shapes that the config asks for."""
    first = "embeddings.tok_embeddings.weight"
    prefix = next((prefix for prefix in _TENSOR_PREFIXES if prefix + first in tensors.entries), None)
    if prefix is None:
        raise CheckpointError(f"{name}: its weights hold no {first}, so that they are not a ModernBERT's.")
    for tensor, shape in architecture.expected_shapes().items():
        found = tensors.shape(prefix + tensor)
        if found != shape:
            seen = "is missing" if found is None else f"has shape {list(found)}"
            raise CheckpointError(
                f"{name}: tensor {tensor} {seen} where config.json asks for {list(shape)}; config and weights"
                " do not belong together."
            )
    return prefix


def _warning(form: str, name: str) -> str:
    if form != "plain":
        return ""
    return (
        f"{name} was not trained to retrieve, and its mean-pooled vectors rank poorly; use a"
        " sentence-transformers or PyLate checkpoint for search."
    )
