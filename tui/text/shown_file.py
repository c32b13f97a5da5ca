"""A file on disk → text to look at, or one sentence why not. Opens nothing but regular files in the tree.

Not the indexer's reading: a viewer shows the beginning of a huge file where the indexer skips it, and
says what changed since indexing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codesearch.tree_files import read_tree_text
from indexer.errors import InputError
from indexer.records import Passage

CHANGED = "changed since it was indexed"
MAX_SHOWN_BYTES = 4_000_000
MAX_AROUND_LINES = 200


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


def of_revision(path: str) -> str:
    """Why the file of a revision can neither be shown nor opened."""
    return f"{path} is of a commit, not of the disk; what you see is the indexed text."


def read_file(root: Path, passage: Passage) -> ShownFile:
    """The file that the passage is from, as it is now.

    Raises:
        InputError: it is gone, outside the tree, a link, not a regular file, unreadable, binary or a
            document whose text was taken out of it.
    """
    path = passage.path
    if passage.is_extracted:
        raise InputError(f"{path} has no such lines to show: these are of the text taken out of it.")
    try:
        file = read_tree_text(root, path, MAX_SHOWN_BYTES)
    except FileNotFoundError:
        if not passage.has_text:
            raise InputError(
                f"{path} is not in this folder, and the index was imported without texts."
            ) from None
        raise InputError(
            f"{path} was deleted after it was indexed; what you see is the indexed text."
            " F9 refreshes the index."
        ) from None
    return ShownFile(file.text, passage.stale or not _still_says(file.text, passage), file.is_cut)


def lines_around(root: Path, passage: Passage) -> tuple[list[str], list[str]]:
    """Lines before and after a passage in its file, at most as many as a screen has.

    None where the file cannot be read or is not what was indexed any more.
    """
    try:
        file = read_file(root, passage)
    except InputError:
        return [], []
    if file.is_changed:
        return [], []
    lines = file.text.removesuffix("\n").split("\n")
    first = passage.start_line - 1
    after = lines[passage.end_line : passage.end_line + MAX_AROUND_LINES]
    return lines[max(0, first - MAX_AROUND_LINES) : first], after


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
