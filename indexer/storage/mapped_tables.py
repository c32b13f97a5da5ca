"""A generation's chunks and regions as arrays: what the read path maps instead of asking SQLite.

Chunks stand in order of `chunk_id`, regions in order of their chunk. The single-vector rows of a
generation are numbered through in the same order: for each chunk its own row, its regions', its wide
spans'. Files are plain .npy, mapped, never pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.disk.mapped_arrays import map_array, save_array
from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.errors import IndexCorruptError
from indexer.light_dataclasses import dataclass
from indexer.records import Int32Array, Int64Array
from indexer.storage.database import ChunkKey

REGION_BITS = 12
"""A region's lexical row is `chunk_id << REGION_BITS | ordinal`."""

Load = Callable[[Sequence[str]], Mapping[str, StoredEmbedding]]
"""What is stored under each of some keys."""

LACKING = -1
"""The segment of a chunk that is to have vectors and has none yet."""
WORDS_ONLY = -2
"""The segment of a chunk that is to have none."""

_CHUNKS_AT_ONCE = 4096

_COLUMNS = (
    "chunk_id",
    "file_id",
    "segment",
    "single_start",
    "n_single",
    "rows_start",
    "n_rows",
    "n_regions",
    "n_header_rows",
)


@dataclass(frozen=True, slots=True)
class Tables:
    """Columns over C chunks, R regions, W wide spans."""

    chunk_id: Int64Array
    """(C,) ascending."""
    file_id: Int64Array
    """(C,)"""
    segment: Int64Array
    """(C,) LACKING or WORDS_ONLY for a chunk without vectors; its other counts but `n_regions` are 0."""
    single_start: Int64Array
    n_single: Int64Array
    rows_start: Int64Array
    n_rows: Int64Array
    n_regions: Int64Array
    n_header_rows: Int64Array
    """(C,) each; see `StoredEmbedding`."""
    regions: Int32Array
    """(R, 3): start_char, end_char from the start of the chunk, end_row from the chunk's first row."""
    wide: Int32Array
    """(W, 2): characters from the start of the chunk."""
    region_start: Int64Array
    """(C + 1,): chunk c's regions are region_start[c] to region_start[c + 1]."""
    wide_start: Int64Array
    """(C + 1,)"""

    @property
    def n_chunks(self) -> int:
        """C."""
        return len(self.chunk_id)

    @property
    def has_vectors(self) -> NDArray[np.bool_]:
        """(C,) whether a chunk's vectors are stored."""
        return self.segment >= 0

    @property
    def lacks_vectors(self) -> NDArray[np.bool_]:
        """(C,) whether a chunk's vectors are still to be made."""
        lacks: NDArray[np.bool_] = self.segment == LACKING
        return lacks

    def position(self, chunk_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of chunk ids; each must exist."""
        return np.searchsorted(self.chunk_id, chunk_ids)


def make_tables(chunk_keys: Iterable[ChunkKey], load: Load) -> Tables:
    """Tables for chunks in order of id, from what `load` says is stored under their keys, if anything.

    A few thousand chunks are asked for at a time: what is stored of one is a kilobyte of objects while it
    is at hand, and some ninety bytes of the arrays.
    """
    parts = [_part(part, load([row.embedding_key for row in part])) for part in _batched(chunk_keys)]
    return _from_columns(
        np.concatenate([part.columns for part in parts] or [np.empty((0, len(_COLUMNS)), np.int64)]),
        np.concatenate([part.regions for part in parts] or [np.empty((0, 3), np.int32)]),
        np.concatenate([part.wide for part in parts] or [np.empty((0, 2), np.int32)]),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The arrays of some chunks."""

    columns: Int64Array
    """(n, len(_COLUMNS))"""
    regions: Int32Array
    wide: Int32Array


def _part(chunk_keys: Sequence[ChunkKey], stored: Mapping[str, StoredEmbedding]) -> _Part:
    columns: list[tuple[int, ...]] = []
    regions: list[Int32Array] = []
    wide = [np.empty((0, 2), np.int32)]
    lacking: list[Int32Array] = []
    """Regions of the chunks without vectors since the last one that has some: no row of numbers for each."""

    def add_lacking() -> None:
        if lacking:
            chars = np.concatenate(lacking)
            regions.append(np.pad(chars, ((0, 0), (0, 1))))
            lacking.clear()

    for row in chunk_keys:
        e = stored.get(row.embedding_key)
        if e is None:
            segment = LACKING if row.embedding_key else WORDS_ONLY
            columns.append((row.chunk_id, row.file_id, segment, 0, 0, 0, 0, len(row.regions), 0))
            lacking.append(row.regions)
        else:
            add_lacking()
            columns.append((row.chunk_id, row.file_id, *_columns_of(e)))
            regions.append(e.regions)
            wide.append(e.wide)
    add_lacking()
    return _Part(np.array(columns, np.int64), np.concatenate(regions), np.concatenate(wide))


def _columns_of(e: StoredEmbedding) -> tuple[int, ...]:
    """The columns behind chunk_id and file_id."""
    return (
        e.segment, e.single_start, e.n_single, e.rows_start, e.n_rows, len(e.regions), e.n_header_rows,
    )  # fmt: skip


def with_vectors(tables: Tables, stored: Mapping[int, StoredEmbedding]) -> Tables:
    """The same tables where more chunks have vectors; `stored` is by position in the chunk table."""
    columns = np.stack([getattr(tables, name) for name in _COLUMNS], axis=1)
    regions = np.array(tables.regions)
    wide, done = [], 0
    for at, e in sorted(stored.items()):
        columns[at, 2:] = _columns_of(e)
        regions[tables.region_start[at] : tables.region_start[at + 1]] = e.regions
        wide += [tables.wide[done : tables.wide_start[at]], e.wide]
        done = int(tables.wide_start[at + 1])
    return _from_columns(columns, regions, np.concatenate([*wide, tables.wide[done:]]))


def _batched(chunk_keys: Iterable[ChunkKey]) -> Iterator[list[ChunkKey]]:
    rows = iter(chunk_keys)
    while part := list(islice(rows, _CHUNKS_AT_ONCE)):
        yield part


def _from_columns(columns: Int64Array, regions: Int32Array, wide: Int32Array) -> Tables:
    named = {name: columns[:, i] for i, name in enumerate(_COLUMNS)}
    n_wide = np.maximum(named["n_single"] - named["n_regions"] - 1, 0)
    return Tables(
        **named,
        regions=regions,
        wide=wide,
        region_start=_borders(named["n_regions"]),
        wide_start=_borders(n_wide),
    )


def _borders(counts: Int64Array) -> Int64Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def save_tables(folder: Path, tables: Tables) -> None:
    """Write the arrays into a generation's folder."""
    save_array(folder / "chunks.npy", np.stack([getattr(tables, name) for name in _COLUMNS], axis=1))
    save_array(folder / "regions.npy", tables.regions)
    save_array(folder / "wide.npy", tables.wide)


def load_tables(folder: Path) -> Tables:
    """Map the arrays of a generation. Raises IndexCorruptError."""
    try:
        columns, regions, wide = (map_array(folder / f"{name}.npy") for name in ("chunks", "regions", "wide"))
        for array, width, kind in ((columns, len(_COLUMNS), "i8"), (regions, 3, "i4"), (wide, 2, "i4")):
            if array.shape[1:] != (width,) or array.dtype != np.dtype(kind):
                raise ValueError("unexpected shape or type")
        tables = _from_columns(columns, regions, wide)
        if tables.region_start[-1] != len(regions) or tables.wide_start[-1] != len(wide):
            raise ValueError("they do not match each other")
    except (OSError, ValueError, EOFError) as error:
        raise IndexCorruptError(
            f"The tables of the index in {folder} cannot be read ({error}); rebuild with"
            " `codesearch index --rebuild`."
        ) from error
    return tables
