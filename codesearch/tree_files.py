"""The library's door to files of an indexed tree as they lie on the disk now: never through a link.

For those who show or open a file. What answers a search is read from the index.
"""

from __future__ import annotations

import os
from pathlib import Path

from indexer.disk.contained import NotRegularError, open_regular, read_regular
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass


def read_tree_file(root: Path, path: str, max_bytes: int) -> bytes:
    """At most `max_bytes` + 1 bytes of a file, by its path below `root`; one more tells that there are more.

    Raises FileNotFoundError where there is none, InputError for a link, a path that leads out of the
    tree, what is no regular file, and what cannot be read.
    """
    try:
        return read_regular(root, path, max_bytes)
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


@dataclass(frozen=True, slots=True)
class TreeText:
    """The text of a file, or of its beginning."""

    text: str
    is_cut: bool
    """The file is larger than what was read."""


def read_tree_text(root: Path, path: str, max_bytes: int) -> TreeText:
    """At most `max_bytes` of a file as text, decoded as the indexer decodes it; cut at a line's end.

    Raises what `read_tree_file` raises, and InputError for what is no text.
    """
    from indexer.reading.decode import UndecodableError, decode
    from indexer.reading.source_file import encodings_of
    from indexer.settings import WalkSettings

    content = read_tree_file(root, path, max_bytes)
    is_cut = len(content) > max_bytes
    if is_cut:
        at = content.rfind(b"\n", 0, max_bytes) + 1 or max_bytes
        # A line end of UTF-16 and UTF-32 is more than its one byte.
        content = content[: at - (at % 4 if b"\0" in content[:64] else 0)]
    try:
        return TreeText(decode(content, lambda: encodings_of(root, path, WalkSettings())), is_cut)
    except UndecodableError as error:
        if error.reason == "binary":
            raise InputError(f"{path} is a binary file now, so it is not shown.") from None
        return TreeText(content.decode("latin-1"), is_cut)


def check_tree_file(root: Path, path: str) -> None:
    """Raise what `read_tree_file` raises, reading nothing."""
    try:
        os.close(open_regular(root, path))
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


def _refusal(path: str, error: OSError | ValueError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return error
    if isinstance(error, ValueError):
        return InputError(f"{path!r} is not a path inside the repository, so it is not opened.")
    if isinstance(error, (NotRegularError, NotADirectoryError)):
        return InputError(f"{path} is a link, a folder or a device now, or behind a link; it is not opened.")
    return InputError(f"{path} cannot be read: {error.strerror or error}.")
