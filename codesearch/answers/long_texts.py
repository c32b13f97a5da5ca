"""A long text in pages of bounded size, each of which says where the next begins, also within one line."""

from __future__ import annotations

from collections.abc import Callable

from codesearch.answers.lines import split_lines
from indexer.light_dataclasses import dataclass

MAX_LINES = 400
MAX_CHARS = 24_000
MAX_TOKENS = 8_000


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a text."""

    text: str
    last_line: int
    """Number of the last line that it shows a part of."""
    next_line: int
    """Where the next page begins; 0 where this is the last."""
    next_char: int
    """Characters of that line which were shown; 0 for a new line."""


def page_of(text: str, first_line: int, first_char: int, count_tokens: Callable[[str], int]) -> Page:
    """The page of a text that begins after `first_char` characters of its first line, numbered `first_line`.

    Of at most MAX_LINES lines, MAX_CHARS characters and MAX_TOKENS tokens; whole lines where one fits.
    """
    rest = text[first_char:]
    n_chars = min(len(rest), MAX_CHARS)
    n_chars = min(n_chars, sum(map(len, split_lines(rest[:n_chars])[:MAX_LINES])))
    while n_chars > 1 and (n_tokens := count_tokens(rest[:n_chars])) > MAX_TOKENS:
        n_chars = max(1, int(n_chars * min(0.95, MAX_TOKENS / n_tokens)))
    if n_chars < len(rest):
        whole = rest.rfind("\n", 0, n_chars) + 1
        n_chars = whole or n_chars
    shown = rest[:n_chars]
    n_ends = shown.count("\n")
    is_whole = shown.endswith("\n")
    last_line = first_line + n_ends - is_whole
    if n_chars == len(rest):
        return Page(shown, last_line, 0, 0)
    line_start = shown.rfind("\n") + 1
    shown_of_line = len(shown) - line_start + (first_char if not n_ends else 0)
    return Page(shown, last_line, first_line + n_ends, 0 if is_whole else shown_of_line)
