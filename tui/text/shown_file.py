"""A file on disk → text to look at, or one sentence why not. Opens nothing but regular files in the tree.

Not the indexer's reading: a viewer shows the beginning of a huge file where the indexer skips it, and
says what changed since indexing.
"""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import InputError
from indexer.records import Passage

MAX_SHOWN_BYTES = 4_000_000
_SNIFFED_BYTES = 8192
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """The text of a file, and what a person should know about it (empty: nothing)."""

    text: str
    notice: str = ""


def read_file(root: Path, passage: Passage) -> ShownFile:
    """The file that the passage is from, as it is now.

    Raises:
        InputError: it is gone, outside the tree, not a regular file, unreadable or binary.
    """
    path = passage.path
    raw = _read_bytes(root, path)
    cut = len(raw) > MAX_SHOWN_BYTES
    raw = raw[:MAX_SHOWN_BYTES]
    text = _decode(raw, path, cut)
    notices = []
    if cut:
        text = text[: text.rfind("\n") + 1] or text
        notices.append(f"The file is larger than {MAX_SHOWN_BYTES // 1_000_000} MB; this is its beginning.")
    if passage.stale or not _still_says(text, passage):
        notices.append("The file changed since it was indexed; lines may have moved. F9 refreshes the index.")
    return ShownFile(text, " ".join(notices))


def _read_bytes(root: Path, path: str) -> bytes:
    target = root / path
    try:
        if not target.resolve().is_relative_to(root.resolve()):
            raise InputError(f"{path} leads out of the repository, so it is not opened.")
        # Without blocking: a FIFO that took the file's place would wait for a writer for ever.
        handle = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise InputError(
            f"{path} is gone since it was indexed; what you see is the indexed text. F9 refreshes the index."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{path} is not a regular file any more, so it is not opened.")
    with os.fdopen(handle, "rb") as file:
        try:
            return file.read(MAX_SHOWN_BYTES + 1)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _decode(raw: bytes, path: str, is_cut: bool) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace")
    if b"\0" in raw[:_SNIFFED_BYTES]:
        raise InputError(f"{path} is a binary file now, so it is not shown.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut in the middle of a character is the cut's doing, not the encoding's.
        if is_cut and error.start >= len(raw) - 4:
            return raw[: error.start].decode("utf-8")
        return raw.decode("latin-1")


def _still_says(text: str, passage: Passage) -> bool:
    lines = text.split("\n")
    first = passage.text.split("\n", 1)[0].rstrip("\r")
    if passage.start_line > len(lines):
        return False
    if passage.omitted_lines:
        return lines[passage.start_line - 1].rstrip("\r") == first
    shown = "\n".join(line.rstrip("\r") for line in lines[passage.start_line - 1 : passage.end_line])
    expected = "\n".join(line.rstrip("\r") for line in passage.text.removesuffix("\n").split("\n"))
    return shown.rstrip("\n") == expected.rstrip("\n")
