"""Embeddings on disk, keyed by content: append-only, shared by all generations of one index.

A key stands for everything the vectors depend on (model, settings, text, span borders), so another
branch, a rename or a build that was killed finds its work done. A segment is two raw files, mapped
by readers: single vectors as float16 (V, H) and token rows as codec bytes (R, bytes_per_row); where
each chunk's rows lie, and its regions, is in `embeddings.db`. Bytes are written and synced before the
row that names them, so what the database knows is always whole; what lies beyond is overwritten.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.checkpoint import Checkpoint
from indexer.errors import IndexCorruptError, StorageError
from indexer.records import Float32Array, Int32Array
from indexer.vectors.codec import RowCodec, row_codec

SEGMENT_BYTES = 1 << 30
"""A segment that has reached this size is closed and the next begun."""


@dataclass(frozen=True, slots=True)
class StoredEmbedding:
    """Where one chunk's vectors lie, in rows of its segment, and how they are divided."""

    segment: int
    single_start: int
    n_single: int
    """Rows: the chunk, its regions, its wide spans."""
    rows_start: int
    n_rows: int
    regions: Int32Array
    """(R, 3): start_char, end_char from the start of the chunk, and end_row (half-open, from the
    chunk's first row). The rows before the first region's, the header's, count as region 0's start:
    `n_header_rows` of them."""
    wide: Int32Array
    """(W, 2): characters of the wide spans from the start of the chunk."""
    n_header_rows: int


@dataclass(frozen=True, slots=True)
class NewEmbedding:
    """What is to be stored of one chunk."""

    key: str
    single: Float32Array
    """(1 + R + W, H), unit norm; (0, 0) where the checkpoint has no single-vector use."""
    codes: NDArray[np.uint8]
    """(n_rows, bytes_per_row); (0, 0) where it has no multi-vector head."""
    regions: Int32Array
    wide: Int32Array
    n_header_rows: int


@dataclass(frozen=True, slots=True)
class RowLayout:
    """How one row of each kind lies on disk; 0 where a checkpoint has no such vectors."""

    single_dim: int
    codec: RowCodec | None

    @property
    def n_row_bytes(self) -> int:
        """Bytes of a token row."""
        return self.codec.bytes_per_row if self.codec is not None else 0


def row_layout(checkpoint: Checkpoint, codec: str) -> RowLayout:
    """The layout for a checkpoint's vectors."""
    return RowLayout(
        checkpoint.single.dim if checkpoint.single else 0,
        row_codec(codec, checkpoint.rows.dim) if checkpoint.rows else None,
    )


_TABLE = """CREATE TABLE IF NOT EXISTS embeddings (
    key TEXT PRIMARY KEY, segment INT NOT NULL, single_start INT NOT NULL, n_single INT NOT NULL,
    rows_start INT NOT NULL, n_rows INT NOT NULL, regions BLOB NOT NULL, wide BLOB NOT NULL,
    n_header_rows INT NOT NULL) WITHOUT ROWID"""


def segment_path(folder: Path, segment: int, kind: str) -> Path:
    """`kind` is `single` or `rows`."""
    return folder / f"{segment:04d}.{kind}"


class EmbeddingStore:
    """The writer's view. One process at a time (the build holds the lock)."""

    def __init__(self, folder: Path, layout: RowLayout) -> None:
        """Open or create. Raises IndexCorruptError where the database is damaged."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._row_bytes = {"single": 2 * layout.single_dim, "rows": layout.n_row_bytes}
        try:
            self._db = sqlite3.connect(
                folder / "embeddings.db", isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_TABLE)
            (segment,) = self._db.execute("SELECT coalesce(max(segment), 0) FROM embeddings").fetchone()
        except sqlite3.DatabaseError as error:
            raise IndexCorruptError(
                f"The stored embeddings are damaged ({error}); rebuild with `codesearch index --rebuild`."
            ) from error
        self._segment = int(segment)
        self._pending: list[NewEmbedding] = []
        self._ends = self._known_ends()

    def _known_ends(self) -> dict[str, int]:
        single, rows = self._db.execute(
            "SELECT coalesce(max(single_start + n_single), 0), coalesce(max(rows_start + n_rows), 0)"
            " FROM embeddings WHERE segment = ?",
            (self._segment,),
        ).fetchone()
        return {"single": int(single), "rows": int(rows)}

    def known(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose vectors are stored or about to be."""
        wanted = set(keys)
        found = {new.key for new in self._pending} & wanted
        ordered = sorted(wanted - found)
        for at in range(0, len(ordered), 500):
            part = ordered[at : at + 500]
            marks = ",".join("?" * len(part))
            found |= {
                k for (k,) in self._db.execute(f"SELECT key FROM embeddings WHERE key IN ({marks})", part)
            }
        return found

    def add(self, new: NewEmbedding) -> None:
        """Queue one chunk's vectors; `commit` makes them durable."""
        self._pending.append(new)

    def commit(self) -> None:
        """Write all queued vectors: bytes first, synced, then the rows that name them."""
        if not self._pending:
            return
        if max(self._ends[kind] * size for kind, size in self._row_bytes.items()) >= SEGMENT_BYTES:
            self._segment += 1
            self._ends = {"single": 0, "rows": 0}
        singles = [np.ascontiguousarray(new.single, dtype=np.float16) for new in self._pending]
        codes = [np.ascontiguousarray(new.codes) for new in self._pending]
        starts = dict(self._ends)
        records = []
        for new, single, code in zip(self._pending, singles, codes, strict=True):
            records.append(
                (
                    new.key, self._segment, starts["single"], len(single), starts["rows"], len(code),
                    new.regions.astype("<i4").tobytes(), new.wide.astype("<i4").tobytes(), new.n_header_rows,
                )
            )  # fmt: skip
            starts["single"] += len(single)
            starts["rows"] += len(code)
        try:
            self._append("single", singles)
            self._append("rows", codes)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?,?,?,?,?,?,?,?,?)", records)
            self._db.execute("COMMIT")
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(
                f"The embeddings cannot be written to {self.folder} ({error}); free some space or check the"
                " permissions, then run the same command again: finished work is kept."
            ) from error
        self._ends = starts
        self._pending.clear()

    def _append(self, kind: str, arrays: list[NDArray[np.generic]]) -> None:
        path = segment_path(self.folder, self._segment, kind)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            file.seek(self._ends[kind] * self._row_bytes[kind])
            file.truncate()
            for array in arrays:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Commit what is queued and close."""
        self.commit()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._db.close()


def load_all(folder: Path, keys: Iterable[str]) -> dict[str, StoredEmbedding]:
    """What is stored under each of the keys, for a generation's tables; unknown keys are left out."""
    db = sqlite3.connect(f"{(folder / 'embeddings.db').resolve().as_uri()}?mode=ro", uri=True)
    found: dict[str, StoredEmbedding] = {}
    ordered = sorted(set(keys))
    try:
        for at in range(0, len(ordered), 500):
            part = ordered[at : at + 500]
            marks = ",".join("?" * len(part))
            for row in db.execute(f"SELECT * FROM embeddings WHERE key IN ({marks})", part):
                key, segment, single_start, n_single, rows_start, n_rows, regions, wide, n_header_rows = row
                found[key] = StoredEmbedding(
                    segment, single_start, n_single, rows_start, n_rows,
                    np.frombuffer(regions, "<i4").reshape(-1, 3), np.frombuffer(wide, "<i4").reshape(-1, 2),
                    n_header_rows,
                )  # fmt: skip
    finally:
        db.close()
    return found


class SegmentReader:
    """The reader's view: segments mapped on first use."""

    def __init__(self, folder: Path, layout: RowLayout) -> None:
        self._folder = folder
        self._shapes: dict[str, tuple[int, type[np.generic]]] = {
            "single": (layout.single_dim, np.float16),
            "rows": (layout.n_row_bytes, np.uint8),
        }
        self._maps: dict[tuple[int, str], NDArray[np.generic]] = {}

    def _map(self, segment: int, kind: str) -> NDArray[np.generic]:
        if (segment, kind) not in self._maps:
            width, dtype = self._shapes[kind]
            path = segment_path(self._folder, segment, kind)
            try:
                flat = np.memmap(path, dtype=dtype, mode="r")
            except (OSError, ValueError) as error:
                raise IndexCorruptError(
                    f"{path.name} of the stored embeddings cannot be read ({error});"
                    " rebuild with `codesearch index --rebuild`."
                ) from error
            self._maps[segment, kind] = flat[: len(flat) // width * width].reshape(-1, width)
        return self._maps[segment, kind]

    def single(self, segment: int, start: int, n: int) -> NDArray[np.float16]:
        """(n, H) float16, a view of the mapped file."""
        return self._slice(segment, "single", start, n)  # type: ignore[return-value]

    def rows(self, segment: int, start: int, n: int) -> NDArray[np.uint8]:
        """(n, bytes_per_row) uint8, a view of the mapped file."""
        return self._slice(segment, "rows", start, n)  # type: ignore[return-value]

    def _slice(self, segment: int, kind: str, start: int, n: int) -> NDArray[np.generic]:
        rows = self._map(segment, kind)[start : start + n]
        if len(rows) != n:
            path = segment_path(self._folder, segment, kind)
            raise IndexCorruptError(
                f"{path.name} of the stored embeddings is shorter than the index says;"
                " rebuild with `codesearch index --rebuild`."
            )
        return rows
