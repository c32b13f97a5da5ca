from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from indexer.disk import state_files
from indexer.errors import IndexCorruptError, StorageError
from indexer.storage import generations
from indexer.storage.generations import (
    DATABASE,
    EMBEDDINGS,
    Pin,
    generation_folder,
    generation_names,
    is_pinned,
    new_generation,
    prepare_state,
    publish,
    remove_others,
)
from indexer.storage.manifest import FORMAT_VERSION, Manifest, read_manifest

MANIFEST = Manifest("", FORMAT_VERSION, "m", "f", 8192, 1024, 128, "int4")


@pytest.fixture
def state(tmp_path):
    return prepare_state(tmp_path)


def make(state, base=None, content=b"data"):
    with new_generation(state, base) as folder:
        if base is None:
            (folder / DATABASE).write_bytes(content)
        return publish(state, folder, MANIFEST, {})


def test_the_state_folder_is_closed_and_ignored_by_git(tmp_path):
    state = prepare_state(tmp_path)
    assert prepare_state(tmp_path) == state == tmp_path / ".codesearch"
    assert (state / ".gitignore").read_text() == "*\n"
    for folder in (state, state / "generations", state / EMBEDDINGS):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_an_ignore_file_that_is_there_stays(state, tmp_path):
    (state / ".gitignore").write_text("# mine\n")
    prepare_state(tmp_path)
    assert (state / ".gitignore").read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["", "generations", EMBEDDINGS, "lock", f"{EMBEDDINGS}/0000.rows"])
def test_whatever_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "tree"
    link = root / ".codesearch" / name if name else root / ".codesearch"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="is a link"):
        prepare_state(root)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_pipe_is_refused(state, tmp_path):
    os.mkfifo(state / "manifest.json")
    with pytest.raises(StorageError, match="a link or a device"):
        prepare_state(tmp_path)


def test_a_published_generation_is_live_sealed_and_closed(state):
    live = make(state)
    assert read_manifest(state) == live
    folder = generation_folder(state, live.generation)
    assert list(live.files) == [DATABASE]
    assert live.files[DATABASE].n_bytes == 4
    assert (folder / DATABASE).stat().st_mode & 0o777 == 0o600


def test_the_next_generation_begins_with_a_copy(state):
    first = make(state)
    with new_generation(state, first) as folder:
        assert (folder / DATABASE).read_bytes() == b"data"
        (folder / DATABASE).write_bytes(b"more data")
        second = publish(state, folder, MANIFEST, {})
    assert (generation_folder(state, first.generation) / DATABASE).read_bytes() == b"data"
    assert read_manifest(state) == second
    assert generation_names(state) == [first.generation, second.generation]


def test_a_build_that_fails_leaves_the_live_one(state):
    live = make(state)
    with pytest.raises(KeyboardInterrupt), new_generation(state, live):
        raise KeyboardInterrupt
    assert generation_names(state) == [live.generation]
    assert read_manifest(state) == live


def test_an_interrupt_right_after_the_swap_keeps_what_is_live(state, monkeypatch):
    real = state_files.sync_folder

    def interrupted(folder):
        real(folder)
        if (folder / "manifest.json").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(state_files, "sync_folder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(state)
    assert (generation_folder(state, read_manifest(state).generation) / DATABASE).read_bytes() == b"data"


def test_old_generations_go_and_what_killed_builds_left(state):
    make(state)
    live = make(state)
    (state / "generations" / "1").mkdir()
    remove_others(state, live.generation)
    assert generation_names(state) == [live.generation]


def test_a_pinned_generation_stays_until_its_reader_closes(state, tmp_path):
    old = make(state)
    folder = generation_folder(state, old.generation)
    with Pin(tmp_path, state, old) as first, Pin(tmp_path, state, old) as second:
        assert is_pinned(folder)
        live = make(state)
        remove_others(state, live.generation)
        first.close()
        remove_others(state, live.generation)
        assert (second.folder / DATABASE).read_bytes() == b"data"
    assert not is_pinned(folder)
    remove_others(state, live.generation)
    assert generation_names(state) == [live.generation]


def test_a_changed_or_missing_file_is_named(state, tmp_path):
    live = make(state)
    database = generation_folder(state, live.generation) / DATABASE
    database.write_bytes(b"tada")
    os.utime(database, ns=(1, 1))
    with pytest.raises(IndexCorruptError, match=r"index\.db has changed"):
        Pin(tmp_path, state, live)
    database.write_bytes(b"longer")
    with pytest.raises(IndexCorruptError, match="6 bytes where the build left 4"):
        Pin(tmp_path, state, live)
    database.unlink()
    with pytest.raises(IndexCorruptError, match=r"index\.db is missing"):
        Pin(tmp_path, state, live)
    assert not is_pinned(database.parent)


@pytest.mark.parametrize("generation", ["77", "../..", ""])
def test_a_generation_that_is_not_there_is_refused(state, tmp_path, generation):
    with pytest.raises(IndexCorruptError):
        Pin(tmp_path, state, replace(MANIFEST, generation=generation))


def test_a_restored_copy_is_read_once_and_then_trusted(state, tmp_path, monkeypatch):
    live = make(state)
    database = generation_folder(state, live.generation) / DATABASE
    os.utime(database, ns=(1, 1))
    Pin(tmp_path, state, live).close()
    assert database.stat().st_mtime_ns == live.files[DATABASE].mtime_ns


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    def refuse(state):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(generations, "refuse_links", refuse)
    with pytest.raises(StorageError, match=r"Permission denied\); check the permissions"):
        prepare_state(tmp_path)


def test_two_builds_may_prepare_the_folder_at_the_same_moment(tmp_path, monkeypatch):
    def lose(path):
        path.write_bytes(b"*\n")  # by the other build, after this one looked
        raise FileExistsError(errno.EEXIST, "File exists", str(path))

    monkeypatch.setattr(generations, "create_file", lose)
    assert (prepare_state(tmp_path) / ".gitignore").read_bytes() == b"*\n"
