"""How small files are written whole or not at all, and how the state folder's are made and looked at.

Never through a link, closed to other users.

Whoever wrote a repository may have planted a `.codesearch` folder in it. Nothing that is written there
may land elsewhere, and nothing elsewhere may be taken for part of the index. Not for files of the
indexed tree: those are `contained.py`'s.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from indexer.errors import StorageError
from indexer.system import OPENS_FOLDERS, open_plain, set_mode

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def find_link(state: Path) -> Path | None:
    """The first link, pipe, socket or device at or below a state folder, or None."""
    if state.is_symlink():
        return state
    folders = [state]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    return Path(entry.path)
    return None


def refuse_links(state: Path) -> None:
    """Raise StorageError where anything of a state folder leads elsewhere."""
    link = find_link(state)
    if link is not None:
        raise StorageError(
            f"{link} is a link or a device; remove it and run the same command again:"
            " all of an index lies inside its folder."
        )


def create_file(path: Path) -> int:
    """Open a new, empty file for writing in place of whatever has the name; the caller closes it."""
    with suppress(FileNotFoundError):
        path.unlink()
    return open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)


def write_file(path: Path, content: bytes, *, durable: bool = True, mode: int = FILE_MODE) -> None:
    """Write a small file: its name is taken by the whole content or not at all. Raises OSError.

    `durable` has it on the disk when this returns, and keeps that promise through a power cut.
    """
    from secrets import token_hex

    temporary = path.with_name(f"{path.name}.{os.getpid()}.{token_hex(4)}.new")
    try:
        with os.fdopen(create_file(temporary), "wb") as file:
            file.write(content)
            set_mode(file.fileno(), temporary, mode)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable, where the system opens folders."""
    if not OPENS_FOLDERS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_in_place(path: Path) -> int:
    """Open a file for reading and writing where it lies, made if it is not there; the caller closes it.

    A file that has a second name elsewhere is copied first, so that what has the other name stays.
    """
    with suppress(FileNotFoundError):
        if path.lstat().st_nlink > 1:
            copy = path.with_name(path.name + ".new")
            import shutil

            with path.open("rb") as old, os.fdopen(create_file(copy), "wb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
            copy.replace(path)
    return open_plain(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
