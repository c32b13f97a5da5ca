from __future__ import annotations

import os
import time

import pytest

from indexer.disk.remembered import private_folder, recall, recall_bytes, remember, remember_bytes


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "codesearch"


def test_what_was_remembered_comes_back(cache):
    assert recall("kind", "name") == {}
    remember("kind", "name", {"stamp": [1, 2]})
    assert recall("kind", "name") == {"stamp": [1, 2]}


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_none(cache, content):
    (cache / "kind").mkdir(parents=True)
    (cache / "kind" / "name.json").write_bytes(content)
    assert recall("kind", "name") == {}


def test_without_a_folder_for_it_nothing_is_remembered(cache, monkeypatch):
    cache.write_text("a file")
    remember("kind", "name", {"a": 1})
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    remember("kind", "name", {"a": 1})
    assert recall("kind", "name") == {}


def test_what_killed_processes_were_about_to_rename_is_removed(cache):
    remember_bytes("kind", "graph", b"content")
    old, new = cache / "kind" / "graph.7.0a1b2c3d.new", cache / "kind" / "other.7.0a1b2c3d.new"
    for half in (old, new):
        half.write_bytes(b"half")
    os.utime(old, (time.time() - 7_200,) * 2)
    remember("kind", "name", {"a": 1})
    assert {path.name for path in (cache / "kind").iterdir()} == {"graph", "name.json", new.name}


def test_what_nobody_asked_for_in_a_long_time_is_removed(cache):
    """A graph of an older version is never asked for again."""
    for name in ("used", "outdated"):
        remember_bytes("kind", name, b"content")
    for name in ("used", "outdated"):
        os.utime(cache / "kind" / name, (time.time() - 100 * 86_400,) * 2)
    written = (cache / "kind" / "used").stat().st_mtime_ns
    assert recall_bytes("kind", "used") is not None
    remember_bytes("kind", "new", b"content")
    assert {path.name for path in (cache / "kind").iterdir()} == {"used", "new"}
    assert (cache / "kind" / "used").stat().st_mtime_ns == written


def test_a_librarys_folder_is_closed_to_others_and_always_there(cache, monkeypatch):
    folder = private_folder("compiled")
    assert folder == cache / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder("compiled") == folder
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    other = private_folder("compiled")
    assert other.stat().st_mode & 0o777 == 0o700
    other.rmdir()


@pytest.mark.parametrize("damage", [None, b"", b"x" * 20, b"cut"])
def test_kept_bytes_come_back_whole_or_not_at_all(cache, damage):
    assert recall_bytes("kind", "name") is None
    remember_bytes("kind", "name", b"content" * 100)
    kept = recall_bytes("kind", "name")
    assert kept.tobytes() == b"content" * 100
    path = cache / "kind" / "name"
    kept[:] = 0  # on disk all is as it was
    assert path.read_bytes().startswith(b"content" * 100)
    del kept
    if damage is not None:
        path.write_bytes(path.read_bytes()[:-1] if damage == b"cut" else damage)
        assert recall_bytes("kind", "name") is None


def test_a_file_is_mapped_once_until_it_is_another(cache):
    remember_bytes("kind", "name", b"content")
    first = recall_bytes("kind", "name")
    assert recall_bytes("kind", "name") is first
    remember_bytes("kind", "name", b"other content")
    assert recall_bytes("kind", "name").tobytes() == b"other content"
    assert first.tobytes() == b"content"
