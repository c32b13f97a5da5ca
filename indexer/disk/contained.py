"""Open and list what lies below a folder without ever leaving it, following a link, or blocking.

The one place that opens files of an indexed tree. Every part of a path is opened relative to the
one before it with O_NOFOLLOW, so that a folder exchanged for a link between the walk and the read
leads nowhere; what is not a regular file is closed unread. Not a sandbox: `root` itself may be a link.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from indexer.system import (
    AS_BYTES,
    CLOSE_ON_EXEC,
    FOLDER_FLAGS,
    FOLLOW_NO_LINK,
    NEVER_WAIT,
    OPENS_BELOW_FOLDERS,
)

_FILE_FLAGS = os.O_RDONLY | FOLLOW_NO_LINK | NEVER_WAIT | CLOSE_ON_EXEC | AS_BYTES


_JUNCTION = 0xA0000003
"""What Windows calls the other kind of link, IO_REPARSE_TAG_MOUNT_POINT."""


class NotRegularError(OSError):
    """The path is a folder, FIFO, socket or device."""


def open_regular(root: Path, path: str) -> int:
    """Open `root/path` for reading and return its file descriptor, which the caller closes.

    `path` is relative and POSIX, without empty, `.` and `..` parts: ValueError otherwise. OSError
    where a part is missing, unreadable or a link; NotRegularError where the file is not regular.
    """
    parts = path.split("/")
    if not all(parts) or "." in parts or ".." in parts or "\0" in path:
        raise ValueError(f"not a path inside a folder: {path!r}")
    file = _open_below(root, parts) if OPENS_BELOW_FOLDERS else _open_by_name(root, parts)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotRegularError(f"not a regular file: {path!r}")
    return file


def _open_below(root: Path, parts: list[str]) -> int:
    folder = os.open(root, FOLDER_FLAGS & ~FOLLOW_NO_LINK)
    try:
        for part in parts[:-1]:
            inner = os.open(part, FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A device may act on open alone, so that its kind is asked for first and again after.
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
            raise NotRegularError(f"not a regular file: {'/'.join(parts)!r}")
        return os.open(parts[-1], _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _open_by_name(root: Path, parts: list[str]) -> int:
    """As `_open_below` where the system walks no handles: each part is looked at, then the whole is opened.

    What is opened must be what was looked at last; a folder above it that is exchanged between the two
    can still lead elsewhere.
    """
    where = root
    for part in parts:
        where = where / part
        found = where.lstat()
        if stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION:
            raise OSError(f"a link: {'/'.join(parts)!r}")
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError(f"not a regular file: {'/'.join(parts)!r}")
    file = os.open(where, _FILE_FLAGS)
    if not os.path.samestat(os.fstat(file), found):
        os.close(file)
        raise OSError(f"exchanged while it was opened: {'/'.join(parts)!r}")
    return file


def read_regular(root: Path, path: str, max_bytes: int) -> bytes:
    """Read at most `max_bytes` + 1 bytes of `root/path`; errors as `open_regular`.

    A result longer than `max_bytes` tells that the file is larger, whatever its size was before.
    """
    file = open_regular(root, path)
    try:
        size = min(os.fstat(file).st_size, max_bytes)
        parts: list[bytes] = []
        left = max_bytes + 1
        while left > 0:
            # One byte more than the expected size: a file that did not grow ends in this call.
            part = os.read(file, min(left, max(size + 1, 65_536)))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(file)


def digest_on_disk(root: Path, path: str) -> str:
    """The SHA-256 of a file's bytes, in hex; empty where it cannot be read, or is no file any more.

    `path` is repo-relative, and a link on it is not followed.
    """
    try:
        with os.fdopen(open_regular(root, path), "rb") as file:
            from hashlib import file_digest

            return file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""
