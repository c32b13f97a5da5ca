"""Files of a commit, read from git's objects: nothing is checked out, no filter and no hook runs."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.system import user_id
from indexer.tree.git_runner import GitError, Repository, find_repository, piped_git, run_git


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as a person named it."""

    name: str
    commit_id: str
    """The full hash."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a commit."""

    path: str
    """Relative to the folder that was asked for, undecodable bytes as surrogates."""
    object_id: str
    n_bytes: int


def repository_of(root: Path) -> Repository:
    """The repository that holds a folder, or is it: a bare one. Raises InputError where there is none."""
    root = root.resolve()
    if (root / "HEAD").is_file() and (root / "objects").is_dir() and root.stat().st_uid == user_id():
        return Repository(root, root)
    repository = find_repository(root)
    if repository is None:
        raise InputError(f"{root} is not in a git repository, so it has no revisions.")
    return repository


def find_commit(root: Path, name: str) -> Commit:
    """The commit that a name stands for: a branch, a tag, a hash or an expression of git's.

    Raises InputError where there is none.
    """
    repository = repository_of(root)
    try:
        printed = run_git(
            repository.top,
            repository,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{name}^{{commit}}",
        )
    except GitError as error:
        is_shallow = (_common_folder(repository) / "shallow").is_file()
        advice = (
            "the clone is shallow, and `git fetch --unshallow` brings the rest"
            if is_shallow
            else "`git branch -a` and `git tag` list what there is"
        )
        raise InputError(f"{repository.top} has no revision {name!r}; {advice}.") from error
    return Commit(name, printed.decode().strip())


def _common_folder(repository: Repository) -> Path:
    """The `.git` that worktrees share."""
    try:
        printed = run_git(repository.top, repository, "rev-parse", "--git-common-dir")
    except GitError:
        return repository.git_dir
    return repository.top / os.fsdecode(printed).strip()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a commit holds below a folder; links are left out."""

    blobs: tuple[Blob, ...]
    submodules: tuple[str, ...]
    """Folders of which the commit names another repository's commit alone."""


def list_commit(root: Path, commit: Commit) -> Listing:
    """The files of a commit below the folder that `root` is.

    Raises InputError where the repository lacks a part of it, or where nothing is there.
    """
    repository = repository_of(root)
    within = root.resolve().relative_to(repository.top).as_posix()
    prefix = "" if within == "." else within + "/"
    arguments = ("ls-tree", "-r", "-l", "-z", "--full-tree", commit.commit_id)
    try:
        printed = os.fsdecode(run_git(repository.top, repository, *arguments, *([prefix] if prefix else ())))
    except GitError as error:
        raise _lacking(repository, commit) from error
    blobs: list[Blob] = []
    submodules: list[str] = []
    for line in filter(None, printed.split("\0")):
        facts, _, path = line.partition("\t")
        mode, kind, object_id, size = facts.split()
        if kind == "commit":
            submodules.append(path.removeprefix(prefix))
        elif stat.S_ISREG(int(mode, 8)):
            if not size.isdigit():
                raise _lacking(repository, commit)
            blobs.append(Blob(path.removeprefix(prefix), object_id, int(size)))
    if not blobs:
        where = f" below {within}" if prefix else ""
        raise InputError(f"Revision {commit.name} of {repository.top} holds no files{where}.")
    return Listing(tuple(blobs), tuple(submodules))


def read_blobs(root: Path, commit: Commit, object_ids: Sequence[str]) -> Iterator[bytes]:
    """The content of each object, one after the other. Raises InputError where the repository lacks one."""
    repository = repository_of(root)
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{object_id}\n" for object_id in object_ids).encode())
        asked.seek(0)
        try:
            with piped_git(repository, asked, "cat-file", "--batch") as answers:
                for object_id in object_ids:
                    words = answers.readline().split()
                    if len(words) != 3 or words[0].decode() != object_id or words[1] != b"blob":
                        raise _lacking(repository, commit)
                    content = answers.read(int(words[2]))
                    if len(content) != int(words[2]) or answers.read(1) != b"\n":
                        raise _lacking(repository, commit)
                    yield content
        except GitError as error:
            raise InputError(f"The files of {commit.name} cannot be read ({error}).") from error


def _lacking(repository: Repository, commit: Commit) -> InputError:
    return InputError(
        f"{repository.top} lacks objects of {commit.name}, as a partial or damaged clone does; `git fetch` or"
        f" `git checkout {commit.name}` in it brings them, `git fsck` tells which."
    )
