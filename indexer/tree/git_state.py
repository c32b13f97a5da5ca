"""Which commit and branch a tree is at."""

from __future__ import annotations

from pathlib import Path

from indexer.light_dataclasses import dataclass
from indexer.tree.git_runner import GitError, find_repository, run_git


@dataclass(frozen=True, slots=True)
class GitState:
    """Empty strings outside a repository, or before its first commit."""

    commit: str = ""
    """Full hash."""
    branch: str = ""
    """Empty where HEAD is detached."""


def git_state(root: Path) -> GitState:
    """HEAD of the repository that holds `root`."""
    try:
        repository = find_repository(root)
        if repository is None:
            return GitState()
        lines = run_git(root, repository, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").decode().split()
    except (GitError, OSError, UnicodeDecodeError):
        return GitState()
    if len(lines) != 2:
        return GitState()
    commit, branch = lines
    return GitState(commit, "" if branch == "HEAD" else branch)
