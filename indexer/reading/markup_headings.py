"""Sections of prose by its headings: Markdown and reStructuredText, read line by line.

Returns characters and levels only; `parse.py` makes spans of them. Not a renderer: what is inside
code fences and literal blocks is passed over, everything else is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading line (or two, where it is underlined)."""

    level: int
    """1 is outermost."""
    title: str
    start_char: int
    """Start of the heading's first line."""


_MARKDOWN = re.compile(
    r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})"
    r"|^ {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<title>[^\n]*))?$"
    r"|^(?P<comment>[ \t]*<!--)"
    r"|^ {0,3}(?P<underlined>[^\s>#|+\-*=~`<][^\n]*)\n {0,3}(?P<line>=+|-+)[ \t]*\r?$",
    re.MULTILINE,
)
_CLOSING_MARKS = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_ANCHOR = re.compile(r"[ \t]*\{#[^}]*\}[ \t]*$")
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\r?\n(?:.*\r?\n)*?\1[ \t]*(?:\r?\n|\Z)")


def markdown_headings(text: str) -> Iterator[Heading]:
    """Yield the headings of a Markdown text in order: `#` marks and underlines, outside code fences."""
    front = _FRONT_MATTER.match(text)
    position = front.end() if front else 0
    while True:
        match = _MARKDOWN.search(text, position)
        if match is None:
            return
        position = match.end()
        if match["fence"]:
            mark, length = match["fence"][0], len(match["fence"])
            close = re.compile(rf"^ {{0,3}}{mark}{{{length},}}[ \t]*\r?$", re.MULTILINE)
            line_end = text.find("\n", position)
            end = close.search(text, line_end) if line_end >= 0 else None
            position = end.end() if end else len(text)
        elif match["comment"]:
            end_of_comment = text.find("-->", position)
            position = end_of_comment if end_of_comment >= 0 else position
        elif match["marks"]:
            title = _CLOSING_MARKS.sub("", (match["title"] or "").rstrip())
            yield Heading(len(match["marks"]), _ANCHOR.sub("", title).strip(), match.start())
        else:
            yield Heading(1 if match["line"][0] == "=" else 2, match["underlined"].strip(), match.start())


_ADORNMENT = re.compile(r"^([!-/:-@\[-`{-~])\1++[ \t]*+\r?$", re.MULTILINE)
_MAX_TITLE_CHARS = 300


def rst_headings(text: str) -> Iterator[Heading]:
    """Yield the headings of a reStructuredText in order; levels by the order in which styles appear."""
    styles: list[tuple[str, bool]] = []
    """Character, and whether there is a line above too."""
    for match in _ADORNMENT.finditer(text):
        title_start = _line_start(text, match.start() - 1)
        title = text[title_start : match.start()].rstrip()
        under = match[0].rstrip()
        if not title.strip() or len(title) > _MAX_TITLE_CHARS or _ADORNMENT.match(text, title_start):
            continue
        above_start = _line_start(text, title_start - 1)
        has_above = text[above_start:title_start].rstrip() == under
        is_wide_enough = len(under) >= len(title.strip()) or (has_above and len(under) >= 3)
        if not is_wide_enough or (title[0].isspace() and not has_above):
            continue
        style = (under[0], has_above)
        if style not in styles:
            styles.append(style)
        yield Heading(styles.index(style) + 1, title.strip(), above_start if has_above else title_start)


def _line_start(text: str, char: int) -> int:
    """Return the start of the line that ends before or at `char`; of the first line, before it."""
    return text.rfind("\n", 0, max(char, 0)) + 1


STYLES: dict[str, Callable[[str], Iterator[Heading]]] = {"markdown": markdown_headings, "rst": rst_headings}
"""By the `headings` column of the table of languages."""
