"""Which of SQLite's errors say that the stored embeddings are damaged: told by their codes."""

from __future__ import annotations

import sqlite3

import pytest

from indexer.embeddings import segment_files
from indexer.embeddings.segment_files import open_database
from indexer.errors import IndexCorruptError


def failing(code: int, kind: type[sqlite3.Error]):
    def connect(*arguments: object, **settings: object) -> None:
        error = kind("in words that a later SQLite may choose")
        error.sqlite_errorcode = code
        raise error

    return connect


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, sqlite3.OperationalError),
        (sqlite3.SQLITE_CANTOPEN, sqlite3.OperationalError),
        (sqlite3.SQLITE_IOERR_WRITE, sqlite3.OperationalError),
    ],
)
def test_a_disk_that_fails_is_no_damage(tmp_path, monkeypatch, code, kind):
    monkeypatch.setattr(segment_files.sqlite3, "connect", failing(code, kind))
    with pytest.raises(kind):
        open_database(tmp_path)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError),
        (sqlite3.SQLITE_NOTADB, sqlite3.DatabaseError),
        (sqlite3.SQLITE_ERROR, sqlite3.OperationalError),
    ],
)
def test_a_file_that_is_not_ours_is_damage(tmp_path, monkeypatch, code, kind):
    monkeypatch.setattr(segment_files.sqlite3, "connect", failing(code, kind))
    with pytest.raises(IndexCorruptError, match="doctor --repair"):
        open_database(tmp_path)
