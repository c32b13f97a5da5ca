"""The files of a commit laid out in a private folder for as long as they are indexed.

Each file's time says which content it has, so that a later commit is compared by size and time as a tree
is, and what both share is not read again.
"""

from __future__ import annotations

import errno
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from indexer.disk.state_files import FOLDER_MODE, create_file
from indexer.light_dataclasses import dataclass
from indexer.records import FoundFile, SkippedFile
from indexer.settings import WalkSettings
from indexer.tree.git_objects import Blob, Commit, list_commit, read_blobs
from indexer.tree.walk import walk_tracked

_TIME_DIGITS = 14
"""Of a blob's hash: 56 bits, as nanoseconds two years and a bit after 1970, long before any build."""

_PREFIX = "tree-"
_NOT_HERE = frozenset(
    {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)
"""Names that are too long, or of which the file system takes two for one."""


@dataclass(frozen=True, slots=True)
class LaidOutTree(ABC):
    """Files that are indexed in place of all that a folder holds."""

    root: Path
    """The folder that was asked for, by which the index is known; its own files need not be looked at."""
    folder: Path
    """Where the files lie."""
    commit: Commit | None
    """What they are of; None: whatever is checked out in the root."""

    @abstractmethod
    def walk(self, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
        """As `indexer.tree.walk.walk`, sorted by path."""


@dataclass(frozen=True, slots=True)
class RevisionTree(LaidOutTree):
    """A commit whose files are laid out; those of the repository's own folder are not looked at."""

    paths: tuple[str, ...]

    def walk(self, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
        """As `walk` of a checkout of this commit and nothing else."""
        return walk_tracked(self.folder, self.paths, settings)


@contextmanager
def laid_out(root: Path, commit: Commit, within: Path, max_bytes: int) -> Iterator[RevisionTree]:
    """Lay out a commit in a new folder in `within`, which exists; larger files are holes of their size.

    Raises InputError where the repository lacks something, OSError where the disk does.
    """
    blobs = [blob for blob in list_commit(root, commit).blobs if _is_inside(blob.path)]
    wanted: dict[str, list[Blob]] = {}
    with TemporaryDirectory(dir=within, prefix=_PREFIX) as name:
        folder = Path(name)
        for blob in blobs:
            if blob.n_bytes > max_bytes:
                _write(folder, blob, b"")
            else:
                wanted.setdefault(blob.object_id, []).append(blob)
        for copies, content in zip(wanted.values(), read_blobs(root, commit, list(wanted)), strict=True):
            for blob in copies:
                _write(folder, blob, content)
        yield RevisionTree(root, folder, commit, tuple(blob.path for blob in blobs))


def _is_inside(path: str) -> bool:
    """Whether a path of a commit, which anybody may have written, stays below where it is laid out."""
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/"))


def _write(folder: Path, blob: Blob, content: bytes) -> None:
    """Write one file; one that this file system cannot have is left out."""
    path = folder / blob.path
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with os.fdopen(create_file(path), "wb") as file:
            file.write(content)
            file.truncate(blob.n_bytes)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return
    time_ns = int(blob.object_id[:_TIME_DIGITS], 16)
    os.utime(path, ns=(time_ns, time_ns))


def remove_left(within: Path) -> None:
    """Remove what killed processes laid out in a folder; nobody may be laying out meanwhile."""
    for folder in within.glob(f"{_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)
