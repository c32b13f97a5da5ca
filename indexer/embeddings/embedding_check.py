"""Check stored embeddings byte by byte against what their commits noted, and forget what is damaged.

What is forgotten is encoded again by the next build; nothing else is lost. `doctor.py` reports what
`check_embeddings` finds, a rebuild repairs before it trusts what is stored. The caller holds the lock.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from indexer.embeddings.segment_files import COLUMNS, open_database, row_checksum, segment_path
from indexer.errors import IndexCorruptError
from indexer.wording import counted


def check_embeddings(folder: Path, *, may_write: bool = True) -> list[str]:
    """One sentence for each thing that is wrong; empty where every byte is as it was written.

    Where it may not write, what a killed build wrote ahead is left out of account.
    """
    return _check(folder, repair=False, may_write=may_write)


def repair_embeddings(folder: Path) -> list[str]:
    """As `check_embeddings`, and forget what is damaged."""
    return _check(folder, repair=True)


def _check(folder: Path, *, repair: bool, may_write: bool = True) -> list[str]:
    if not (folder / "embeddings.db").exists():
        return []
    try:
        with closing(open_database(folder) if may_write else _as_it_is(folder)) as db:
            (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise IndexCorruptError(state)
            return _check_rows(db, repair) + _check_blocks(folder, db, repair)
    except (IndexCorruptError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        if repair:
            # The segments stay: the live generation reads them until the next one is published.
            for name in ("embeddings.db", "embeddings.db-wal"):
                with suppress(FileNotFoundError):
                    (folder / name).unlink()
        return [f"embeddings.db is damaged ({error}), so that all vectors have to be computed again"]


def _as_it_is(folder: Path) -> sqlite3.Connection:
    uri = f"{(folder / 'embeddings.db').resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True)


def _check_rows(db: sqlite3.Connection, repair: bool) -> list[str]:
    columns = ", ".join(COLUMNS)
    rows = db.execute(f"SELECT {columns}, checksum FROM embeddings WHERE checksum IS NOT NULL")  # noqa: S608
    damaged = [row[0] for row in rows if row_checksum(row[:-1]) != row[-1]]
    if repair:
        db.executemany("DELETE FROM embeddings WHERE key = ?", [(key,) for key in damaged])
    if not damaged:
        return []
    return [
        f"embeddings.db is damaged in {counted(len(damaged), 'row')}, whose vectors have to be computed again"
    ]


def _check_blocks(folder: Path, db: sqlite3.Connection, repair: bool) -> list[str]:
    findings = []
    for segment, kind, start, n_bytes, expected in db.execute("SELECT * FROM blocks").fetchall():
        path = segment_path(folder, segment, kind)
        problem = _block_problem(path, start, n_bytes, expected)
        if not problem:
            continue
        column, first, last = _COLUMNS[kind]
        (width,) = db.execute(f"SELECT {column} FROM segments WHERE segment = ?", (segment,)).fetchone()  # noqa: S608
        where = f"segment = ? AND ({last}) * ? > ? AND {first} * ? < ?"
        values = (segment, width, start, width, start + n_bytes)
        (n_lost,) = db.execute(f"SELECT count(*) FROM embeddings WHERE {where}", values).fetchone()  # noqa: S608
        findings.append(
            f"{path.name} {problem}, so that the vectors of {counted(n_lost, 'chunk')} have to be computed"
            " again"
        )
        if repair:
            db.execute(f"DELETE FROM embeddings WHERE {where}", values)  # noqa: S608
            db.execute(
                "DELETE FROM blocks WHERE segment = ? AND kind = ? AND start_byte = ?", (segment, kind, start)
            )
    return findings


_COLUMNS = {
    "single": ("single_bytes", "single_start", "single_start + n_single"),
    "rows": ("rows_bytes", "rows_start", "rows_start + n_rows"),
}


def _block_problem(path: Path, start: int, n_bytes: int, expected: str) -> str:
    try:
        with path.open("rb") as file:
            file.seek(start)
            digest, left = hashlib.sha256(), n_bytes
            while left and (part := file.read(min(left, 1 << 20))):
                digest.update(part)
                left -= len(part)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if left:
        return f"ends {left:,} bytes early"
    return (
        ""
        if digest.hexdigest() == expected
        else f"has changed between bytes {start:,} and {start + n_bytes:,}"
    )
