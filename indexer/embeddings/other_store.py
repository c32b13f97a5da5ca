"""The stored embeddings of another index, read by content key to be stored once more.

Nothing is written or locked there, another process may be writing meanwhile: each row of the database is
compared with its checksum and each block of bytes with what its commit noted of it. What does not agree is
left out, and computed instead.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from indexer.closing import Closing
from indexer.embeddings.embedding_store import NewEmbedding, RowLayout
from indexer.embeddings.segment_files import COLUMNS, row_checksum, segment_path
from indexer.light_dataclasses import dataclass
from indexer.system import NEVER_WAIT, open_plain

_DATABASE = "embeddings.db"
_MAX_BLOCK_BYTES = 1 << 28
_KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Block:
    """What one commit wrote to a segment file."""

    start: int
    n_bytes: int
    sha256: str


def written_at(folder: Path) -> tuple[int, int, int] | None:
    """Changes whenever the database that `OtherStore` reads does; None where there is none."""
    try:
        facts = (folder / _DATABASE).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


class OtherStore(Closing):
    """A reader of stored embeddings that belong to another index."""

    def __init__(self, folder: Path, layout: RowLayout) -> None:
        """Open what lies in `folder` as it is. Raises OSError or sqlite3.Error where it cannot be read."""
        self._folder = folder
        self._widths = {"single": 2 * layout.single_dim, "rows": layout.n_row_bytes}
        self._single_dim = layout.single_dim
        self._blocks: dict[tuple[int, str], list[_Block]] = {}
        self._read: dict[str, tuple[int, _Block, bytes]] = {}
        """By kind, the block that was read last and its segment."""
        path = folder / _DATABASE
        os.close(open_plain(path, os.O_RDONLY | NEVER_WAIT))
        self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            self._db.execute("PRAGMA trusted_schema = OFF")
            ((n_foreign,),) = self._db.execute(
                "SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger')"
            )
            if n_foreign:
                raise sqlite3.DatabaseError("it holds other tables than ours")
        except BaseException:
            self._db.close()
            raise

    def keys(self) -> list[str]:
        """All that is stored here. Raises sqlite3.Error."""
        return [key for (key,) in self._db.execute("SELECT key FROM embeddings")]

    def n_rows(self) -> dict[str, int]:
        """Token rows of all that is stored here, by key. Raises sqlite3.Error."""
        return dict(self._db.execute("SELECT key, n_rows FROM embeddings"))

    def load(self, keys: Iterable[str]) -> Iterator[NewEmbedding]:
        """What is stored whole under each of the keys; others are left out.

        Raises sqlite3.Error where the database turns out to be damaged.
        """
        fitting = self._fitting_segments()
        found: list[tuple[Any, ...]] = []
        ordered = sorted(set(keys))
        for at in range(0, len(ordered), _KEYS_AT_ONCE):
            part = ordered[at : at + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(part))
            sql = f"SELECT {', '.join(COLUMNS)}, checksum FROM embeddings WHERE key IN ({marks})"
            rows = self._db.execute(sql, part).fetchall()
            found += [row[:-1] for row in rows if row[1] in fitting and row_checksum(row[:-1]) == row[-1]]
        for row in sorted(found, key=lambda row: (row[1], row[4], row[2])):  # as they lie on disk
            new = self._embedding(row)
            if new is not None:
                yield new

    def _fitting_segments(self) -> set[int]:
        """Segments whose rows are as wide as ours."""
        rows = self._db.execute("SELECT segment, single_bytes, rows_bytes FROM segments")
        return {segment for segment, *widths in rows if widths == list(self._widths.values())}

    def _embedding(self, row: tuple[Any, ...]) -> NewEmbedding | None:
        key, segment, single_start, n_single, rows_start, n_rows, regions, wide, n_header_rows = row
        single = self._bytes(segment, "single", single_start, n_single)
        rows = self._bytes(segment, "rows", rows_start, n_rows)
        if single is None or rows is None or len(regions) % 12 or len(wide) % 8:
            return None
        new = NewEmbedding(
            key,
            np.frombuffer(single, np.float16).reshape(n_single, self._single_dim if n_single else 0),
            np.frombuffer(rows, np.uint8).reshape(n_rows, self._widths["rows"] if n_rows else 0),
            np.frombuffer(regions, "<i4").reshape(-1, 3),
            np.frombuffer(wide, "<i4").reshape(-1, 2),
            n_header_rows,
        )
        return new if _is_consistent(new) else None

    def _bytes(self, segment: int, kind: str, start: int, n: int) -> bytes | None:
        """`n` rows of a segment file, or None where the bytes are not those that were written."""
        if n == 0:
            return b""
        first, last = start * self._widths[kind], (start + n) * self._widths[kind]
        block = self._block_at(segment, kind, first)
        if block is None or last > block.start + block.n_bytes:
            return None
        known = self._read.get(kind)
        if known is None or known[:2] != (segment, block):
            known = segment, block, self._whole(segment, kind, block)
            self._read[kind] = known
        content = known[2]
        return content[first - block.start : last - block.start] if content else None

    def _block_at(self, segment: int, kind: str, byte: int) -> _Block | None:
        if (segment, kind) not in self._blocks:
            rows = self._db.execute(
                "SELECT start_byte, n_bytes, sha256 FROM blocks WHERE segment = ? AND kind = ? ORDER BY 1",
                (segment, kind),
            )
            self._blocks[segment, kind] = [_Block(*row) for row in rows]
        blocks = self._blocks[segment, kind]
        at = bisect_right(blocks, byte, key=lambda block: block.start) - 1
        return blocks[at] if at >= 0 else None

    def _whole(self, segment: int, kind: str, block: _Block) -> bytes:
        """A block's bytes; none where they are not what its commit wrote."""
        if block.n_bytes > _MAX_BLOCK_BYTES:
            return b""
        with suppress(OSError):
            handle = open_plain(segment_path(self._folder, segment, kind), os.O_RDONLY | NEVER_WAIT)
            with os.fdopen(handle, "rb") as file:
                file.seek(block.start)
                content = file.read(block.n_bytes)
            if hashlib.sha256(content).hexdigest() == block.sha256:
                return content
        return b""

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def _is_consistent(new: NewEmbedding) -> bool:
    """Whether counts agree with each other and all numbers are finite."""
    n_single, n_rows = len(new.single), len(new.rows)
    ends = new.regions[:, 2]
    return (
        len(new.regions) > 0
        and n_single in (0, 1 + len(new.regions) + len(new.wide))
        and bool((np.diff(ends) >= 0).all())
        and 0 <= new.n_header_rows <= n_rows
        and int(ends[-1]) <= n_rows
        and bool(np.isfinite(new.single).all())
    )
