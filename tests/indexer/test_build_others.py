"""What another index of this user holds is not encoded again: chunks encoded in each kind of second tree."""

from __future__ import annotations

import os
import shutil

import pytest

from indexer.build import build
from indexer.doctor import examine
from indexer.settings import STATE_FOLDER, BuildSettings
from indexer.storage.manifest import read_manifest, write_manifest
from tests.git_command import git

pytestmark = pytest.mark.usefixtures("one_encoder", "own_git_settings")

SETTINGS = BuildSettings()
FILES = {
    "lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "clock.py": "def strike(hour):\n    return ['dong'] * hour\n",
}


def encoded_and_taken(root, **more):
    report = build(root, SETTINGS, **more)
    return report.n_encoded_chunks, report.n_taken_chunks


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    assert encoded_and_taken(root) == (2, 0)
    return root


def everything(root):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (root / STATE_FOLDER).rglob("*")
        if path.is_file()
    }


def test_a_second_worktree_a_clone_a_renamed_folder_and_a_branch_encode_what_is_theirs_alone(
    repository, tmp_path
):
    before = everything(repository)
    git(repository, "worktree", "add", "-q", str(tmp_path / "second"))
    assert encoded_and_taken(tmp_path / "second", encode=False) == (0, 2)
    assert encoded_and_taken(tmp_path / "second") == (0, 0)
    git(tmp_path, "clone", "-q", str(repository), "clone")
    (tmp_path / "clone" / "horn.py").write_text("def sound(fog):\n    return 'tuut' * fog\n")
    assert encoded_and_taken(tmp_path / "clone", others=[repository]) == (1, 2)
    assert examine(tmp_path / "clone").findings == ()
    assert everything(repository) == before

    repository.rename(tmp_path / "renamed")
    git(tmp_path / "renamed", "checkout", "-q", "-b", "other")
    assert encoded_and_taken(tmp_path / "renamed") == (0, 0)
    # Outside its tree the index of a folder that was renamed has another place, and finds the old one.
    outside = tmp_path / "outside"
    assert encoded_and_taken(tmp_path / "clone", outside=outside) == (0, 3)  # as the one in the tree
    shutil.rmtree(tmp_path / "clone" / STATE_FOLDER)
    (tmp_path / "clone").rename(tmp_path / "moved")
    assert encoded_and_taken(tmp_path / "moved", outside=outside, others=[tmp_path / "clone"]) == (0, 3)


def test_an_index_of_another_user_a_damaged_one_and_a_linked_one_are_passed_over(
    repository, tmp_path, monkeypatch
):
    state = repository / STATE_FOLDER
    foreign, damaged, linked = (tmp_path / name for name in ("foreign", "damaged", "linked"))
    for copy in (foreign, damaged):
        shutil.copytree(state, copy / STATE_FOLDER)
    linked.mkdir()
    (linked / STATE_FOLDER).symlink_to(state)
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        write_manifest(foreign / STATE_FOLDER, read_manifest(foreign / STATE_FOLDER, trust=True))
    segment = damaged / STATE_FOLDER / "embeddings" / "0000.single"
    os.truncate(segment, segment.stat().st_size // 2)
    tree = tmp_path / "tree"
    tree.mkdir()
    for path, text in FILES.items():
        (tree / path).write_text(text)
    assert encoded_and_taken(tree, others=[foreign, damaged, linked, tmp_path / "gone"]) == (2, 0)


def test_a_later_build_takes_too_and_a_refresh_before_a_search_does_not_look(repository, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "clock.py").write_text(FILES["clock.py"])
    assert encoded_and_taken(tree) == (1, 0)
    (tree / "lamp.py").write_text(FILES["lamp.py"])
    assert encoded_and_taken(tree, others=[repository], encode=False) == (0, 0)
    assert encoded_and_taken(tree, others=[repository]) == (0, 1)
