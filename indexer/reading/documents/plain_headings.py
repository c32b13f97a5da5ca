"""Headings → section spans, and headings of plain text, where no markup says what is one.

Not a Markdown or reStructuredText parser (`indexer/reading/parse.py` has those).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from indexer.light_dataclasses import dataclass
from indexer.reading.markup_headings import Heading
from indexer.records import Span

CHAIN_MARK = " > "
_MAX_TITLE_CHARS = 160

_NUMBERED = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,3}){0,5})(?P<dot>\.?)[ \t]+(?P<title>\S.*)")
_WORDED = re.compile(
    r"(?P<word>part|book|chapter|section|article|appendix|annex|kapitel|chapitre)[ \t]+"
    r"(?P<number>\d{1,3}|[ivxlc]{1,8}|[a-z])\b(?P<rest>[ \t]*[.:—–-]?[ \t]*(?P<title>.*))",
    re.IGNORECASE,
)
_WORD_LEVELS = {"part": 1, "book": 1}
_LEADERS = re.compile(r"(?:\.[ \t]?){3,}|…|[ \t]{3,}\d{1,4}$")
_UNDERLINE = re.compile(r"([=\-~^*#])\1{2,}[ \t]*")
_MIN_BODY_CHARS = 80
"""Mean text between the numbered headings of a run, below which they are a list or a table of contents."""


@dataclass(frozen=True, slots=True)
class Part:
    """A span before its lines are counted."""

    kind: str
    name: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start_char: int
    blank_before: bool
    blank_after: bool
    next_text: str


def section_parts(headings: Iterable[Heading], end_char: int) -> list[Part]:
    """Each heading's section, up to the next heading of its level or above, named by its chain."""
    parts: list[Part] = []
    open_headings: list[tuple[Heading, str]] = []

    def close(level: int, at: int) -> None:
        while open_headings and open_headings[-1][0].level >= level:
            heading, chain = open_headings.pop()
            parts.append(Part("section", chain, heading.start_char, at))

    for heading in sorted(headings, key=lambda heading: heading.start_char):
        close(heading.level, heading.start_char)
        title = " ".join(heading.title.split())[:_MAX_TITLE_CHARS]
        if not title:
            continue
        above = open_headings[-1] if open_headings else None
        if above is None:
            chain = title
        elif above[0].title == title:
            # A chapter named as its book is: said once.
            chain = above[1]
        else:
            chain = above[1] + CHAIN_MARK + title
        open_headings.append((heading, chain))
    close(-1, end_char)
    return parts


def to_spans(text: str, parts: Iterable[Part]) -> tuple[Span, ...]:
    """Count lines; blank space at the end of a part is not its own, and an empty part is dropped.

    Ordered by start, then the longer first, so that what holds another comes before it. Code and tables
    without a name take that of the section around them.
    """
    newlines = [found.start() for found in re.finditer("\n", text)]
    spans: list[Span] = []
    for part in parts:
        end_char = min(part.end_char, len(text))
        while end_char > part.start_char and text[end_char - 1].isspace():
            end_char -= 1
        if end_char <= part.start_char:
            continue
        start_line = bisect_left(newlines, part.start_char) + 1
        end_line = bisect_left(newlines, end_char - 1) + 1
        spans.append(Span(part.kind, part.name, part.start_char, end_char, start_line, end_line))
    spans.sort(key=lambda span: (span.start_char, -span.end_char))
    return tuple(_named_by_section(spans))


def _named_by_section(spans: Iterable[Span]) -> Iterable[Span]:
    sections: list[Span] = []
    for span in spans:
        while sections and sections[-1].end_char <= span.start_char:
            sections.pop()
        if span.kind == "section":
            sections.append(span)
        elif not span.name and sections:
            yield replace(span, name=sections[-1].name)
            continue
        yield span


def plain_headings(text: str) -> list[Heading]:
    """Headings of a text without markup: underlined, numbered in sequence, `Chapter 3`, or in capitals.

    Numbered lines count only where their numbers follow on from each other (1, 1.1, 1.2, 2) and text
    lies between them, so that lists and tables of contents are not taken for headings.
    """
    underlined: list[Heading] = []
    worded: list[Heading] = []
    capitals: list[Heading] = []
    numbered: list[tuple[Heading, tuple[int, ...]]] = []
    for line in _lines(text):
        stripped = line.text.strip()
        if not line.blank_before or len(stripped) > 120 or _LEADERS.search(stripped):
            continue
        if _is_underlined(line, stripped):
            underlined.append(Heading(1 if line.next_text.startswith("=") else 2, stripped, line.start_char))
        elif not line.blank_after:
            continue
        elif (found := _WORDED.fullmatch(stripped)) and _is_title(found["title"] or found["word"]):
            level = _WORD_LEVELS.get(found["word"].lower(), 2)
            worded.append(Heading(level, stripped, line.start_char))
        elif (found := _NUMBERED.fullmatch(stripped)) and _is_title(found["title"]):
            number = tuple(int(digits) for digits in found["number"].split("."))
            numbered.append((Heading(2 + len(number), stripped, line.start_char), number))
        elif _is_capitals(stripped):
            capitals.append(Heading(3, stripped, line.start_char))
    sequence = in_sequence(numbered, len(text))
    if len(capitals) < 2 or sequence:
        capitals = []
    return sorted([*underlined, *worded, *sequence, *capitals], key=lambda heading: heading.start_char)


def in_sequence(numbered: Sequence[tuple[Heading, tuple[int, ...]]], end_char: int) -> list[Heading]:
    """Those numbered headings whose numbers follow on from each other, with text between them."""
    runs: list[list[tuple[Heading, tuple[int, ...]]]] = []
    for heading, number in numbered:
        if runs and follows(runs[-1][-1][1], number):
            runs[-1].append((heading, number))
        elif number in ((1,), (0,), (1, 0), (1, 1), (0, 1)):
            runs.append([(heading, number)])
    kept: list[Heading] = []
    for at, run in enumerate(runs):
        end = runs[at + 1][0][0].start_char if at + 1 < len(runs) else end_char
        if len(run) >= 2 and (end - run[0][0].start_char) / len(run) >= _MIN_BODY_CHARS:
            kept += [heading for heading, _ in run]
    return kept


def follows(before: tuple[int, ...], number: tuple[int, ...]) -> bool:
    """Whether a heading may carry `number` after `before`: a first child, or the next of an open level."""
    if len(number) == len(before) + 1 and number[:-1] == before:
        return number[-1] in (0, 1)
    depth = len(number)
    return depth <= len(before) and number[:-1] == before[: depth - 1] and number[-1] == before[depth - 1] + 1


def _lines(text: str) -> Iterable[_Line]:
    """The non-blank lines of a text with what stands around them."""
    start = 0
    before = ""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        after = lines[at + 1] if at + 1 < len(lines) else ""
        if line.strip():
            yield _Line(line, start, not before.strip(), not after.strip(), after.strip())
        before = line
        start += len(line) + 1


def _is_underlined(line: _Line, stripped: str) -> bool:
    if not line.next_text or not _UNDERLINE.fullmatch(line.next_text) or not any(map(str.isalnum, stripped)):
        return False
    return len(stripped) - 2 <= len(line.next_text) <= len(stripped) + 8


def _is_title(title: str) -> bool:
    """A title begins with a capital, a digit or a quote, and does not end as a sentence does."""
    return (
        len(title) <= 100
        and (title[0].isupper() or title[0] in "\"'“‘(`" or not title[0].isascii())
        and title[-1] not in ".;,:"
        and any(map(str.isalpha, title))
    )


def _is_capitals(line: str) -> bool:
    letters = [char for char in line if char.isalpha()]
    return (
        len(letters) >= 4 and len(line) <= 80 and line[-1] not in ".;,!?" and all(map(str.isupper, letters))
    )
