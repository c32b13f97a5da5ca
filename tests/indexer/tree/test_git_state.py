from __future__ import annotations

from indexer.tree.git_state import GitState, git_state
from tests.git_command import git


def test_commit_and_branch_of_a_repository_and_of_a_folder_in_it(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert git_state(repository) == git_state(repository / "inner") == GitState(commit, "trunk")


def test_a_detached_head_has_no_branch(repository):
    git(repository, "checkout", "-q", "--detach")
    assert git_state(repository) == GitState(git(repository, "rev-parse", "HEAD"), "")


def test_outside_a_repository_and_before_the_first_commit_there_is_none(tmp_path):
    assert git_state(tmp_path) == GitState()
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == GitState()


def test_without_git_there_is_none(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) == GitState()


def test_a_hook_of_another_repository_does_not_answer(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    (tmp_path / "plain").mkdir()
    assert git_state(tmp_path / "plain") == GitState()


def test_what_a_repository_configures_is_not_run(repository):
    witness = repository / "ran"
    script = repository / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch '{witness}'\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "alias.rev-parse", "core.sshCommand", "diff.external"):
        git(repository, "config", name, str(script))
    git(repository, "config", "core.hooksPath", str(repository))
    assert git_state(repository).branch == "trunk"
    assert not witness.exists()
