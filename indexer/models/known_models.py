"""A table of ModernBERT checkpoints worth naming, for `codesearch models`. Data, no logic.

Any other checkpoint of the family loads by hub name or folder just the same.
"""

from __future__ import annotations

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One line of `codesearch models`."""

    name: str
    """As `--model` takes it: a bundled name or `owner/model`."""
    kind: str
    """`multi-vector`, `single-vector`, `both`, or `backbone` (not trained to retrieve)."""
    n_parameters: int
    single_dim: int
    """Values of a single vector; 0: no such head."""
    row_dim: int
    """Values of a token row; 0: no such head."""
    licence: str
    note: str


_LARGE = 394_781_696
_BASE = 149_014_272
"""Backbone of ModernBERT-base, the one that most of these are trained from."""

KNOWN_MODELS = (
    KnownModel("codesearch-edge", "both", 13_635_840, 256, 64, "MIT", "bundled; code; the default"),
    KnownModel("lightonai/LateOn-Code", "multi-vector", _BASE, 0, 128, "Apache-2.0", "code"),
    KnownModel("lightonai/LateOn-Code-edge", "multi-vector", 17_000_000, 0, 48, "Apache-2.0", "code, small"),
    KnownModel(
        "lightonai/GTE-ModernColBERT-v1", "multi-vector", _BASE, 0, 128, "Apache-2.0", "prose, English"
    ),
    KnownModel(
        "mixedbread-ai/mxbai-edge-colbert-v0-17m",
        "multi-vector",
        17_000_000,
        0,
        48,
        "Apache-2.0",
        "prose, small",
    ),
    KnownModel(
        "mixedbread-ai/mxbai-edge-colbert-v0-32m",
        "multi-vector",
        32_000_000,
        0,
        64,
        "Apache-2.0",
        "prose, small",
    ),
    KnownModel(
        "Alibaba-NLP/gte-modernbert-base", "single-vector", _BASE, 768, 0, "Apache-2.0", "prose and code"
    ),
    KnownModel(
        "nomic-ai/modernbert-embed-base",
        "single-vector",
        _BASE,
        768,
        0,
        "Apache-2.0",
        "prose; may be cut to 256",
    ),
    KnownModel("answerdotai/ModernBERT-base", "backbone", _BASE, 768, 0, "Apache-2.0", "not a retriever"),
    KnownModel("answerdotai/ModernBERT-large", "backbone", _LARGE, 1024, 0, "Apache-2.0", "not a retriever"),
    KnownModel(
        "jhu-clsp/mmBERT-small", "backbone", 140_000_000, 384, 0, "MIT", "1,800 languages; not a retriever"
    ),
    KnownModel(
        "jhu-clsp/mmBERT-base", "backbone", 307_000_000, 768, 0, "MIT", "1,800 languages; not a retriever"
    ),
)
"""Sizes and licences as the models' own cards state them; a loaded checkpoint is read, not looked up here."""
