"""Passages for a person at a terminal: the text format with syntax in colour, matched words, and links.

ANSI colours by number alone, so that they are those of the person's own theme, and control sequences
written here alone: what is in a file stays visible text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from codesearch.answers.shown_evidence import asked_stems, telling
from codesearch.render.passages import Gutter, gutter_lines, heading, place
from codesearch.render.sanitize import visible
from codesearch.render.syntax import pieces_of
from indexer.records import Passage

MAX_SYNTAX_CHARS = 40_000
"""A longer passage gets no syntax colours: nobody waits for them."""
_HIGHLIGHT_FROM = 0.5
"""Similarity from which a word that is another than the query's is worth a colour."""
_MATCH, _HEADING, _DIM, _RESET = "1;33", "1;36", "2", "\x1b[0m"
_SYNTAX = {
    "comment": "2", "keyword": "35", "string": "32", "number": "36", "function": "34", "class": "34",
    "builtin": "36", "decorator": "36", "tag": "34", "heading": "1", "emphasis": "3", "strong": "1",
}  # fmt: skip
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
"""Of an identifier, its words."""


def terminal_text(
    query: str,
    passages: Iterable[Passage],
    *,
    around: int | None = None,
    link: Callable[[Passage], str] | None = None,
) -> str:
    """The passages in colour; `around` as of `gutter_lines`, `link` gives the address behind a heading."""
    stems = asked_stems(query)
    return "\n".join(_block(passage, stems, around, link) for passage in passages)


def file_link(path: Path, host: str) -> str:
    """The address of a file on this machine, for OSC 8."""
    return f"file://{quote(host)}{quote(path.as_posix(), errors='surrogateescape')}"


def _block(
    passage: Passage, stems: frozenset[str], around: int | None, link: Callable[[Passage], str] | None
) -> str:
    head, where = heading(passage), place(passage)
    shown = _coloured(head, _HEADING)
    if link is not None:
        target = f"\x1b]8;;{link(passage)}\x1b\\{_coloured(where, _HEADING)}\x1b]8;;\x1b\\"
        shown = target + _coloured(head.removeprefix(where), _HEADING)
    lines = gutter_lines(passage, around)
    styles = _syntax(passage, lines)
    words = _matched(passage)
    out = [shown]
    for line, line_styles in zip(lines, styles, strict=True):
        spans = [] if line.number is None else _marks(line.text, words.get(line.number, ()), stems)
        for start, end in spans:
            line_styles[start:end] = [_MATCH] * (end - start)
        gutter = _coloured(line.gutter, _MATCH if words.get(line.number or 0) else _DIM)
        out.append(gutter + _runs(line.text, line_styles))
    return "\n".join(out) + "\n"


def _syntax(passage: Passage, lines: Sequence[Gutter]) -> list[list[str]]:
    """For each line the style of every character; marks of what is left out are dim."""
    styles = [[_DIM if line.number is None else ""] * len(line.text) for line in lines]
    code = "\n".join(line.text if line.number is not None else "" for line in lines)
    if len(code) > MAX_SYNTAX_CHARS:
        return styles
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += (len(line.text) if line.number is not None else 0) + 1
    flat = [""] * (len(code) + 1)
    for piece in pieces_of(code, passage.language, passage.path):
        style = _SYNTAX.get(piece.kind, "")
        flat[piece.start : piece.end] = [style] * (piece.end - piece.start)
    for index, line in enumerate(lines):
        if line.number is not None:
            styles[index] = flat[starts[index] : starts[index] + len(line.text)]
    return styles


def _matched(passage: Passage) -> dict[int, set[str]]:
    """Patterns of the words that matched, by line."""
    words: dict[int, set[str]] = {}
    for match in telling(passage.evidence.matches):
        is_same = match.query_word.casefold() == match.code_word.casefold()
        body = re.escape(visible(match.code_word.split("\n")[0]))
        if body and (match.is_literal or is_same or match.similarity >= _HIGHLIGHT_FROM):
            words.setdefault(match.line, set()).add(body if match.is_literal else rf"(?<!\w){body}(?!\w)")
    return words


def _marks(text: str, patterns: Iterable[str], stems: frozenset[str]) -> list[tuple[int, int]]:
    """Characters to mark in a line: what the evidence names, and the query's own words."""
    spans = [match.span() for pattern in patterns for match in re.finditer(pattern, text)]
    if stems:
        from indexer.retrieve.query_shape import stem

        spans += [part.span() for part in _PART.finditer(text) if stem(part.group().lower()) in stems]
    return spans


def _runs(text: str, styles: Sequence[str]) -> str:
    characters = zip(text, styles, strict=True)
    return "".join(
        _coloured("".join(character for character, _ in run), style)
        for style, run in groupby(characters, key=lambda pair: pair[1])
    )


def _coloured(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}{_RESET}" if style and text else text
