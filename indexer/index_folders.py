"""The folder of an index as a whole: how large and how old it is, and deleting it. Nothing in it is read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.errors import IndexMissingError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.settings import MANIFEST_NAME
from indexer.storage.status import n_bytes_below


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """Where an index lies and what it takes."""

    root: Path
    """The tree; it may be gone where the index lies outside."""
    state: Path
    n_bytes: int
    built_at: float | None
    """Seconds since 1970 of the newest build; None where there is nothing that a search could open."""


def look_at(root: Path, outside: Path | None = None) -> IndexFolder | None:
    """The index folder of a tree, whole or not; None where there is none."""
    state = state_folder(root, outside)
    if not os.path.lexists(state):
        return None
    try:
        built_at = (state / MANIFEST_NAME).stat().st_mtime
    except OSError:
        built_at = None
    return IndexFolder(root, state, 0 if state.is_symlink() else n_bytes_below(state), built_at)


def delete(root: Path, outside: Path | None = None) -> None:
    """Delete the index of a tree, vectors and all; the tree stays.

    No link is followed. Who has it open goes on with what it holds. Raises IndexMissingError where there is
    none, IndexBusyError while a build writes it, StorageError where it cannot be deleted.
    """
    state = state_folder(root, outside)
    if not os.path.lexists(state):
        raise IndexMissingError(f"There is no index of {root}.")
    if state.is_symlink() or not state.is_dir():
        raise StorageError(f"{state} is a link or a file, not an index", "remove it yourself")
    with write_lock(state):
        try:
            (state / MANIFEST_NAME).unlink(missing_ok=True)  # from here on there is none, and not half of one
            shutil.rmtree(state)
        except OSError as error:
            raise StorageError(f"{error.filename or state} cannot be deleted: {error.strerror}.") from error
