"""A file on disk → text to look at, or one sentence why not. Opens nothing but regular files in the tree.

Not the indexer's reading: a viewer shows the beginning of a huge file where the indexer skips it, and
says what changed since indexing.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from codesearch.tree_files import read_tree_file
from indexer.errors import InputError
from indexer.records import Passage

CHANGED = "changed since it was indexed"
MAX_SHOWN_BYTES = 4_000_000
_SNIFFED_BYTES = 8192
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """The text of a file, and what a person should know about it."""

    text: str
    is_changed: bool = False
    """Its passage is not there any more as it was indexed."""
    is_cut: bool = False
    """It is larger than what is shown."""

    @property
    def state(self) -> str:
        """The gravest of it in a word or two; empty: nothing."""
        return CHANGED if self.is_changed else "its beginning" if self.is_cut else ""

    @property
    def notice(self) -> str:
        """What is to be said about it, in sentences; empty: nothing."""
        said = []
        if self.is_cut:
            said.append(f"The file is larger than {MAX_SHOWN_BYTES // 1_000_000} MB; this is its beginning.")
        if self.is_changed:
            said.append(f"The file {CHANGED}; lines may have moved. F9 refreshes the index.")
        return " ".join(said)


def read_file(root: Path, passage: Passage) -> ShownFile:
    """The file that the passage is from, as it is now.

    Raises:
        InputError: it is gone, outside the tree, a link, not a regular file, unreadable or binary.
    """
    path = passage.path
    raw = _read_bytes(root, path)
    cut = len(raw) > MAX_SHOWN_BYTES
    raw = raw[:MAX_SHOWN_BYTES]
    text = _decode(raw, path, cut)
    if cut:
        text = text[: text.rfind("\n") + 1] or text
    return ShownFile(text, passage.stale or not _still_says(text, passage), cut)


def _read_bytes(root: Path, path: str) -> bytes:
    try:
        return read_tree_file(root, path, MAX_SHOWN_BYTES)
    except FileNotFoundError:
        raise InputError(
            f"{path} was deleted after it was indexed; what you see is the indexed text."
            " F9 refreshes the index."
        ) from None


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
