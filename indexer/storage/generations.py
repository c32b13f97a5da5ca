"""Generations on disk: made beside the live one, made live by one rename, the old ones removed after.

A reader pins the generation that it has open with a shared lock of the kernel, which ends with the
reader: what is pinned is not removed, and no reader ever waits. A later build removes what is left.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from indexer.closing import Closing
from indexer.disk.state_files import FILE_MODE, FOLDER_MODE, create_file, refuse_links, sync_folder
from indexer.disk.state_place import note_root, state_folder
from indexer.embeddings.embedding_store import RowLayout
from indexer.embeddings.segment_files import segment_path
from indexer.errors import CodesearchError, IndexCorruptError, StorageError
from indexer.storage.manifest import Manifest, read_manifest, write_manifest
from indexer.storage.mapped_tables import Tables
from indexer.storage.seals import Seal, check_seals, seal_file, seal_segment
from indexer.system import FOLDER_FLAGS, LOCKS_FOLDERS, lock

DATABASE = "index.db"
EMBEDDINGS = "embeddings"
_REMOVED = ".removed"
_OPEN_ATTEMPTS = 20
"""A build may swap and remove a generation between reading the manifest and pinning what it names."""


def generation_folder(state: Path, generation: str) -> Path:
    """Where a generation's files lie."""
    return state / "generations" / generation


def prepare_state(root: Path, outside: Path | None = None) -> Path:
    """Create the state folder of a tree, in it or in `outside`, closed to other users and ignored by git.

    Raises StorageError where it cannot be written, or where something in it leads elsewhere.
    """
    state = state_folder(root, outside)
    try:
        refuse_links(state)
        state.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (state, state / "generations", state / EMBEDDINGS):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            folder.chmod(FOLDER_MODE)
        note_root(state, root)
        if not (state / ".gitignore").exists():
            with suppress(FileExistsError), os.fdopen(create_file(state / ".gitignore"), "wb") as file:
                file.write(b"*\n")  # unless a build that began at the same moment was first
    except OSError as error:
        raise StorageError(
            f"The index cannot be written to {state} ({error.strerror});"
            " check the permissions and the space left."
        ) from error
    return state


@contextmanager
def new_generation(state: Path, base: Manifest | None, *, same_files: bool = False) -> Iterator[Path]:
    """A fresh folder for a generation, with a copy of the live database where there is one to go on from.

    `same_files`: the database is not written to, and both generations may share it. Gone at the end unless
    it was published.
    """
    folder = generation_folder(state, f"{time.time_ns():020d}")
    folder.mkdir(mode=FOLDER_MODE)
    try:
        old = generation_folder(state, base.generation) / DATABASE if base is not None else None
        if old is None or not same_files or not _linked(old, folder / DATABASE):
            _copy(old, folder / DATABASE)
        yield folder
    except BaseException:
        if _is_live(state, folder.name):
            remove_others(state, folder.name)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _linked(old: Path, new: Path) -> bool:
    """Give a file a second name, if the file system can."""
    with suppress(OSError):
        os.link(old, new, follow_symlinks=False)
        return True
    return False


def _copy(old: Path | None, new: Path) -> None:
    with os.fdopen(create_file(new), "wb") as target:  # SQLite would open it to others
        if old is not None:
            with old.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)


def _is_live(state: Path, generation: str) -> bool:
    """Whether the manifest names a generation: an interrupt may come right after the rename."""
    try:
        return read_manifest(state).generation == generation
    except CodesearchError:
        return False


def publish(state: Path, folder: Path, manifest: Manifest, segments: Mapping[str, Seal]) -> Manifest:
    """Sync and seal a finished generation and make it live; `segments` are those it uses, sealed."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            path.chmod(FOLDER_MODE)
            sync_folder(path)
        else:
            path.chmod(FILE_MODE)
            files[path.relative_to(folder).as_posix()] = seal_file(path)
    sync_folder(folder)
    sync_folder(folder.parent)
    live = replace(manifest, generation=folder.name, files=files, segments=dict(segments))
    write_manifest(state, live)
    return live


def segment_seals(state: Path, tables: Tables, layout: RowLayout) -> dict[str, Seal]:
    """Seals of the segments that a generation's tables point into."""
    seals = {}
    for segment in sorted(set(tables.segment[tables.has_vectors].tolist())):
        own = tables.segment == segment
        for kind, ends, width in (
            ("single", tables.single_start + tables.n_single, 2 * layout.single_dim),
            ("rows", tables.rows_start + tables.n_rows, layout.n_row_bytes),
        ):
            if width:
                path = segment_path(state / EMBEDDINGS, segment, kind)
                seals[path.name] = seal_segment(path, int(ends[own].max()) * width)
    return seals


def generation_names(state: Path) -> list[str]:
    """All generations on disk, oldest first."""
    with suppress(FileNotFoundError):
        return sorted(entry.name for entry in (state / "generations").iterdir())
    return []


def remove_others(state: Path, live: str) -> None:
    """Remove what is neither live nor pinned: old generations, and what killed builds left."""
    for name in generation_names(state):
        if name != live:
            with suppress(OSError):
                _remove(generation_folder(state, name))


def _remove(folder: Path) -> None:
    if not LOCKS_FOLDERS:
        # Where folders have no locks, one with an open file in it cannot be renamed.
        gone = folder.rename(folder.with_name(folder.name.removesuffix(_REMOVED) + _REMOVED))
        shutil.rmtree(gone)
        return
    handle = os.open(folder, FOLDER_FLAGS)
    try:
        lock(handle, exclusive=True)  # BlockingIOError: a reader has it open
        shutil.rmtree(folder)
    finally:
        os.close(handle)


def is_pinned(folder: Path) -> bool:
    """Whether some reader has a generation open; not known, and told as no, without locks."""
    if not LOCKS_FOLDERS:
        return False
    try:
        handle = os.open(folder, FOLDER_FLAGS)
    except OSError:
        return False
    try:
        lock(handle, exclusive=True)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


class Pin(Closing):
    """A generation held open: it stays on disk until `close`, or until this process ends."""

    def __init__(self, root: Path, state: Path, manifest: Manifest) -> None:
        """Pin and check the generation that a manifest names.

        Raises IndexCorruptError where it is gone or something else wrote to it.
        """
        self.folder = generation_folder(state, manifest.generation)
        if not re.fullmatch(r"\d+", manifest.generation):
            raise IndexCorruptError(
                f"The index in {root} names no generation; `codesearch doctor --repair {root}` makes it anew."
            )
        try:
            self.folder.stat()
            self._handle = os.open(self.folder, FOLDER_FLAGS) if LOCKS_FOLDERS else -1
        except OSError as error:
            raise IndexCorruptError(
                f"The index in {root} lacks its files ({error.strerror}); `codesearch doctor --repair {root}`"
                " makes them anew."
            ) from error
        try:
            # Refused only while a build removes it; a file system without locks goes without a pin.
            with suppress(OSError):
                if LOCKS_FOLDERS:
                    lock(self._handle, exclusive=False)
            check_seals(root, self.folder, manifest.files, state / EMBEDDINGS, manifest.segments)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the generation go; closing twice is allowed."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


_Opened = TypeVar("_Opened")


def with_live(root: Path, outside: Path | None, opened: Callable[[Path, Path, Manifest], _Opened]) -> _Opened:
    """What is opened of a tree's live generation; tried again where a build swaps it meanwhile.

    `opened` is given the tree, its state folder and the manifest.
    """
    state = state_folder(root, outside)
    for attempt in range(_OPEN_ATTEMPTS):
        manifest = read_manifest(state)
        try:
            return opened(root, state, manifest)
        except (IndexCorruptError, OSError):
            # A build may have swapped and removed the generation between the two reads.
            if attempt == _OPEN_ATTEMPTS - 1 or read_manifest(state).generation == manifest.generation:
                raise
    raise AssertionError("unreachable")
