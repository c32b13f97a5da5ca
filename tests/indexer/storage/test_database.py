from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest

from indexer.errors import IndexCorruptError, IndexMismatchError
from indexer.records import Chunk, FileRow, SkippedFile, SkippedRow, SourceFile, Span
from indexer.storage import database as store_module
from indexer.storage.database import StoreReader, StoreWriter, leaf_of

TEXT = "α = 1\n\n\nclass A:\n    def b(self):\n        return '😀'\n"


def chunk(chunk_id, start, end, spans=()):
    text = TEXT[start:end]
    first = TEXT[:start].count("\n") + 1
    last = first + text.count("\n") - text.endswith("\n")
    return Chunk(chunk_id, "a.py", "f" * 64, "python", text, start, end, first, last, 9, tuple(spans), "a.py")


def add(writer, path="a.py", text=TEXT):
    return writer.add_file(SourceFile(path, text, "python", "f" * 64, 60), 5)


SPANS = (
    Span("class", "A", 8, len(TEXT), 4, 6),
    Span("method", "A.b", 21, len(TEXT), 5, 6),
)


@pytest.fixture
def path(tmp_path):
    """A database of one file in two chunks, and another of one."""
    writer = StoreWriter(tmp_path / "index.db")
    file_id = add(writer)
    writer.add_chunk(file_id, chunk(1, 0, 8), "key-1", np.array([[0, 8]]))
    writer.add_chunk(file_id, chunk(2, 8, len(TEXT), SPANS), "key-2", np.array([[0, 3], [3, 5]]))
    other = add(writer, "b.py", "x = 2\n")
    writer.add_chunk(
        other, replace(chunk(3, 0, 6), path="b.py", text="x = 2\n", end_line=1), "key-3", np.array([[0, 6]])
    )
    writer.replace_skipped([SkippedRow(SkippedFile("z.bin", "binary", "has a NUL"), 7, 8)])
    writer.set_facts({"commit": "abc", "n_files": "2"})
    writer.set_facts({"commit": "def"})
    writer.close()
    return tmp_path / "index.db"


@pytest.fixture
def reader(path):
    reader = StoreReader(path)
    yield reader
    reader.close()


def test_what_is_written_is_read_again(reader):
    assert reader.file_chunks("a.py") == [chunk(1, 0, 8), chunk(2, 8, len(TEXT), SPANS)]
    assert "".join(c.text for c in reader.file_chunks("a.py")) == reader.file_text("a.py") == TEXT
    assert set(reader.files()) == {"a.py", "b.py"}
    assert reader.files()["a.py"] == FileRow(1, "a.py", "python", "f" * 64, 60, 5, "")
    assert reader.skipped() == {"z.bin": SkippedRow(SkippedFile("z.bin", "binary", "has a NUL"), 7, 8)}
    assert reader.facts() == {"commit": "def", "n_files": "2"}


def test_unknown_chunks_and_files_are_left_out(reader):
    assert list(reader.chunks([2, 99, 1])) == [1, 2]
    assert reader.chunks([]) == {}
    assert reader.file_chunks("nowhere.py") == []
    assert reader.file_text("nowhere.py") is None


def test_more_chunks_than_one_statement_takes(reader):
    assert sorted(reader.chunks(range(100_000))) == [1, 2, 3]


def test_a_removed_file_leaves_nothing(path):
    writer = StoreWriter(path)
    before = writer.files()
    regions = writer.file_regions(before["a.py"].file_id)
    assert {chunk_id: found.tolist() for chunk_id, found in regions.items()} == {
        1: [[0, 8]],
        2: [[0, 3], [3, 5]],
    }
    writer.remove_file(before["a.py"].file_id)
    assert [row.embedding_key for row in writer.chunk_keys()] == ["key-3"]
    writer.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT count(*) FROM spans").fetchone() == (0,)
    raw.close()


def test_a_touched_file_keeps_its_content(path):
    writer = StoreWriter(path)
    writer.touch(writer.files()["a.py"].file_id, 61, 99)
    assert writer.files()["a.py"] == FileRow(1, "a.py", "python", "f" * 64, 61, 99, "")
    writer.close()


def test_skipped_files_are_replaced_as_a_whole(path):
    writer = StoreWriter(path)
    writer.replace_skipped([])
    writer.close()
    reader = StoreReader(path)
    assert reader.skipped() == {}
    reader.close()


def test_many_threads_share_one_reader(reader):
    failures = []

    def read():
        for _ in range(50):
            if len(reader.chunks([1, 2])) != 2:
                failures.append(1)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    ("name", "leaf"),
    [
        ("Router.add_route", "addroute"),
        ("addRoute", "addroute"),
        ("Guide > Setting up > First steps", "first steps"),
        ("Guide > Release 2.1", "release 2.1"),
        ("3.2 The model", "3.2 the model"),
        ("core.$ZodType", "zodtype"),
        ("$", "$"),
    ],
)
def test_symbols_are_looked_up_by_their_last_part(name, leaf):
    assert leaf_of(name) == leaf


def test_a_new_database_is_what_migrations_make_of_an_empty_one(monkeypatch, tmp_path):
    """Without them, and without the library that runs them."""
    empty = tmp_path / "empty.sql"
    empty.write_text("")
    with monkeypatch.context() as patched:
        patched.setattr(store_module, "_SCHEMA", empty)
        StoreWriter(tmp_path / "migrated.db").close()
    monkeypatch.setattr(store_module, "_migrate", None)
    StoreWriter(tmp_path / "new.db").close()
    schemas = []
    for name in ("migrated.db", "new.db"):
        reader = StoreReader(tmp_path / name)
        schemas.append(reader.query("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        reader.close()
    assert schemas[0] == schemas[1]


def test_migrations_run_once_and_in_order(path, monkeypatch):
    def add_column(db):
        db.table("files").add_column("colour", str)

    monkeypatch.setattr(store_module, "MIGRATIONS", (*store_module.MIGRATIONS, add_column))
    monkeypatch.setattr(store_module, "SCHEMA_VERSION", len(store_module.MIGRATIONS))
    for _ in range(2):
        StoreWriter(path).close()
    reader = StoreReader(path)
    assert reader.query("SELECT path, colour FROM files WHERE file_id = 1") == [("a.py", None)]
    reader.close()


def test_another_schema_is_refused(path, monkeypatch):
    known = len(store_module.MIGRATIONS)
    monkeypatch.setattr(store_module, "SCHEMA_VERSION", known + 1)
    with pytest.raises(IndexMismatchError, match=f"schema version {known}, this .* reads {known + 1}"):
        StoreReader(path)


def test_an_emptied_database_is_refused(tmp_path):
    (tmp_path / "index.db").touch()
    with pytest.raises(IndexMismatchError, match="schema version 0"):
        StoreReader(tmp_path / "index.db")


@pytest.mark.parametrize("content", [b"nonsense" * 500, None])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "index.db").write_bytes(content)
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        StoreReader(tmp_path / "index.db")


def test_damaged_pages_are_an_error_of_ours(path):
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[page:] = b"\xff" * (len(content) - page)
    path.write_bytes(content)
    reader = StoreReader(path)
    for read in (
        reader.files,
        reader.skipped,
        lambda: reader.chunks([1]),
        lambda: reader.file_chunks("a.py"),
    ):
        with pytest.raises(IndexCorruptError, match="--rebuild"):
            read()
    reader.close()


def test_a_closed_reader_is_not_called_damaged(path):
    reader = StoreReader(path)
    reader.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        reader.files()
