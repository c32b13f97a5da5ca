from __future__ import annotations

import os
import subprocess

import pytest

from indexer.tree.worktrees import other_worktrees

AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *AUTHOR, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "inner" / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_each_checkout_names_the_others_and_the_same_folder_in_them(repository, tmp_path):
    second = tmp_path / "zweiter Baum ä"
    git(repository, "worktree", "add", "-q", "-b", "second", str(second))
    assert other_worktrees(repository) == (second,)
    assert other_worktrees(second) == (repository,)
    assert other_worktrees(second / "inner") == (repository / "inner",)


def test_a_repository_of_one_checkout_and_a_plain_folder_have_none(repository, tmp_path):
    (tmp_path / "plain").mkdir()
    assert other_worktrees(repository) == other_worktrees(tmp_path / "plain") == ()
