"""Text → spans: what tree-sitter's grammars and headings know of a file.

tree-sitter speaks in bytes of UTF-8; everything that leaves this module is in characters of the
text, and `_CharMap` is the one place that converts. What a language calls a symbol is written in
its query file (`grammars/README.md`), nowhere here. `build.py` calls `parse`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from indexer.languages import LANGUAGES
from indexer.reading.markup_headings import STYLES
from indexer.records import Int64Array, ParsedFile, SourceFile, Span

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

_STRETCH_BYTES = 1 << 18
"""What is read and queried between two looks at the clock."""
_MAX_NAME_CHARS = 200
_MAX_CHAIN_CHARS = 600
"""Of a name with all its owners; the innermost are kept."""
_LINE_BYTES = 200
"""A comment that starts further into its line than this does not count as standing on its own line."""
_OWNERS = frozenset({"class", "interface", "struct", "trait", "impl", "enum"})
"""Kinds whose functions are methods."""
_CLAUSE = ".clause"
_NAMES = frozenset({"name", "title", "scope"})
"""Captures that name a symbol; `title` is kept as written, the others are put with dots."""


@dataclass(slots=True)
class _Symbol:
    """A definition as the query found it, in bytes."""

    kind: str
    name: str
    start: int
    end: int
    name_start: int
    pattern: int
    is_clause: bool


@dataclass(slots=True)
class _Found:
    """What a grammar's query captured in one file."""

    symbols: list[_Symbol]
    docs: list[tuple[int, int]]
    """(start, end) of what belongs to a symbol that follows directly: comments, decorators."""
    replaced: dict[tuple[int, int], int]
    """(start, end) of a node → the pattern that speaks for it; other patterns' symbols of it are dropped."""


class _TimeUpError(Exception):
    pass


class _Stretches(threading.local):
    """What a thread hands to the parser.

    The binding never lets go of what a callback has returned: a slice of its own would keep each file's
    text for good, the same object every time costs nothing.
    """

    def __init__(self) -> None:
        self.buffer = bytearray()


_stretches = _Stretches()


def parse(source: SourceFile, seconds: float) -> ParsedFile:
    """Find the spans of a file, outermost first and by position, within about `seconds`.

    These are seconds of this thread's processor time, so that a busy machine finds the same spans.
    Never raises for what is in the file: where the parser takes too long or fails, the result has
    no spans and `problem` says why. A file with broken syntax gives the spans of its sound parts.
    """
    language = LANGUAGES[source.language]
    if language.headings:
        return ParsedFile(tuple(_sections(source.text, language.headings)))
    if not language.grammar:
        return ParsedFile(())
    try:
        return ParsedFile(tuple(_symbol_spans(source.text, language.grammar, seconds)))
    except _TimeUpError:
        return ParsedFile((), f"parsing as {source.language} took more than {seconds:g} s; indexed as text")
    except (ValueError, RuntimeError, MemoryError) as error:
        return ParsedFile((), f"parsing as {source.language} failed ({error}); indexed as text")


# --- symbols ---------------------------------------------------------------------------------


def _symbol_spans(text: str, grammar: str, seconds: float) -> Iterator[Span]:
    content = text.encode("utf-8", "surrogatepass")
    found = _run_query(content, grammar, time.thread_time() + seconds)
    symbols = _merge_clauses(_with_docs(_deduplicate(found), found.docs, content), content)
    spans = sorted(symbols, key=lambda symbol: (symbol.start, -symbol.end, symbol.pattern))
    chars = _CharMap(content, is_ascii=len(content) == len(text))
    bounds = np.array([(s.start, s.end) for s in spans], dtype=np.int64).reshape(-1, 2)
    start_chars, end_chars = chars.of(bounds[:, 0]), chars.of(bounds[:, 1])
    start_lines, end_lines = chars.lines(bounds[:, 0]), chars.lines(bounds[:, 1] - 1)
    open_symbols: list[_Symbol] = []
    for i, symbol in enumerate(spans):
        while open_symbols and open_symbols[-1].end <= symbol.start:
            open_symbols.pop()
        if open_symbols:
            owner = open_symbols[-1]
            symbol.name = f"{owner.name}.{symbol.name}"[-_MAX_CHAIN_CHARS:]
            if symbol.kind == "function" and owner.kind in _OWNERS:
                symbol.kind = "method"
        open_symbols.append(symbol)
        yield Span(
            symbol.kind, symbol.name, int(start_chars[i]), int(end_chars[i]),
            int(start_lines[i]), int(end_lines[i]),
        )  # fmt: skip


def _run_query(content: bytes, grammar: str, deadline: float) -> _Found:
    from tree_sitter import Parser, QueryCursor

    # Nodes of a text that was handed over by a callback have no text of their own (`Node.text` and
    # the built-in predicates crash), and a query's progress callback crashes too. So names are cut
    # from `content`, conditions are `#set!` lines, and queries run over one stretch after another.
    stretch = _stretches.buffer

    def read(offset: int, _: object) -> bytearray:
        stretch[:] = content[offset : offset + _STRETCH_BYTES]
        return stretch

    try:
        tree = Parser(_language(grammar)).parse(
            read, progress_callback=lambda *_: time.thread_time() > deadline
        )
    except ValueError as error:
        if time.thread_time() > deadline:
            raise _TimeUpError from error
        raise
    finally:
        stretch.clear()
    query = _query(grammar)
    cursor = QueryCursor(query.query)
    found = _Found([], [], {})
    for start in range(0, len(content), _STRETCH_BYTES):
        if time.thread_time() > deadline:
            raise _TimeUpError
        cursor.set_byte_range(start, start + _STRETCH_BYTES)
        for pattern, captures in cursor.matches(tree.root_node):
            if not all(
                condition.fullmatch(_text(content, captures[capture][0]))
                for capture, condition in query.conditions[pattern].items()
            ):
                continue
            for capture, nodes in captures.items():
                if capture == "doc":
                    found.docs += [(node.start_byte, node.end_byte) for node in nodes]
                elif capture == "replaces":
                    found.replaced[nodes[0].start_byte, nodes[0].end_byte] = pattern
                elif capture[0] != "_" and capture not in _NAMES:
                    symbol = _symbol(content, grammar, pattern, capture, captures)
                    if symbol.name not in ("", "_"):
                        found.symbols.append(symbol)
    return found


def _symbol(
    content: bytes, grammar: str, pattern: int, capture: str, captures: dict[str, list[Node]]
) -> _Symbol:
    node = captures[capture][0]
    if "title" in captures:
        name_node = captures["title"][0]
        name = " ".join(_text(content, name_node).strip("\"'`").split())
    else:
        name_node = captures["name"][0]
        parts = [
            _plain_name(_text(content, part), grammar) for part in (*captures.get("scope", ())[:1], name_node)
        ]
        name = ".".join(part for part in parts if part)
    return _Symbol(
        kind=capture.removesuffix(_CLAUSE),
        name=name[:_MAX_NAME_CHARS],
        start=node.start_byte,
        end=_without_space(content, node),
        name_start=name_node.start_byte,
        pattern=pattern,
        is_clause=capture.endswith(_CLAUSE),
    )


def _without_space(content: bytes, node: Node) -> int:
    """Return where the node ends; some grammars count the line end, and blank lines, to it."""
    end = node.end_byte
    while end > node.start_byte and content[end - 1] in b" \t\r\n\f":
        end -= 1
    return end


def _text(content: bytes, node: Node) -> str:
    return content[node.start_byte : min(node.end_byte, node.start_byte + 4 * _MAX_NAME_CHARS)].decode(
        "utf-8", "replace"
    )


_SEPARATOR = re.compile(r"\s*(?:::|->|:|\\|@)\s*")
_R_SEPARATOR = re.compile(r"\s*(?:::|->|:|\$|\\|@)\s*")
"""With the `$` that is a letter of names elsewhere."""
_ARGUMENTS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")


def _plain_name(written: str, grammar: str) -> str:
    """Write a name with dots, without quotes, type arguments and line breaks: `Foo<T>::bar` → `Foo.bar`."""
    name = written.strip("\"'`")
    if name.isidentifier():
        return name
    if (name[:1].isalpha() or name[:1] == "_") and not name.startswith("operator"):
        name = _ARGUMENTS.sub("", name)
    separator = _R_SEPARATOR if grammar == "r" else _SEPARATOR
    return " ".join(separator.sub(".", name).strip(".").split())


def _deduplicate(found: _Found) -> list[_Symbol]:
    """Of the symbols that one name was captured for, keep the widest, then the earliest pattern's.

    Constants that are declared in one statement are one symbol, by the first name.
    """
    best: dict[int, _Symbol] = {}
    for symbol in found.symbols:
        if found.replaced.get((symbol.start, symbol.end), symbol.pattern) == symbol.pattern:
            other = best.setdefault(symbol.name_start, symbol)
            if (symbol.start - symbol.end, symbol.pattern) < (other.start - other.end, other.pattern):
                best[symbol.name_start] = symbol
    first_names: dict[int, int] = {}
    for symbol in best.values():
        if symbol.kind == "constant":
            first_names[symbol.start] = min(
                symbol.name_start, first_names.get(symbol.start, symbol.name_start)
            )
    return [
        symbol
        for symbol in best.values()
        if symbol.kind != "constant" or symbol.name_start == first_names[symbol.start]
    ]


_GAP = re.compile(rb"[ \t\r\f]*(?:\n[ \t\r\f]*)?")


def _with_docs(symbols: list[_Symbol], docs: list[tuple[int, int]], content: bytes) -> list[_Symbol]:
    """Let comments and decorators directly above a symbol, with no blank line between, begin it."""
    above: dict[int, int] = {}
    """Where what follows a comment starts → where the comment, or the first of its run, starts."""
    for start, end in sorted(docs):
        while end > start and content[end - 1 : end] in (b"\n", b"\r"):
            end -= 1  # some grammars count the line end to the comment
        gap = _GAP.match(content, end)
        following = gap.end() if gap else end
        run_start = above.get(start)
        if run_start is None:
            before = content[max(0, start - _LINE_BYTES) : start].rpartition(b"\n")
            if before[2].strip() or (not before[1] and start > _LINE_BYTES):
                continue  # behind code on the same line: it speaks of that
            run_start = start
        above[following] = run_start
    for symbol in symbols:
        symbol.start = above.get(symbol.start, symbol.start)
    return symbols


def _merge_clauses(symbols: list[_Symbol], content: bytes) -> list[_Symbol]:
    """Join a function's clauses, written one after the other, into one symbol."""
    merged: list[_Symbol] = []
    last: _Symbol | None = None
    for symbol in sorted(symbols, key=lambda symbol: (symbol.start, -symbol.end)):
        if (
            last is not None
            and symbol.is_clause
            and (symbol.name, symbol.kind) == (last.name, last.kind)
            and last.end <= symbol.start
            and not content[last.end : symbol.start].strip()
        ):
            last.end = symbol.end
            continue
        merged.append(symbol)
        if last is None or symbol.start >= last.end or not symbol.is_clause:
            last = symbol if symbol.is_clause else None
    return merged


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
        chains.append(" > ".join(title[:_MAX_NAME_CHARS] for title in titles))
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


# --- grammars --------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _language(grammar: str) -> Language:
    from tree_sitter_language_pack import get_language

    return get_language(grammar)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _GrammarQuery:
    query: Query
    conditions: tuple[dict[str, re.Pattern[str]], ...]
    """One a pattern: capture → what its text must match as a whole."""


@lru_cache(maxsize=64)
def _query(grammar: str) -> _GrammarQuery:
    from tree_sitter import Query

    query = Query(_language(grammar), query_text(grammar))
    rules = [query.pattern_settings(i) for i in range(query.pattern_count)]
    compiled = ({capture: re.compile(rule or "", re.DOTALL) for capture, rule in of.items()} for of in rules)
    return _GrammarQuery(query, tuple(compiled))


_INHERITS = re.compile(r"; inherits: (\w+)\n")


def query_text(grammar: str) -> str:
    """Return a grammar's query, that of the grammar which its first line inherits from before it."""
    text = (files("indexer.reading") / "grammars" / f"{grammar}.scm").read_text("utf-8")
    inherited = _INHERITS.match(text)
    return query_text(inherited[1]) + text if inherited else text
