from __future__ import annotations

from indexer.tree.worktrees import other_worktrees
from tests.git_command import git


def test_each_checkout_names_the_others_and_the_same_folder_in_them(repository, tmp_path):
    second = tmp_path / "zweiter Baum ä"
    git(repository, "worktree", "add", "-q", "-b", "second", str(second))
    assert other_worktrees(repository) == (second,)
    assert other_worktrees(second) == (repository,)
    assert other_worktrees(second / "inner") == (repository / "inner",)


def test_a_repository_of_one_checkout_and_a_plain_folder_have_none(repository, tmp_path):
    (tmp_path / "plain").mkdir()
    assert other_worktrees(repository) == other_worktrees(tmp_path / "plain") == ()
