"""Run git on a repository without letting the repository run or reach anything.

A repository's own configuration can name programs (fsmonitor, hooks, remote helpers) and other work
trees; here git runs with all of these overridden, an explicit work tree, no inherited GIT_* variables
but those that name the user's own configuration, no lazy fetches, and a time limit. The user's
configuration counts as it does for git; the repository's does not say which files are ignored.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from indexer.disk.programs import find_program
from indexer.disk.user_folders import git_ignore_file
from indexer.light_dataclasses import dataclass
from indexer.system import user_id

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
_USERS_OWN = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT")
_SCOPES = ("system", "global", "command")
"""Of git's settings, those that the user or the machine made: not `local` and `worktree`."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a folder's repository is."""

    top: Path
    """The work tree's root: the folder that holds `.git`."""
    git_dir: Path
    """`.git`: a folder, or a file that points to one."""


class GitError(Exception):
    """git is missing, failed, or took too long; the message says which."""


def find_repository(folder: Path) -> Repository | None:
    """Return the repository that `folder` is in, or None.

    A `.git` above `folder` that belongs to neither its owner nor this user is not trusted to say
    what is in it, as git itself would not.
    """
    folder = folder.resolve()
    trusted = {user_id(), folder.stat().st_uid}
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


def run_git(folder: Path, repository: Repository, *arguments: str) -> bytes:
    """What git prints when it runs in `folder`. Raises GitError."""
    overrides: tuple[str, ...] = _OVERRIDES
    if arguments[0] in ("ls-files", "check-ignore"):
        overrides = (*overrides, f"core.excludesFile={_user_excludes(folder, repository)}")
    return _run(folder, repository, overrides, arguments)


def _user_excludes(folder: Path, repository: Repository) -> str:
    """The ignore file that the user's own configuration names for this repository, else git's default."""
    query = ("config", "--includes", "--show-scope", "-z", "--type=path", "--get-all", "core.excludesFile")
    try:
        fields = os.fsdecode(_run(folder, repository, (), query)).split("\0")
    except GitError:  # git also fails where nothing is named
        fields = []
    named = [value for scope, value in zip(fields[::2], fields[1::2], strict=False) if scope in _SCOPES]
    return named[-1] if named else str(git_ignore_file() or os.devnull)


def _run(
    folder: Path, repository: Repository, overrides: tuple[str, ...], arguments: tuple[str, ...]
) -> bytes:
    try:
        done = subprocess.run(
            _command(overrides, arguments), cwd=folder.resolve(), env=_environment(repository),
            timeout=GIT_SECONDS, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git took more than {GIT_SECONDS:.0f} s") from error
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    if done.returncode != 0:
        raise GitError(f"git failed: {os.fsdecode(done.stderr).strip()[:200]}")
    return done.stdout


@contextmanager
def piped_git(repository: Repository, given: IO[bytes], *arguments: str) -> Iterator[IO[bytes]]:
    """What git prints as it prints it, asked with the content of an open file. Raises GitError.

    It ends when it was read to its end or the block is left; for commands that answer in bulk.
    """
    command = _command(_OVERRIDES, arguments)
    try:
        process = subprocess.Popen(
            command, cwd=repository.top, env=_environment(repository), stdin=given, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process.stdout
        finally:
            process.kill()
            process.wait()


def _command(overrides: tuple[str, ...], arguments: tuple[str, ...]) -> list[str]:
    git = find_program("git")
    if git is None:
        raise GitError("git is not installed")
    command = [git, "--no-pager", "--no-optional-locks"]
    for override in overrides:
        command += ["-c", override]
    return [*command, *arguments]


def _environment(repository: Repository) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
        or name in _USERS_OWN
        or name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))
    }
    return kept | {
        # Naming both keeps `core.worktree` from pointing elsewhere, and works for a repository that
        # another user owns: git's check for those guards against programs that are overridden.
        "GIT_DIR": str(repository.git_dir),
        "GIT_WORK_TREE": str(repository.top),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }
