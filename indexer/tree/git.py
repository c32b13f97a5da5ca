"""Ask git which files a tree holds: names only, nothing here filters."""

from __future__ import annotations

import os
import re
from pathlib import Path

from indexer.light_dataclasses import dataclass
from indexer.tree.git_runner import GitError, Repository, run_git


@dataclass(frozen=True, slots=True)
class GitFile:
    """One line of git's listing."""

    path: str
    """Relative to the listed folder, undecodable bytes as surrogates; a folder ends with `/`."""
    is_tracked: bool


_WORKTREE = re.compile(r"gitdir: (.+)/\.git/worktrees/[^/\n]+\s*")
_BARE_WORKTREE = re.compile(r"gitdir: (.+?)/worktrees/[^/\n]+\n?")
_MAX_MARK_BYTES = 4096
_MAX_CHECKOUTS = 1000


def worktree_owner(git_dir: Path) -> Path | None:
    """Return the repository whose second checkout (`git worktree`) the file `.git` marks, or None."""
    marked = _WORKTREE.fullmatch(_small_text(git_dir))
    owner = None if marked is None else (git_dir.parent / marked[1]).resolve()
    return owner if owner is not None and (owner / ".git").exists() else None


def checkout_beside(git_file: Path, root: Path) -> Path | None:
    """Another checkout in `root` that speaks for the one which the file `.git` marks; None: this one does.

    Of a bare repository's checkouts it is the one that has the repository's own branch, else the first by
    its path.
    """
    marked = _BARE_WORKTREE.fullmatch(_small_text(git_file))
    if marked is None:
        return None
    bare = (git_file.parent / marked[1]).resolve()
    try:
        marks = sorted((bare / "worktrees").iterdir())[:_MAX_CHECKOUTS]
    except OSError:
        return None
    branch = _small_text(bare / "HEAD")
    found = []
    for mark in marks:
        path = Path(_small_text(mark / "gitdir").strip()).parent
        path = (mark / path).resolve()
        if path.is_relative_to(root) and path != root and path.is_dir():
            found.append((_small_text(mark / "HEAD") != branch, path))
    first = min(found, default=None)
    return None if first is None or first[1] == git_file.parent.resolve() else first[1]


def _small_text(path: Path) -> str:
    """What is in a small regular file; empty where there is none."""
    try:
        if not path.is_file() or path.is_symlink() or path.stat().st_size > _MAX_MARK_BYTES:
            return ""
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


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
