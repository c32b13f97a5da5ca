"""Where the index of a tree lies: in the tree, or in a folder outside that holds the indexes of many.

Outside, each tree has a folder of its own, named by its path, so that two trees of one name stay apart;
a small file in it names the tree, and what does not agree with the folder's name is not used.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from indexer.disk.state_files import create_file
from indexer.errors import IndexCorruptError, IndexMissingError, StorageError
from indexer.settings import STATE_FOLDER
from indexer.system import NEVER_WAIT, open_plain

ROOT_FILE = "root"
"""Of a state folder outside its tree: the tree's absolute path, nothing else."""
_MAX_PATH_BYTES = 65_536
_MAX_NAME_CHARS = 40


def state_folder(root: Path, outside: Path | None = None) -> Path:
    """Where the index of a tree lives; `outside` holds the indexes of many trees."""
    if outside is None:
        return root / STATE_FOLDER
    return outside / _name_outside(os.fsencode(root.resolve()))


def _name_outside(path: bytes) -> str:
    """Readable at its head, and by the hash of the whole path another for each tree."""
    from hashlib import sha256

    last = path.rpartition(b"/")[2].decode("utf-8", "replace")
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", last)[:_MAX_NAME_CHARS].strip("-") or "root"
    return f"{readable}-{sha256(path).hexdigest()[:32]}"


def root_of(state: Path) -> Path:
    """The tree of a state folder, wherever that lies.

    Raises IndexMissingError where a folder outside does not name its tree, IndexCorruptError where it
    names another.
    """
    if state.name == STATE_FOLDER:
        return state.parent
    try:
        handle = open_plain(state / ROOT_FILE, os.O_RDONLY | NEVER_WAIT)
        with os.fdopen(handle, "rb") as file:
            path = file.read(_MAX_PATH_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissingError(
            f"There is no index in {state}", "build one with `codesearch index`."
        ) from None
    except OSError as error:
        raise IndexCorruptError(
            f"{state / ROOT_FILE} cannot be read ({error.strerror}): nothing says whose index it is",
            f"remove {state} and build the index again.",
        ) from error
    if _name_outside(path) != state.name:
        raise IndexCorruptError(
            f"{state} is the index of another folder", f"remove {state} and build the index again."
        )
    return Path(os.fsdecode(path))


def note_root(state: Path, root: Path) -> None:
    """Write down whose index a folder outside its tree is; nothing is to be noted within one.

    Raises OSError, and StorageError where it is another's.
    """
    if state.name == STATE_FOLDER:
        return
    if not os.path.lexists(state / ROOT_FILE):
        with os.fdopen(create_file(state / ROOT_FILE), "wb") as file:
            file.write(os.fsencode(root.resolve()))
    try:
        root_of(state)
    except IndexCorruptError as error:
        raise StorageError(str(error)) from error
