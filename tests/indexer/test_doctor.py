"""Repairing an index; what damage is found and mended is in `tests/reliability/test_corruption.py`."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

from indexer import doctor
from indexer.build import build
from indexer.errors import StorageError
from indexer.search import Searcher
from indexer.settings import BuildSettings, WalkSettings


def test_what_is_built_anew_keeps_the_settings_it_was_built_with(tmp_path, one_encoder):
    settings = BuildSettings(vectors="exact", walk=WalkSettings(max_file_bytes=5000, include_hidden=True))
    (tmp_path / ".hidden.py").write_text("def kept_out_of_sight():\n    return 1\n")
    build(tmp_path, settings)
    (damaged,) = tmp_path.glob(".codesearch/generations/*/chunks.npy")
    damaged.write_bytes(b"")
    assert not doctor.examine(tmp_path).is_sound
    assert doctor.repair(tmp_path).is_sound
    with Searcher.open(tmp_path) as searcher:
        assert searcher.paths() == (".hidden.py",)
        assert searcher.settings == settings


@pytest.fixture
def indexed(tmp_path, one_encoder):
    root = tmp_path / "a; b"
    root.mkdir()
    (root / "a.py").write_text("def lamp():\n    return 1\n")
    build(root, BuildSettings())
    return root


def test_a_finding_is_the_problem_alone_whatever_a_folder_is_named(indexed, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    (finding,) = doctor.examine(indexed).findings
    key = tmp_path / "another" / "codesearch" / "key"
    assert finding.sentence == (
        f"The index in {indexed} is not signed with your key ({key}); if you know where it comes from,"
        f" `codesearch doctor --trust {indexed}` takes it over."
    )


def test_without_a_key_an_index_is_not_called_damaged(indexed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="set XDG_STATE_HOME"):
        doctor.examine(indexed)


def test_where_nothing_may_be_written_nothing_is(task_queue, tmp_path, monkeypatch):
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)

    @contextmanager
    def refused(state):
        raise StorageError("read-only")
        yield

    monkeypatch.setattr(doctor, "write_lock", refused)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert doctor.examine(root).is_sound
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    segment = next((root / ".codesearch" / "embeddings").glob("*.rows*"))
    segment.write_bytes(b"\xff" * 16 + segment.read_bytes()[16:])
    assert not doctor.examine(root).is_sound
