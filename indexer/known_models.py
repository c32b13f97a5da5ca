"""A table of ModernBERT checkpoints worth naming, for `codesearch models`. Data, no logic.

Any other checkpoint of the family loads by hub name or folder just the same.
"""

from __future__ import annotations

from dataclasses import dataclass


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


KNOWN_MODELS = (
    KnownModel("codesearch-edge", "both", 13_600_000, 256, 64, "MIT", "bundled, code, the default"),
)
