"""What a shard is built from: one tree, the part of one, or several small ones laid out side by side."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from indexer.disk.contained import open_regular
from indexer.disk.state_files import FOLDER_MODE, create_file
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import FoundFile, SkippedFile
from indexer.settings import BuildSettings, DocumentLimits, WalkSettings
from indexer.tree.git_objects import find_commit
from indexer.tree.revision_tree import LaidOutTree, laid_out
from indexer.tree.walk import walk


@dataclass(frozen=True, slots=True)
class Source:
    """A repository as it is to be indexed."""

    repository: str
    folder: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class FolderTree(LaidOutTree):
    """A folder, or those of its files that a part holds."""

    part: int = 0
    n_parts: int = 1

    def walk(self, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
        """Files of the part; each is in one."""
        for entry in walk(self.folder, settings):
            if part_of(entry.path, self.n_parts) == self.part:
                yield entry


@dataclass(frozen=True, slots=True)
class OtherTree(LaidOutTree):
    """Entries that were found elsewhere."""

    entries: tuple[FoundFile | SkippedFile, ...]

    def walk(self, settings: WalkSettings) -> Iterator[FoundFile | SkippedFile]:
        """All of them."""
        yield from self.entries


def part_of(path: str, n_parts: int) -> int:
    """Which part of a split repository holds a path: by its hash, so that it stays while others come."""
    if n_parts == 1:
        return 0
    raw = path.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little") % n_parts


@contextmanager
def opened(source: Source, within: Path, settings: BuildSettings) -> Iterator[LaidOutTree]:
    """The whole tree of a source; a revision is laid out in `within`. Raises InputError."""
    root = Path(source.folder)
    if not root.is_dir():
        raise InputError(f"There is no such folder: {root}.")
    if source.revision:
        max_bytes = max(settings.walk.max_file_bytes, DocumentLimits().max_bytes)
        with laid_out(root, find_commit(root, source.revision), within, max_bytes) as tree:
            yield tree
    else:
        yield FolderTree(root, root, None)


@contextmanager
def tree_of(
    sources: Sequence[Source], part: int, n_parts: int, within: Path, settings: BuildSettings
) -> Iterator[LaidOutTree]:
    """What a shard of these sources holds. Several are copied side by side into a new folder in `within`."""
    if len(sources) > 1:
        yield _side_by_side(sources, within, settings)
        return
    with opened(sources[0], within, settings) as tree:
        if n_parts == 1:
            yield tree
        elif isinstance(tree, FolderTree):
            yield replace(tree, part=part, n_parts=n_parts)
        else:
            kept = [each for each in tree.walk(settings.walk) if part_of(each.path, n_parts) == part]
            yield OtherTree(tree.root, tree.folder, tree.commit, tuple(kept))


def _side_by_side(sources: Sequence[Source], within: Path, settings: BuildSettings) -> LaidOutTree:
    """Files as each tree's own rules offer them, below the names of their repositories."""
    folder = within / "together"
    folder.mkdir(mode=FOLDER_MODE)
    entries: list[FoundFile | SkippedFile] = []
    for source in sources:
        with opened(source, within, settings) as tree:
            for entry in tree.walk(settings.walk):
                path = f"{source.repository}/{entry.path}"
                if isinstance(entry, FoundFile):
                    try:
                        _copy(tree.folder, entry, folder / path)
                    except OSError as error:
                        if error.errno is None or not _is_gone(tree.folder, entry.path):
                            raise
                        continue
                entries.append(replace(entry, path=path))
    return OtherTree(folder, folder, None, tuple(sorted(entries, key=lambda entry: entry.path)))


def _is_gone(root: Path, path: str) -> bool:
    """Whether a file vanished, or became something else, since it was found."""
    try:
        os.close(open_regular(root, path))
    except (OSError, ValueError):
        return True
    return False


def _copy(root: Path, found: FoundFile, target: Path) -> None:
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with os.fdopen(open_regular(root, found.path), "rb") as source:
        with os.fdopen(create_file(target), "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        os.utime(target, ns=(found.mtime_ns, found.mtime_ns))
