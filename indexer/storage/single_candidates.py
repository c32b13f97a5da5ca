"""The single-vector rows of a generation, searchable: one row a chunk, a region and a wide span.

A row's id is its place in the embedding store, which outlives the generation, so that a large index
is changed rather than built anew. The structures themselves are `vectors/single_index.py`'s; this
module knows which rows a generation has and which chunks they belong to. Chunks of equal content
share their rows.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.embeddings.embedding_store import SegmentReader
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.storage.mapped_tables import Tables, load_tables
from indexer.vectors.base import BestScores, SingleIndex
from indexer.vectors.index_choice import VectorKind, choose
from indexer.vectors.ragged import run_places
from indexer.vectors.single_index import build_single, open_single, update_single

_FOLDER = "single"
_ROW_BITS = 40
"""An id is `segment << 40 | row of the segment`."""


@dataclass(frozen=True, slots=True)
class NearRows:
    """Rows near a query, best first; a row that several chunks share stands once for each of them."""

    chunk: Int64Array
    """(M,) positions in the chunk table."""
    row: Int64Array
    """(M,) 0 for the chunk's own row, then its regions', then its wide spans'."""
    scores: Float32Array
    """(M,) cosines."""


def build_single_index(
    folder: Path, tables: Tables, segments: SegmentReader, wanted: str = "auto", previous: Path | None = None
) -> None:
    """Write the search structure of a generation into its folder; nothing for a model without single vectors.

    `wanted` is `BuildSettings.vectors`; `previous` is the folder of the generation this one goes on from.
    """
    ids = _row_ids(tables)
    if not len(ids):
        return
    kind = choose(len(ids), 0, wanted).single
    (folder / _FOLDER).mkdir(mode=0o700)
    if kind is VectorKind.FAISS and previous is not None and (previous / _FOLDER).is_dir():
        before = _row_ids(load_tables(previous))
        removed, added = np.setdiff1d(before, ids), np.setdiff1d(ids, before)
        pieces = _pieces(added, segments)
        if update_single(previous / _FOLDER, folder / _FOLDER, kind, removed, added, pieces):
            return
    build_single(folder / _FOLDER, kind, ids, _pieces(ids, segments))


def _first_ids(tables: Tables) -> Int64Array:
    """(C,) the id of each chunk's own row."""
    return (tables.segment << _ROW_BITS) + tables.single_start


def _row_ids(tables: Tables, chunks: NDArray[np.bool_] | None = None) -> Int64Array:
    """(N,) ids of all rows, or of those of `chunks` (C,), ascending, each once."""
    mask = tables.n_single > 0 if chunks is None else chunks & (tables.n_single > 0)
    first, at = np.unique(_first_ids(tables)[mask], return_index=True)
    counts = tables.n_single[mask][at]
    return run_places(first, counts)


def _pieces(ids: Int64Array, segments: SegmentReader) -> list[NDArray[np.float16]]:
    """The rows under ascending ids, as views of the segments."""
    breaks = np.flatnonzero(np.diff(ids) != 1) + 1
    return [
        segments.single(int(run[0]) >> _ROW_BITS, int(run[0]) & ((1 << _ROW_BITS) - 1), len(run))
        for run in np.split(ids, breaks)
        if len(run)
    ]


class SingleVectors:
    """Read access to a generation's rows."""

    def __init__(self, folder: Path, tables: Tables) -> None:
        """Open what `build_single_index` wrote. Raises IndexCorruptError."""
        self._tables = tables
        first_ids = _first_ids(tables)
        order = np.argsort(first_ids, kind="stable")
        self._chunks: Int64Array = order[tables.n_single[order] > 0]  # by their first rows' ids
        self._first_ids = first_ids[self._chunks]
        self._index: SingleIndex | None = open_single(folder / _FOLDER) if len(self._chunks) else None

    @property
    def is_empty(self) -> bool:
        """Whether the model makes no single vectors."""
        return self._index is None

    def search(
        self,
        query: Float32Array,
        k: int,
        chunks: NDArray[np.bool_] | None = None,
        best: BestScores | None = None,
    ) -> NearRows:
        """The k nearest rows to a query (H,), among those of `chunks` (C,) where that is given.

        `best` has the scores of the indexes asked before: what cannot be among them is left out.
        """
        if self._index is None:
            nothing = np.empty(0, np.int64)
            return NearRows(nothing, nothing, np.empty(0, np.float32))
        allowed = None if chunks is None else _row_ids(self._tables, chunks)
        found = self._index.search(query, k, allowed, best.least if best is not None else -math.inf)
        if best is not None:
            best.add(found.scores)
        # Of chunks that share a row: those from `low` to `high` in order of first ids.
        low = np.searchsorted(self._first_ids, found.ids, "right") - 1
        first = self._first_ids[low]
        low = np.searchsorted(self._first_ids, first, "left")
        n_sharing = np.searchsorted(self._first_ids, first, "right") - low
        place = np.repeat(np.arange(len(found.ids)), n_sharing)
        chunk = self._chunks[run_places(low, n_sharing)]
        kept = np.ones(len(chunk), bool) if chunks is None else chunks[chunk]
        return NearRows(chunk[kept], (found.ids - first)[place][kept], found.scores[place][kept])
