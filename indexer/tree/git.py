"""Ask git which files a tree holds, without letting the repository run or reach anything.

A repository's own configuration can name programs (fsmonitor, hooks, remote helpers) and other work
trees; here git runs with all of these overridden, an explicit work tree, no inherited GIT_*
variables, no lazy fetches, and a time limit. `walk.py` calls this and decides what to do with the
files; nothing here filters.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

GIT_SECONDS = 60.0
"""git is stopped after this: a FIFO in place of an ignore file would hold it for ever."""

_OVERRIDES = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "core.attributesFile=/dev/null",
    "protocol.allow=never",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a folder's repository is."""

    top: Path
    """The work tree's root: the folder that holds `.git`."""
    git_dir: Path
    """`.git`: a folder, or a file that points to one."""


@dataclass(frozen=True, slots=True)
class GitFile:
    """One line of git's listing."""

    path: str
    """Relative to the listed folder, undecodable bytes as surrogates; a folder ends with `/`."""
    is_tracked: bool


class GitError(Exception):
    """git is missing, failed, or took too long; the message says which."""


def find_repository(folder: Path) -> Repository | None:
    """Return the repository that `folder` is in, or None.

    A `.git` above `folder` that belongs to neither its owner nor this user is not trusted to say
    what is in it, as git itself would not.
    """
    folder = folder.resolve()
    trusted = {os.geteuid(), folder.stat().st_uid}
    for top in (folder, *folder.parents):
        git_dir = top / ".git"
        try:
            found = git_dir.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and not (git_dir / "HEAD").is_file():
            continue
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            continue
        return Repository(top, git_dir) if found.st_uid in trusted else None
    return None


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
    output = _run(folder, repository, "ls-files", "-z", "-t", "-c", "-o", "--exclude-standard")
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
        _run(repository.top, repository, "check-ignore", "-q", "--no-index", f"{path}/")
    except GitError:
        return False
    return True


def _run(folder: Path, repository: Repository, *arguments: str) -> bytes:
    command = ["git", "--no-pager", "--no-optional-locks"]
    for override in (*_OVERRIDES, f"core.excludesFile={_user_excludes()}"):
        command += ["-c", override]
    environment = _environment()
    # Naming both keeps `core.worktree` from pointing elsewhere, and works for a repository that
    # another user owns: git's check for those guards against programs that are overridden above.
    environment["GIT_DIR"] = str(repository.git_dir)
    environment["GIT_WORK_TREE"] = str(repository.top)
    return _output([*command, *arguments], folder.resolve(), environment)


@lru_cache(maxsize=1)
def _user_excludes() -> str:
    """Return the user's own ignore file: part of git's view, and trusted where the repository's is not."""
    try:
        command = ["git", "config", "--global", "--includes", "--type=path", "--get", "core.excludesFile"]
        named = os.fsdecode(_output(command, Path("/"), _environment())).strip()
    except GitError:
        named = ""
    if named:
        return named
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return str(Path(base) / "git" / "ignore")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def _output(command: list[str], folder: Path, environment: dict[str, str]) -> bytes:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=GIT_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise GitError("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git took more than {GIT_SECONDS:.0f} s") from error
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    if done.returncode != 0:
        raise GitError(f"git failed: {os.fsdecode(done.stderr).strip()[:200]}")
    return done.stdout
