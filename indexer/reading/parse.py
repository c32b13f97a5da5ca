"""Text → spans: what tree-sitter's grammars and headings know of a file.

Grammars are native code and run in a process beside this one (`grammar_process.py`). tree-sitter speaks
in bytes of UTF-8; everything that leaves this module is in characters of the text, and `_CharMap` is the
one place that converts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from indexer.languages import LANGUAGES
from indexer.reading.code_blocks import COMPONENTS, CodeBlock, alone, cell_blocks, script_blocks
from indexer.reading.grammar_process import (
    Found,
    FoundSymbol,
    GrammarError,
    GrammarText,
    find_all,
    find_symbols,
)
from indexer.reading.markup_headings import STYLES
from indexer.records import Int64Array, ParsedFile, SourceFile, Span

_MAX_TITLE_CHARS = 200
_MAX_CHAIN_CHARS = 600
"""Of a name with all its owners; the innermost are kept."""
_OWNERS = frozenset({"class", "interface", "struct", "trait", "impl", "enum"})
"""Kinds whose functions are methods."""


class _Open(NamedTuple):
    """A symbol that the next ones may lie in."""

    kind: str
    name: str
    end: int


def parse(source: SourceFile, seconds: float) -> ParsedFile:
    """Find the spans of a file, outermost first and by position, within about `seconds`.

    These are seconds of processor time, so that a busy machine finds the same spans. Never raises for
    what is in the file: where the parser takes too long, too much memory or crashes, the result has no
    spans and `problem` says why. A file with broken syntax gives the spans of its sound parts.
    """
    return parse_all([source], seconds)[0]


def parse_all(sources: Sequence[SourceFile], seconds: float) -> list[ParsedFile]:
    """What `parse` gives for each file; programs are handed to their grammars together."""
    texts = [_grammar_text(source) for source in sources]
    found = iter(find_all([text for text in texts if text is not None], seconds))
    return [
        _parse_other(source, seconds) if text is None else _parsed(source, text, next(found))
        for source, text in zip(sources, texts, strict=True)
    ]


def _grammar_text(source: SourceFile) -> GrammarText | None:
    """What a grammar is to read; None where none is, or several are."""
    language = LANGUAGES[source.language]
    if language.headings or source.language in COMPONENTS or not language.grammar:
        return None
    return GrammarText(source.text.encode("utf-8", "surrogatepass"), language.grammar)


def _parsed(source: SourceFile, text: GrammarText, found: Found) -> ParsedFile:
    if isinstance(found, GrammarError):
        return ParsedFile((), f"parsing as {source.language} {found}; indexed as text")
    return ParsedFile(tuple(_symbol_spans(text.content, len(source.text), found)))


def _parse_other(source: SourceFile, seconds: float) -> ParsedFile:
    language = LANGUAGES[source.language]
    if language.headings:
        return ParsedFile(tuple(_sections(source.text, language.headings)))
    if source.language in COMPONENTS:
        return _parse_blocks(source.text, list(script_blocks(source.text, source.language)), seconds)
    return ParsedFile(())


def parse_cells(text: str, parsed: ParsedFile, seconds: float) -> ParsedFile:
    """Add the symbols of a notebook's code cells to its sections and cells."""
    found = _parse_blocks(text, list(cell_blocks(text, parsed.spans)), seconds, is_notebook=True)
    problem = "; ".join(part for part in (parsed.problem, found.problem) if part)
    return ParsedFile(_in_order([*parsed.spans, *found.spans]), problem)


def _parse_blocks(
    text: str, blocks: Sequence[CodeBlock], seconds: float, *, is_notebook: bool = False
) -> ParsedFile:
    spans: list[Span] = []
    for language in sorted({block.language for block in blocks}):
        grammar = LANGUAGES[language].grammar
        own = [block for block in blocks if block.language == language]
        if not grammar:
            continue
        own_text = alone(text, own, is_notebook=is_notebook)
        content = own_text.encode("utf-8", "surrogatepass")
        try:
            spans += _symbol_spans(content, len(own_text), find_symbols(content, grammar, seconds))
        except GrammarError as error:
            return ParsedFile((), f"parsing its {language} {error}; indexed as text")
    return ParsedFile(_in_order(spans))


def _in_order(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.start_char, -span.end_char)))


# --- symbols ---------------------------------------------------------------------------------


def _symbol_spans(content: bytes, n_chars: int, symbols: Sequence[FoundSymbol]) -> Iterator[Span]:
    chars = _CharMap(content, is_ascii=len(content) == n_chars)
    bounds = np.array([(start, end) for _, _, start, end in symbols], dtype=np.int64).reshape(-1, 2)
    start_chars, end_chars = chars.of(bounds[:, 0]), chars.of(bounds[:, 1])
    start_lines, end_lines = chars.lines(bounds[:, 0]), chars.lines(bounds[:, 1] - 1)
    open_symbols: list[_Open] = []
    for i, (kind, name, start, end) in enumerate(symbols):
        while open_symbols and open_symbols[-1].end <= start:
            open_symbols.pop()
        if open_symbols:
            owner = open_symbols[-1]
            name = f"{owner.name}.{name}"[-_MAX_CHAIN_CHARS:]
            if kind == "function" and owner.kind in _OWNERS:
                kind = "method"
        open_symbols.append(_Open(kind, name, end))
        yield Span(kind, name, int(start_chars[i]), int(end_chars[i]), int(start_lines[i]), int(end_lines[i]))


# --- sections --------------------------------------------------------------------------------


def _sections(text: str, style: str) -> Iterator[Span]:
    """A section runs from its heading to the next heading of its level or above, without trailing space."""
    headings = [heading for heading in STYLES[style](text) if heading.title]
    ends = [len(text)] * len(headings)
    open_headings: list[int] = []
    chains: list[str] = []
    for i, heading in enumerate(headings):
        while open_headings and headings[open_headings[-1]].level >= heading.level:
            ends[open_headings.pop()] = heading.start_char
        titles = [headings[j].title for j in open_headings] + [heading.title]
        chains.append(" > ".join(title[:_MAX_TITLE_CHARS] for title in titles))
        open_headings.append(i)
    newlines = _newlines(text.encode("utf-32-le", "surrogatepass"), "<u4")
    for heading, end, chain in zip(headings, ends, chains, strict=True):
        end_char = heading.start_char + len(text[heading.start_char : end].rstrip())
        start_line, end_line = np.searchsorted(newlines, [heading.start_char, end_char - 1]) + 1
        yield Span("section", chain, heading.start_char, end_char, int(start_line), int(end_line))


# --- characters and lines --------------------------------------------------------------------


class _CharMap:
    """Byte offsets of a UTF-8 text → characters and lines."""

    def __init__(self, content: bytes, *, is_ascii: bool) -> None:
        self._newlines = _newlines(content, "u1")
        self._starts_before: Int64Array | None = None
        """(n_bytes + 1,): characters that start before a byte; None: a byte is a character."""
        if not is_ascii:
            starts = (np.frombuffer(content, dtype=np.uint8) & 0xC0) != 0x80
            self._starts_before = np.concatenate([[0], np.cumsum(starts, dtype=np.int64)])

    def of(self, byte_offsets: Int64Array) -> Int64Array:
        """Return the character that each byte belongs to or, past the end, their number."""
        return byte_offsets if self._starts_before is None else self._starts_before[byte_offsets]

    def lines(self, byte_offsets: Int64Array) -> Int64Array:
        """Return 1-based line numbers."""
        return np.searchsorted(self._newlines, byte_offsets) + 1


def _newlines(content: bytes, dtype: str) -> Int64Array:
    return np.flatnonzero(np.frombuffer(content, dtype=dtype) == 10)
