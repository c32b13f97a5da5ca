"""How stored embeddings lie on disk: the names of segments, and the database that says what is where.

`embedding_store.py` writes and reads them, `embedding_check.py` checks them.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path

from indexer.disk.state_files import open_in_place
from indexer.errors import IndexCorruptError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
    key TEXT PRIMARY KEY, segment INT NOT NULL, single_start INT NOT NULL, n_single INT NOT NULL,
    rows_start INT NOT NULL, n_rows INT NOT NULL, regions BLOB NOT NULL, wide BLOB NOT NULL,
    n_header_rows INT NOT NULL, checksum INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
    segment INTEGER PRIMARY KEY, single_bytes INT NOT NULL, rows_bytes INT NOT NULL,
    single_end INT NOT NULL, rows_end INT NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (
    segment INT NOT NULL, kind TEXT NOT NULL, start_byte INT NOT NULL, n_bytes INT NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY (segment, kind, start_byte)) WITHOUT ROWID;
"""
"""`segments`: bytes of a row and rows known, of both kinds. `blocks`: what one commit wrote, for checking.
`checksum`: of the row's other columns; NULL in rows of the first version, which had none."""

_OF_THE_DISK = frozenset({
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
})  # fmt: skip
"""What SQLite says where the file is sound, and cannot be opened, read or written."""
KINDS = ("single", "rows")
COLUMNS = (
    "key", "segment", "single_start", "n_single", "rows_start", "n_rows", "regions", "wide", "n_header_rows",
)  # fmt: skip
"""Of `embeddings`, the checksum left out."""


def row_checksum(row: Sequence[str | int | bytes]) -> int:
    """CRC-32 of a row of `embeddings`, its values in the order of COLUMNS."""
    parts = (value if isinstance(value, bytes) else str(value).encode() for value in row)
    return zlib.crc32(b"|".join(parts))


def segment_path(folder: Path, segment: int, kind: str) -> Path:
    """`kind` is `single` or `rows`."""
    return folder / f"{segment:04d}.{kind}"


def segment_files(folder: Path) -> list[Path]:
    """The files of all segments, in no order."""
    return [path for path in folder.iterdir() if path.stem.isdigit() and path.suffix[1:] in KINDS]


def segment_numbers(folder: Path) -> set[int]:
    """The segments that have a file."""
    return {int(path.stem) for path in segment_files(folder)}


def open_database(folder: Path) -> sqlite3.Connection:
    """Open `embeddings.db`, made if it is not there. Raises IndexCorruptError where it is damaged."""
    path = folder / "embeddings.db"
    db = None
    try:
        os.close(open_in_place(path))
        # We write ahead, and nobody else is connected: a rollback journal or a shared memory file is
        # not ours, and a journal can name any file of this machine for SQLite to delete.
        for foreign in ("embeddings.db-journal", "embeddings.db-shm"):
            (folder / foreign).unlink(missing_ok=True)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        # A generation that names these rows is synced later: they must be on disk by then.
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        _check_schema(db)
        db.execute(
            "INSERT OR IGNORE INTO segments"
            " SELECT segment, 0, 0, max(single_start + n_single), max(rows_start + n_rows) FROM embeddings"
            " WHERE segment NOT IN (SELECT segment FROM segments) GROUP BY segment"
        )
    except sqlite3.DatabaseError as error:
        if db is not None:
            db.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise
        raise IndexCorruptError(
            f"The stored embeddings are damaged ({error}); `codesearch doctor --repair` keeps what is whole."
        ) from error
    return db


def _check_schema(db: sqlite3.Connection) -> None:
    """Refuse a database that is not ours, and bring one of the first version to this one."""
    ((n_foreign,),) = db.execute("SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger')")
    names = tuple(row[1] for row in db.execute("PRAGMA table_info(embeddings)"))
    if n_foreign or names not in (COLUMNS, (*COLUMNS, "checksum")):
        raise sqlite3.DatabaseError("it holds other tables than ours")
    if names == COLUMNS:
        db.execute("ALTER TABLE embeddings ADD COLUMN checksum INT")
