"""The PLAID index of a generation's token rows, where it has one: which chunks may answer, by their rows.

A document is a chunk's rows as they are stored; its id is their place in the embedding store, which
outlives the generation, so that an index is changed rather than built anew. Chunks of equal content are
one document. PLAID names candidates; `candidates.py` scores their stored rows. The structure itself is
`vectors/plaid_index.py`'s; `single_candidates.py` is the same for single vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.embeddings.embedding_store import SegmentReader
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.storage.mapped_tables import Tables, load_tables
from indexer.vectors.index_choice import VectorKind, choose
from indexer.vectors.row_codec import RowCodec

if TYPE_CHECKING:  # a search without such an index does not wait for it
    from indexer.vectors.plaid_index import PlaidIndex

_FOLDER = "multi"
_ROW_BITS = 40
"""An id is `segment << 40 | first row in the segment`."""


def build_multi_index(
    folder: Path,
    tables: Tables,
    segments: SegmentReader,
    codec: RowCodec | None,
    wanted: str = "auto",
    previous: Path | None = None,
) -> None:
    """Write a PLAID index into a generation's folder, where its rows are so many or `wanted` asks for it.

    `wanted` is `BuildSettings.vectors`; `previous` is the folder of the generation this one goes on from.
    Raises MissingExtraError without PyLate.
    """
    if codec is None or choose(0, int(tables.n_rows.sum()), wanted).multi is not VectorKind.PLAID:
        return
    from indexer.vectors.plaid_index import build_plaid, update_plaid

    positions = _documents(tables)
    if not len(positions):
        return
    ids = _ids(tables)[positions]
    (folder / _FOLDER).mkdir(mode=0o700)
    if previous is not None and (previous / _FOLDER).is_dir():
        before = load_tables(previous)
        ids_before = _ids(before)[_documents(before)]
        removed, is_new = np.setdiff1d(ids_before, ids), ~np.isin(ids, ids_before)
        added = _StoredRows(tables, positions[is_new], segments, codec)
        if update_plaid(previous / _FOLDER, folder / _FOLDER, removed, ids[is_new], added) is not None:
            return
    build_plaid(folder / _FOLDER, ids, _StoredRows(tables, positions, segments, codec))


def _ids(tables: Tables) -> Int64Array:
    """(C,) the id of each chunk's rows."""
    return (tables.segment << _ROW_BITS) + tables.rows_start


def _documents(tables: Tables) -> Int64Array:
    """(N,) positions of chunks that have rows, one for each distinct id, by ascending id."""
    with_rows = np.flatnonzero(tables.n_rows > 0)
    _, first = np.unique(_ids(tables)[with_rows], return_index=True)
    return with_rows[first]


@dataclass(frozen=True, slots=True)
class _StoredRows:
    """Chunks' rows in the model's space, (n, D) float32 each, decoded when they are asked for."""

    tables: Tables
    positions: Int64Array
    segments: SegmentReader
    codec: RowCodec

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, at: int) -> Float32Array:
        t, c = self.tables, int(self.positions[at])
        return self.codec.decode(
            self.segments.codes(int(t.segment[c]), int(t.rows_start[c]), int(t.n_rows[c]))
        )

    def __iter__(self) -> Iterator[Float32Array]:
        return (self[at] for at in range(len(self)))


class MultiVectors:
    """Read access to a generation's PLAID index. Opening it loads torch, so the first search does."""

    def __init__(self, folder: Path, tables: Tables) -> None:
        """`folder` is the generation's; see `is_built`."""
        self._folder = folder / _FOLDER
        self._tables = tables

    @property
    def is_built(self) -> bool:
        """Whether the generation has such an index."""
        return self._folder.is_dir()

    @cached_property
    def _index(self) -> PlaidIndex:
        from indexer.vectors.plaid_index import PlaidIndex

        return PlaidIndex(self._folder)

    @cached_property
    def _own_ids(self) -> Int64Array:
        return _ids(self._tables)

    @cached_property
    def _by_id(self) -> Int64Array:
        """(N,) positions of chunks that have rows, by ascending id: one without shares the next one's."""
        with_rows = np.flatnonzero(self._tables.n_rows > 0)
        return with_rows[np.argsort(self._own_ids[with_rows], kind="stable")]

    def search(self, query_rows: Float32Array, k: int, chunks: NDArray[np.bool_] | None = None) -> Int64Array:
        """Positions of the chunks nearest to query rows (Q, D), best first, of those in `chunks` (C,).

        k documents are named; chunks that share their rows are named together. Raises IndexCorruptError,
        or MissingExtraError without PyLate.
        """
        allowed = None if chunks is None else np.unique(self._own_ids[chunks & (self._tables.n_rows > 0)])
        found = self._index.search(query_rows, k, allowed)
        ids = self._own_ids[self._by_id]
        low, high = (np.searchsorted(ids, found.ids, side) for side in ("left", "right"))
        named = [self._by_id[first:last] for first, last in zip(low, high, strict=True)]
        positions = np.concatenate([np.empty(0, np.int64), *named])
        return positions if chunks is None else positions[chunks[positions]]
