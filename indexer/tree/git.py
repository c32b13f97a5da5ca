"""Ask git which files a tree holds: names only, nothing here filters."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from indexer.tree.git_runner import GitError, Repository, run_git


@dataclass(frozen=True, slots=True)
class GitFile:
    """One line of git's listing."""

    path: str
    """Relative to the listed folder, undecodable bytes as surrogates; a folder ends with `/`."""
    is_tracked: bool


_WORKTREE = re.compile(r"gitdir: (.+)/\.git/worktrees/[^/\n]+\s*")


def worktree_owner(git_dir: Path) -> Path | None:
    """Return the repository whose second checkout (`git worktree`) the file `.git` marks, or None."""
    try:
        if not git_dir.is_file() or git_dir.is_symlink() or git_dir.stat().st_size > 4096:
            return None
        marked = _WORKTREE.fullmatch(git_dir.read_text("utf-8", "surrogateescape"))
    except OSError:
        return None
    owner = None if marked is None else (git_dir.parent / marked[1]).resolve()
    return owner if owner is not None and (owner / ".git").exists() else None


def list_files(folder: Path, repository: Repository) -> list[GitFile]:
    """List tracked and untracked-not-ignored files below `folder`, as `git ls-files -co` does.

    Names only: what is deleted on disk is still listed. A submodule is one entry without, a nested
    repository one entry with a trailing `/`. Raises GitError.
    """
    output = run_git(folder, repository, "ls-files", "-z", "-t", "-c", "-o", "--exclude-standard")
    files: dict[str, bool] = {}
    for line in os.fsdecode(output).split("\0"):
        if line:
            files[line[2:]] = line[0] != "?"  # a file in conflict is listed once a side
    return [GitFile(path, is_tracked) for path, is_tracked in files.items()]


def is_ignored(folder: Path, repository: Repository) -> bool:
    """Tell whether the repository's own rules exclude the whole of `folder`."""
    path = folder.resolve().relative_to(repository.top)
    if not path.parts:
        return False
    try:
        run_git(repository.top, repository, "check-ignore", "-q", "--no-index", f"{path}/")
    except GitError:
        return False
    return True
