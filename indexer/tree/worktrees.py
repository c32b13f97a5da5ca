"""Other checkouts of the repository that a tree is of."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.tree.git_runner import GitError, find_repository, run_git


def other_worktrees(root: Path) -> tuple[Path, ...]:
    """What `git worktree list` names beside the checkout of `root`: in each, the folder that `root` is here.

    Empty outside a repository. The repository says where they are: they may not exist, or be anything.
    """
    try:
        root = root.resolve()
        repository = find_repository(root)
        if repository is None:
            return ()
        listed = os.fsdecode(run_git(root, repository, "worktree", "list", "--porcelain"))
    except (GitError, OSError):
        return ()
    within = root.relative_to(repository.top)
    tops = [Path(line[9:]) for line in listed.splitlines() if line.startswith("worktree /")]
    return tuple(top / within for top in tops if top != repository.top)
