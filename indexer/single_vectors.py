"""The single-vector rows of a generation, searchable: one row a chunk, a region and a wide span."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.embedding_store import SegmentReader
from indexer.records import Float32Array
from indexer.tables import Tables


def build_single_index(folder: Path, tables: Tables, segments: SegmentReader) -> None:
    """Write the search structure of a generation."""
    parts = [
        segments.single(int(s), int(a), int(n))
        for s, a, n in zip(tables.segment, tables.single_start, tables.n_single, strict=True)
        if n
    ]
    if parts:
        np.save(folder / "single.npy", np.concatenate(parts))


class SingleVectors:
    """Read access."""

    def __init__(self, folder: Path) -> None:
        path = folder / "single.npy"
        self._rows = (
            np.load(path, mmap_mode="r", allow_pickle=False).astype(np.float32) if path.exists() else None
        )

    def search(self, query: Float32Array, k: int) -> tuple[NDArray[np.int64], Float32Array] | None:
        """The k nearest rows and their cosines, best first; None without single vectors."""
        if self._rows is None:
            return None
        scores = self._rows @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return best, scores[best]
