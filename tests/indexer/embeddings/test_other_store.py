"""Another index's vectors are read whole or not at all, and nothing there is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from indexer.embeddings.embedding_store import EmbeddingStore, NewEmbedding, RowLayout
from indexer.embeddings.other_store import OtherStore
from indexer.embeddings.segment_files import segment_path
from indexer.vectors.row_codec import row_codec

LAYOUT = RowLayout(4, row_codec("int8", 8))


def embedding(key, n_rows=5):
    rng = np.random.default_rng(tuple(key.encode()))
    return NewEmbedding(
        key=key,
        single=rng.standard_normal((4, 4)).astype(np.float16),
        rows=rng.integers(0, 256, (n_rows, LAYOUT.n_row_bytes)).astype(np.uint8),
        regions=np.array([[0, 9, 2], [9, 20, n_rows]], np.int32),
        wide=np.array([[3, 20]], np.int32),
        n_header_rows=1,
    )


@pytest.fixture
def folder(tmp_path):
    with EmbeddingStore(tmp_path / "embeddings", LAYOUT) as store:
        for keys in ("ab", "cd"):  # two commits, two blocks a file
            for key in keys:
                store.add(embedding(key))
            store.commit()
    return tmp_path / "embeddings"


def found(folder, keys="abcdx", layout=LAYOUT):
    with OtherStore(folder, layout) as store:
        return {new.key: new for new in store.load(keys)}


def contents(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_what_is_stored_is_read_and_nothing_is_written(folder):
    before = contents(folder)
    read = found(folder)
    assert set(read) == set("abcd")
    for key, new in read.items():
        expected = embedding(key)
        for name in ("single", "rows", "regions", "wide"):
            assert np.array_equal(getattr(new, name), getattr(expected, name))
        assert new.n_header_rows == 1
    assert contents(folder) == before


@pytest.mark.parametrize("kind", ["single", "rows"])
def test_a_changed_byte_costs_the_vectors_of_its_commit_alone(folder, kind):
    path = segment_path(folder, 0, kind)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert set(found(folder)) == set("ab")
    path.write_bytes(content[: len(content) // 4])
    assert found(folder) == {}
    path.unlink()
    assert found(folder) == {}


def test_a_changed_row_of_the_database_is_left_out(folder):
    with closing(sqlite3.connect(folder / "embeddings.db", isolation_level=None)) as db:
        db.execute("UPDATE embeddings SET rows_start = 0 WHERE key = 'b'")
        db.execute("UPDATE embeddings SET checksum = NULL WHERE key = 'c'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert set(found(folder)) == set("ad")


def test_rows_of_another_width_are_left_out(folder):
    assert found(folder, layout=RowLayout(4, row_codec("float16", 8))) == {}


def test_no_database_another_database_and_a_link_are_errors(folder, tmp_path):
    with pytest.raises(OSError, match="No such file"):
        OtherStore(tmp_path / "none", LAYOUT)
    link = tmp_path / "linked"
    link.mkdir()
    (link / "embeddings.db").symlink_to(folder / "embeddings.db")
    with pytest.raises(OSError, match="symbolic link"):
        OtherStore(link, LAYOUT)
    (folder / "embeddings.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(sqlite3.DatabaseError):
        OtherStore(folder, LAYOUT)
