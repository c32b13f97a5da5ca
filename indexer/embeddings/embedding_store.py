"""Embeddings on disk, keyed by content: append-only, shared by all generations of one index.

A key stands for everything the vectors depend on (model, settings, text, span borders), so another
branch, a rename or a build that was killed finds its work done. A segment is two raw files, mapped
by readers: single vectors as float16 (V, H), and token rows, each its codec's bytes and two that say
where its token begins. Where each chunk's rows lie, and its regions, is in `embeddings.db`. Bytes are
written and synced before the row that names them, so what the database knows is always whole; what lies
beyond is overwritten.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.disk.state_files import open_in_place
from indexer.embeddings.segment_files import (
    COLUMNS,
    KINDS,
    open_database,
    row_checksum,
    segment_numbers,
    segment_path,
)
from indexer.errors import IndexCorruptError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int32Array
from indexer.vectors.row_codec import RowCodec, row_codec

SEGMENT_BYTES = 1 << 30
"""A segment that has reached this size is closed and the next begun."""

NOWHERE = 0xFFFF
"""The start of a row whose token is not in the text, the header's say, or further in than can be noted."""
_START_BYTES = 2
ROW_FORMAT = 2
"""Part of every key: vectors whose rows are stored in another way are computed anew."""


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
    single: Float32Array | NDArray[np.float16]
    """(1 + R + W, H), unit norm, stored as float16; (0, 0) where the checkpoint has no single-vector use."""
    rows: NDArray[np.uint8]
    """(n_rows, n_row_bytes) as `stored_rows` makes them; (0, 0) where it has no multi-vector head."""
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
        return self.codec.bytes_per_row + _START_BYTES if self.codec is not None else 0


def row_layout(single_dim: int, row_dim: int, codec: str) -> RowLayout:
    """The layout for vectors of these lengths; 0 for a kind that a checkpoint does not make."""
    return RowLayout(single_dim, row_codec(codec, row_dim) if row_dim else None)


def stored_rows(codes: NDArray[np.uint8], starts: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Codes (n, bytes_per_row) and where each token begins, (n,), as rows (n, n_row_bytes).

    A start counts characters from that of the row's region; NOWHERE, or more, for none.
    """
    noted = np.minimum(starts, NOWHERE).astype("<u2")
    return np.concatenate([codes, noted[:, None].view(np.uint8)], axis=1)


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """How much of a segment is needed."""

    segment: int
    n_bytes: int
    """On disk, both kinds."""
    n_live_bytes: int


class EmbeddingStore:
    """The writer's view. One process at a time (the build holds the lock)."""

    def __init__(self, folder: Path, layout: RowLayout) -> None:
        """Open or create. Raises IndexCorruptError where the database is damaged."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._row_bytes = {"single": 2 * layout.single_dim, "rows": layout.n_row_bytes}
        self._pending: list[NewEmbedding] = []
        self._db = open_database(folder)
        self._forget_missing()
        self._choose_segment()

    def _forget_missing(self) -> None:
        """Drop the rows of bytes that are not there (any more): they will be encoded again."""
        execute = self._db.execute
        # Written before the widths of rows were noted: there was one layout then.
        execute(
            "UPDATE segments SET single_bytes = ?, rows_bytes = ? WHERE single_bytes = 0 AND rows_bytes = 0",
            tuple(self._row_bytes.values()),
        )
        for segment, single_bytes, rows_bytes, single_end, rows_end in execute(
            "SELECT * FROM segments"
        ).fetchall():
            for kind, width, end, column in (
                ("single", single_bytes, single_end, "single_start + n_single"),
                ("rows", rows_bytes, rows_end, "rows_start + n_rows"),
            ):
                size = self._size(segment, kind)
                if size < width * end:
                    sql = f"DELETE FROM embeddings WHERE segment = ? AND ({column}) * ? > ?"
                    execute(sql, (segment, width, size))
                    sql = "DELETE FROM blocks WHERE segment = ? AND kind = ? AND start_byte + n_bytes > ?"
                    execute(sql, (segment, kind, size))

    def _choose_segment(self) -> None:
        """Go on with the last segment if it is whole, of this layout, and not full; else begin a new one."""
        self._segment, self._ends = 0, dict.fromkeys(KINDS, 0)
        on_disk = segment_numbers(self.folder)
        row = self._db.execute("SELECT * FROM segments ORDER BY segment DESC LIMIT 1").fetchone()
        if row is None:
            self._segment = max(on_disk, default=-1) + 1
            return
        last, single_bytes, rows_bytes, single_end, rows_end = row
        same_layout = {"single": single_bytes, "rows": rows_bytes} == self._row_bytes
        (known,) = self._db.execute(
            "SELECT coalesce(max(single_start + n_single), 0), coalesce(max(rows_start + n_rows), 0)"
            " FROM embeddings WHERE segment = ?",
            (last,),
        )
        # Whatever else is damaged: nothing that a row names is written over.
        ends = {"single": max(single_end, known[0]), "rows": max(rows_end, known[1])}
        is_whole = all(
            self._size(last, kind) >= ends[kind] * width for kind, width in self._row_bytes.items()
        )
        # Another index has the same files under names of its own: what comes next is ours alone.
        is_shared = any(self._n_names(last, kind) > 1 for kind in KINDS)
        if same_layout and is_whole and not is_shared and max(on_disk, default=0) <= last:
            self._segment, self._ends = last, ends
        else:
            self._segment = max({last, *on_disk}) + 1

    def _size(self, segment: int, kind: str) -> int:
        path = segment_path(self.folder, segment, kind)
        return path.stat().st_size if path.is_file() else 0

    def _n_names(self, segment: int, kind: str) -> int:
        path = segment_path(self.folder, segment, kind)
        return path.stat().st_nlink if path.is_file() else 0

    def known(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose vectors are stored or about to be."""
        wanted = set(keys)
        found = {new.key for new in self._pending} & wanted
        return found | {row[0] for row in self._rows("key", wanted - found)}

    def load(self, keys: Iterable[str]) -> dict[str, StoredEmbedding]:
        """What is stored under each of the keys; unknown keys are left out."""
        return {
            key: StoredEmbedding(
                segment, single_start, n_single, rows_start, n_rows,
                np.frombuffer(regions, "<i4").reshape(-1, 3), np.frombuffer(wide, "<i4").reshape(-1, 2),
                n_header_rows,
            )
            for key, segment, single_start, n_single, rows_start, n_rows, regions, wide, n_header_rows
            in self._rows(", ".join(COLUMNS), keys)
        }  # fmt: skip

    def _rows(self, columns: str, keys: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        ordered = sorted(set(keys))
        for at in range(0, len(ordered), 500):
            part = ordered[at : at + 500]
            marks = ",".join("?" * len(part))
            yield from self._db.execute(f"SELECT {columns} FROM embeddings WHERE key IN ({marks})", part)

    def add(self, new: NewEmbedding) -> None:
        """Queue one chunk's vectors; `commit` makes them durable."""
        self._pending.append(new)

    def commit(self) -> None:
        """Write all queued vectors: bytes first, synced, then the rows that name them."""
        if not self._pending:
            return
        if max(self._ends[kind] * size for kind, size in self._row_bytes.items()) >= SEGMENT_BYTES:
            self.start_segment()
        singles = [np.ascontiguousarray(new.single, dtype=np.float16) for new in self._pending]
        rows = [np.ascontiguousarray(new.rows) for new in self._pending]
        starts = dict(self._ends)
        records = []
        for new, single, row_bytes in zip(self._pending, singles, rows, strict=True):
            row = (
                new.key, self._segment, starts["single"], len(single), starts["rows"], len(row_bytes),
                new.regions.astype("<i4").tobytes(), new.wide.astype("<i4").tobytes(), new.n_header_rows,
            )  # fmt: skip
            records.append((*row, row_checksum(row)))
            starts["single"] += len(single)
            starts["rows"] += len(row_bytes)
        self._pending.clear()
        try:
            blocks = [self._append("single", singles), self._append("rows", rows)]
            self._record(records, [block for block in blocks if block[3]], starts)
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(
                f"The embeddings cannot be written to {self.folder} ({error}); free some space or check the"
                " permissions, then run the same command again: finished work is kept."
            ) from error
        self._ends = starts

    def _append(self, kind: str, arrays: list[NDArray[Any]]) -> tuple[int, str, int, int, str]:
        """Write behind the bytes that are known and sync; the row of `blocks` for it."""
        start = at = self._ends[kind] * self._row_bytes[kind]
        digest = hashlib.sha256()
        handle = open_in_place(segment_path(self.folder, self._segment, kind))
        try:
            os.ftruncate(handle, start)
            for array in arrays:
                raw = memoryview(array.tobytes())
                digest.update(raw)
                while raw:
                    n_written = os.pwrite(handle, raw, at)
                    raw, at = raw[n_written:], at + n_written
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, start)  # a full disk gets its space back
            raise
        finally:
            os.close(handle)
        return self._segment, kind, start, at - start, digest.hexdigest()

    def _record(self, records: list[Any], blocks: list[Any], ends: dict[str, int]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?,?,?,?,?,?,?,?,?,?)", records)
            self._db.executemany("INSERT OR REPLACE INTO blocks VALUES (?,?,?,?,?)", blocks)
            segment = (self._segment, *self._row_bytes.values(), *ends.values())
            self._db.execute("INSERT OR REPLACE INTO segments VALUES (?,?,?,?,?)", segment)
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    # --- what nothing needs any more ---------------------------------------------------------

    def start_segment(self) -> None:
        """Write what comes next to new files."""
        self._segment = max({self._segment, *segment_numbers(self.folder)}) + 1
        self._ends = dict.fromkeys(KINDS, 0)

    def usage(self, live: Set[str]) -> list[SegmentUse]:
        """What each segment on disk holds, of which how much is stored under the `live` keys."""
        widths = {row[0]: row[1:3] for row in self._db.execute("SELECT * FROM segments")}
        n_live: dict[int, int] = dict.fromkeys(segment_numbers(self.folder) | set(widths), 0)
        for key, segment, n_single, n_rows in self._db.execute(
            "SELECT key, segment, n_single, n_rows FROM embeddings"
        ):
            if key in live:
                single_bytes, rows_bytes = widths.get(segment, (0, 0))
                n_live[segment] += n_single * single_bytes + n_rows * rows_bytes
        return [
            SegmentUse(segment, sum(self._size(segment, kind) for kind in KINDS), n_bytes)
            for segment, n_bytes in sorted(n_live.items())
        ]

    def keys_in(self, segments: Iterable[int], live: Set[str]) -> list[str]:
        """The `live` keys whose vectors lie in the segments, in the order of their bytes."""
        wanted = set(segments)
        rows = self._db.execute(
            "SELECT key, segment FROM embeddings ORDER BY segment, rows_start, single_start"
        )
        return [key for key, segment in rows if segment in wanted and key in live]

    def drop(self, segments: Iterable[int], in_use: Set[int]) -> None:
        """Forget all that lies in the segments, and remove the files of those that no reader has `in_use`."""
        for segment in segments:
            for table in ("embeddings", "blocks", "segments"):
                self._db.execute(f"DELETE FROM {table} WHERE segment = ?", (segment,))
        kept = in_use | {row[0] for row in self._db.execute("SELECT segment FROM segments")} | {self._segment}
        for segment in segment_numbers(self.folder) - kept:
            for kind in KINDS:
                with suppress(OSError):
                    segment_path(self.folder, segment, kind).unlink()

    def close(self) -> None:
        """Commit what is queued and close."""
        self.commit()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self._db.close()


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
                # As bytes: while a build appends, the file may end within a number.
                raw = np.memmap(path, dtype=np.uint8, mode="r")
            except (OSError, ValueError) as error:
                raise IndexCorruptError(
                    f"{path.name} of the stored embeddings cannot be read ({error});"
                    " rebuild with `codesearch index --rebuild`."
                ) from error
            n_row_bytes = width * np.dtype(dtype).itemsize
            whole = raw[: len(raw) // n_row_bytes * n_row_bytes]
            # Not as a memmap, of which each slice costs microseconds more.
            self._maps[segment, kind] = whole.view(np.ndarray).view(dtype).reshape(-1, width)
        return self._maps[segment, kind]

    def hold(self, segment: int, single: NDArray[np.float16], rows: NDArray[np.uint8]) -> None:
        """Serve a segment from memory: (n, H) and (n, n_row_bytes), as `NewEmbedding` has them."""
        self._maps[segment, "single"], self._maps[segment, "rows"] = single, rows

    def single(self, segment: int, start: int, n: int) -> NDArray[np.float16]:
        """(n, H) float16, a view of the mapped file."""
        return self._slice(segment, "single", start, n)  # type: ignore[return-value]

    def rows(self, segment: int, start: int, n: int) -> NDArray[np.uint8]:
        """(n, n_row_bytes) uint8, a view of the mapped file."""
        return self._slice(segment, "rows", start, n)  # type: ignore[return-value]

    def codes(self, segment: int, start: int, n: int) -> NDArray[np.uint8]:
        """(n, bytes_per_row) uint8, the same rows as their codec made them."""
        return self.rows(segment, start, n)[:, :-_START_BYTES]

    def row_starts(self, segment: int, start: int, n: int) -> NDArray[np.uint16]:
        """(n,) where each row's token begins, in characters from its region's start; see NOWHERE."""
        starts = np.ascontiguousarray(self.rows(segment, start, n)[:, -_START_BYTES:])
        return starts.view("<u2").ravel().astype(np.uint16, copy=False)

    def _slice(self, segment: int, kind: str, start: int, n: int) -> NDArray[np.generic]:
        rows = self._map(segment, kind)[start : start + n]
        if len(rows) != n:  # mapped before it was appended to
            self._maps.pop((segment, kind))
            rows = self._map(segment, kind)[start : start + n]
        if len(rows) != n:
            path = segment_path(self._folder, segment, kind)
            raise IndexCorruptError(
                f"{path.name} of the stored embeddings is shorter than the index records;"
                " rebuild with `codesearch index --rebuild`."
            )
        return rows
