"""Artefacts in a store: whole or not at all, the first of two the same, compared with what was noted."""

from __future__ import annotations

import errno

import pytest

from indexer.cluster.store import SHARDS, WORDS, open_store
from indexer.errors import IndexBusyError, IndexCorruptError, StorageError

DIGEST = "d" * 64


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.check_writable()
    return store


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(b"private" * 1000)
    return path


def test_what_is_published_comes_back(store, file, tmp_path):
    assert store.facts(SHARDS, DIGEST) is None
    facts = store.publish(file, SHARDS, DIGEST, {"n_files": 3})
    assert facts == store.facts(SHARDS, DIGEST)
    assert (facts["n_files"], facts["n_bytes"]) == (3, 7000)
    store.fetch(SHARDS, DIGEST, facts["sha256"], tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert store.has(SHARDS, DIGEST, facts["sha256"])
    assert store.facts(WORDS, DIGEST) is None
    store.drop(SHARDS, DIGEST)
    assert not list((tmp_path / "store" / SHARDS).iterdir())


def test_nobody_else_reads_it(store, file, tmp_path):
    store.publish(file, SHARDS, DIGEST, {})
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "store").rglob("*")} == {0}


def test_the_first_of_two_counts(store, file, tmp_path):
    first = store.publish(file, SHARDS, DIGEST, {})
    file.write_bytes(b"another")
    assert store.publish(file, SHARDS, DIGEST, {}) == first
    store.fetch(SHARDS, DIGEST, first["sha256"], tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size == 7000


def test_what_was_damaged_or_removed_is_said(store, file, tmp_path):
    facts = store.publish(file, SHARDS, DIGEST, {})
    (archive,) = (tmp_path / "store" / SHARDS).glob("*.tar")
    archive.write_bytes(b"x" * 7000)
    with pytest.raises(IndexCorruptError, match="is damaged"):
        store.fetch(SHARDS, DIGEST, facts["sha256"], tmp_path / "copy")
    archive.unlink()
    with pytest.raises(IndexCorruptError, match="lacks a shard"):
        store.fetch(SHARDS, DIGEST, facts["sha256"], tmp_path / "copy2")
    note = tmp_path / "store" / SHARDS / f"{DIGEST}.json"
    note.write_text("{half")
    assert store.facts(SHARDS, DIGEST) is None


def test_a_full_store_leaves_nothing_half(store, file, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("indexer.cluster.store.os.fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*free some space"):
        store.publish(file, SHARDS, DIGEST, {})
    assert not list((tmp_path / "store" / SHARDS).iterdir())


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path, store, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        open_store(str(tmp_path / "file" / "store")).check_writable()

    def closed(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("indexer.cluster.store.create_file", closed)
    with pytest.raises(StorageError, match=r"Permission denied.*check the permissions"):
        store.check_writable()


def test_two_jobs_do_not_write_at_once(tmp_path, store):
    with store.locked(), pytest.raises(IndexBusyError, match="Another job writes"):
        open_store(str(tmp_path / "store")).locked().__enter__()
    with store.locked():
        pass
