"""Artefacts in a store: whole or not at all, the first of two the same, compared with what was noted."""

from __future__ import annotations

import errno
import os

import pytest

from indexer.cluster import store_lock
from indexer.cluster.store import SHARDS, WORDS, UrlStore, open_store
from indexer.errors import IndexBusyError, IndexCorruptError, InputError, MissingExtraError, StorageError

DIGEST = "d" * 64


@pytest.fixture(params=["folder", "url"])
def store(tmp_path, request):
    where = str(tmp_path / "store")
    store = open_store(where) if request.param == "folder" else UrlStore(f"file://{where}")
    store.check_writable()
    return store


@pytest.fixture(scope="module")
def shelf():
    """An object store: what is put on condition is put once, and a look says nothing of what came since."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Shelf(MemoryFileSystem):
        protocol = "shelf"
        store, pseudo_dirs = {}, [""]

        def exists(self, path, **kwargs):
            return False

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            if mode == "create" and self._strip_protocol(path) in self.store:
                raise FileExistsError(path)
            super().pipe_file(path, value, **kwargs)

    fsspec.register_implementation("shelf", Shelf, clobber=True)
    return Shelf


@pytest.fixture
def quick_beats(monkeypatch):
    """Who finds a lock learns soon that its holder lives."""
    monkeypatch.setattr(store_lock, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(store_lock, "LOOK_SECONDS", 0.002)


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


def test_nobody_else_reads_it(file, tmp_path):
    store = open_store(f"file://{tmp_path}/store")
    store.check_writable()
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


def test_a_full_store_leaves_nothing_half(file, tmp_path, monkeypatch):
    store = open_store(str(tmp_path / "store"))
    store.check_writable()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("indexer.cluster.store.os.fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*free some space"):
        store.publish(file, SHARDS, DIGEST, {})
    assert not list((tmp_path / "store" / SHARDS).iterdir())


def test_what_a_killed_writer_left_goes_when_nobody_can_be_writing_it(store, file, tmp_path):
    pattern = "x.tar.{}.new" if isinstance(store, UrlStore) else ".{}.new"
    old, young = (tmp_path / "store" / SHARDS / pattern.format(name) for name in "ab")
    for half in (old, young):
        half.write_bytes(b"half")
    os.utime(old, (0, 0))
    store.publish(file, SHARDS, "d", {})
    with store.locked():
        assert (old.exists(), young.exists()) == (False, True)
        assert store.facts(SHARDS, "d")


def test_a_full_place_leaves_nothing_half(shelf, file, monkeypatch):
    def full(self, local, remote, **kwargs):
        self.pipe_file(remote, b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    store = open_store("shelf://full/store")
    store.check_writable()
    monkeypatch.setattr(shelf, "put_file", full)
    with pytest.raises(StorageError, match=r"shelf://full/store.*No space left on device.*free some space"):
        store.publish(file, SHARDS, DIGEST, {})
    assert [name for name in shelf.store if "full/store" in name] == []


def test_a_bucket_by_a_mistyped_name_is_not_made(shelf, monkeypatch):
    def made(self, path, **kwargs):
        raise AssertionError(path)

    store = open_store("shelf://bucket/store")
    store.name = "s3://bucket/store"  # what S3's file system does of its own accord
    monkeypatch.setattr(shelf, "makedirs", made)
    monkeypatch.setattr(shelf, "mkdir", made)
    store.check_writable()
    with store.locked():
        pass


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for where in (f"{tmp_path}/file/store", f"local://{tmp_path}/file/store"):
        with pytest.raises(StorageError, match="cannot be written"):
            open_store(where).check_writable()

    def closed(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("indexer.cluster.store.create_file", closed)
    with pytest.raises(StorageError, match=r"Permission denied.*check the permissions"):
        open_store(str(tmp_path / "store")).check_writable()


class SomeClientError(Exception):
    """What a library raises of its own."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Access Denied"), "Access Denied"),
        (NotImplementedError(), "what is at shelf:// can be read only"),
        (SomeClientError("no such\n bucket"), "no such bucket"),
    ],
)
def test_whatever_a_place_answers_is_one_sentence(shelf, tmp_path, monkeypatch, error, said):
    def refuse(self, *arguments, **options):
        raise error

    store = open_store("shelf://closed/store")
    for name in ("pipe_file", "cat_file", "get_file"):
        monkeypatch.setattr(shelf, name, refuse)
    with pytest.raises(StorageError, match=rf"^The store shelf://closed/store cannot be written \({said}\)"):
        store.check_writable()
    with pytest.raises(StorageError, match=rf"cannot be read \({said}\)"):
        store.facts(SHARDS, DIGEST)
    with pytest.raises(IndexCorruptError, match="lacks a shard"):
        store.fetch(SHARDS, DIGEST, "0" * 64, tmp_path / "copy")


def test_a_place_that_is_none_is_one_sentence():
    with pytest.raises(InputError, match=r"memory://x is gone with its process"):
        open_store("memory://x")
    with pytest.raises(MissingExtraError, match=r"The store carrier-pigeon://x needs a package of its own"):
        open_store("carrier-pigeon://x")


def test_the_first_of_two_at_once_counts_where_a_look_is_old(shelf, file, tmp_path, quick_beats):
    store = open_store("shelf://race/store")
    first = store.publish(file, SHARDS, DIGEST, {})
    file.write_bytes(b"another")
    assert store.publish(file, SHARDS, DIGEST, {}) == first
    with (
        store.locked(),
        pytest.raises(IndexBusyError, match=r"Another job .* --store\. It began 20.*\.$"),
    ):
        open_store("shelf://race/store").locked().__enter__()
    with store.locked():
        pass


def test_a_job_that_was_killed_holds_up_the_next_for_a_while(shelf, file, monkeypatch):
    monkeypatch.setattr(store_lock, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(store_lock, "STALE_SECONDS", 0.02)
    store = open_store("shelf://killed/store")
    shelf().pipe_file(f"{store._root}/lock", b'{"host": "node-7", "began": "2026-11-27"}')
    told = []
    with store.locked(told.append):
        store.publish(file, SHARDS, DIGEST, {})
    assert told[0].startswith("It began 2026-11-27 on node-7.")
    assert not shelf().isfile(f"{store._root}/lock")


def test_two_jobs_do_not_write_at_once(tmp_path, store, quick_beats):
    with store.locked(), pytest.raises(IndexBusyError, match="Another job writes"):
        type(store)(store._folder if hasattr(store, "_folder") else store.name).locked().__enter__()
    with store.locked():
        pass
