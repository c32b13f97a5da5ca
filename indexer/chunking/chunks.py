"""Text and spans → chunks: the whole file where it fits the model, else parts cut where it hurts least.

Chunks tile the file: their texts joined are its text. A cut falls, in this order of preference, at
the border of an outer span, of an inner span, at a blank line, at a line end, between two tokens;
each chunk is filled as far as that allows. Not a tokenizer: tokens come in as offsets, counted once
for the whole file. `build.py` calls `cut_chunks`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from itertools import pairwise

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Int32Array, Int64Array, SourceFile, Span

_GOOD_FILL = 0.5
"""A chunk is at least this full if a preferred border allows, so that cuts do not multiply."""
_LEAST_FILL = 0.25
"""A span border that leaves a chunk less full than this is passed over for a blank line."""
_EDGE_TOKENS = 4
"""A part of a file can be tokenized a little differently at its ends than within the file."""
_BLANK_LINES = re.compile(r"\n(?:[ \t\r\f]*\n)+")
_LINE_CHARS = 500
"""How far from a span's border its line is looked at."""
_CLOSING = " \t\r\f;,)}]"
"""What may follow a span on its last line."""
_MAX_HEADER_SHARE = 4
"""A header takes at most one in so many of a chunk's tokens."""


@dataclass(frozen=True, slots=True)
class _Borders:
    """Where spans begin and end, moved to line borders, by position."""

    chars: Int64Array
    depths: Int64Array
    """0 for an outermost span."""


@dataclass(slots=True)
class _Cutter:
    """One file being cut; positions only grow.

    `bisect` looks at a few elements where `np.searchsorted` first copies the array to the key's type.
    """

    source: SourceFile
    spans: Sequence[Span]
    starts: Int32Array
    """(n,): where each token starts, ascending."""
    ends: Int32Array
    max_tokens: int
    n_header_tokens: Callable[[str], int]
    span_starts: list[int] = field(init=False)
    parents: list[int] = field(init=False)
    """For each span the index of the span around it, or -1."""

    def __post_init__(self) -> None:
        self.span_starts = [span.start_char for span in self.spans]
        self.parents = _parents(self.spans)

    def n_tokens(self, start_char: int, end_char: int) -> int:
        """Tokens that any part of [start_char, end_char) belongs to."""
        return max(0, bisect_left(self.starts, end_char) - bisect_right(self.ends, start_char))

    def furthest(self, start_char: int, n_tokens: int) -> int:
        """The last character to which `n_tokens` tokens from `start_char` reach; more than `start_char`."""
        first = bisect_right(self.ends, start_char)
        if first + n_tokens >= len(self.starts):
            return len(self.source.text)
        return max(int(self.starts[first + n_tokens]), start_char + 1)


def first_header(path: str, max_tokens: int, n_header_tokens: Callable[[str], int]) -> str:
    """The header that `cut_chunks` gives the first chunk of a file."""
    return _fitting_header(path, "", max_tokens, n_header_tokens)


def cut_chunks(
    source: SourceFile,
    spans: Sequence[Span],
    token_chars: Int32Array,
    max_tokens: int,
    n_header_tokens: Callable[[str], int],
    first_chunk_id: int,
) -> list[Chunk]:
    """Cut a file into chunks of at most `max_tokens` tokens, header and specials included.

    `spans` are sorted by start, outermost first, and nest. `token_chars` (n, 2) are the characters
    of the file's tokens, ascending and without specials. `n_header_tokens` counts what the model
    reads around a chunk's text, header and all specials, and is asked the same again and again. Ids
    count up from `first_chunk_id`. A text without a character gives no chunk. A token wider than the
    room left is a chunk of its own, the one case in which `n_tokens` may exceed `max_tokens`.
    """
    header = first_header(source.path, max_tokens, n_header_tokens)
    n_tokens = n_header_tokens(header) + len(token_chars)
    if source.text and n_tokens <= max_tokens:
        return [_whole(source, spans, header, n_tokens, first_chunk_id)]
    starts, ends = np.ascontiguousarray(token_chars.reshape(-1, 2).T)
    cutter = _Cutter(source, spans, starts, ends, max_tokens, n_header_tokens)
    cuts = _cuts(cutter)
    chunks: list[Chunk] = []
    line = 1
    for i, (start, end) in enumerate(pairwise(cuts)):
        text = source.text[start:end]
        n_newlines = text.count("\n")
        end_line = line + n_newlines - text.endswith("\n")
        header = _header(cutter, start)
        n_tokens = cutter.n_header_tokens(header) + cutter.n_tokens(start, end)
        own = spans[bisect_left(cutter.span_starts, start) : bisect_left(cutter.span_starts, end)]
        clipped = tuple(
            span if span.end_char <= end else replace(span, end_char=end, end_line=end_line) for span in own
        )
        chunk = Chunk(
            chunk_id=first_chunk_id + i,
            path=source.path,
            file_sha256=source.sha256,
            language=source.language,
            text=text,
            start_char=start,
            end_char=end,
            start_line=line,
            end_line=end_line,
            n_tokens=n_tokens,
            spans=clipped,
            header=header,
        )
        chunks.append(chunk)
        line += n_newlines
    return chunks


def _whole(source: SourceFile, spans: Sequence[Span], header: str, n_tokens: int, chunk_id: int) -> Chunk:
    """A file that is one chunk, as most are."""
    text = source.text
    return Chunk(
        chunk_id=chunk_id,
        path=source.path,
        file_sha256=source.sha256,
        language=source.language,
        text=text,
        start_char=0,
        end_char=len(text),
        start_line=1,
        end_line=1 + text.count("\n") - text.endswith("\n"),
        n_tokens=n_tokens,
        spans=tuple(spans),
        header=header,
    )


def _cuts(cutter: _Cutter) -> list[int]:
    """Return where chunks begin, and the end of the text."""
    n_chars = len(cutter.source.text)
    if n_chars == 0:
        return []
    cuts = [0]
    borders: _Borders | None = None
    while cuts[-1] < n_chars:
        start = cuts[-1]
        room = max(1, cutter.max_tokens - cutter.n_header_tokens(_header(cutter, start)))
        if cutter.n_tokens(start, n_chars) <= room:
            cuts.append(n_chars)
            break
        borders = borders or _borders(cutter)
        cuts.append(_best_cut(cutter, borders, start, max(1, room - _EDGE_TOKENS)))
    return cuts


def _best_cut(cutter: _Cutter, borders: _Borders, start: int, room: int) -> int:
    """Return the end of the chunk that begins at `start` and holds at most `room` tokens of text."""
    text = cutter.source.text
    limit = cutter.furthest(start, room)
    good = cutter.furthest(start, int(room * _GOOD_FILL))
    for least in (good, cutter.furthest(start, int(room * _LEAST_FILL))):
        first, last = np.searchsorted(borders.chars, [least, limit + 1])
        if first < last:
            depths = borders.depths[first:last]
            return int(borders.chars[first + np.flatnonzero(depths == depths.min())[-1]])
    best = 0
    for match in _BLANK_LINES.finditer(text, good - 1, limit):
        best = match.end()
    if best <= start:
        best = text.rfind("\n", good - 1, limit) + 1
    if best <= start:
        best = limit
        if text[best - 1 : best + 1] == "\r\n" and best - 1 > start:
            best -= 1
    return best


def _borders(cutter: _Cutter) -> _Borders:
    """Return the line starts at which spans begin and behind which they end, with the least depth of each."""
    text = cutter.source.text
    depth_at: dict[int, int] = {}
    depths: list[int] = []
    for span, parent in zip(cutter.spans, cutter.parents, strict=True):
        depth = depths[parent] + 1 if parent >= 0 else 0
        depths.append(depth)
        line_start = text.rfind("\n", max(0, span.start_char - _LINE_CHARS), span.start_char) + 1
        line_end = text.find("\n", span.end_char, span.end_char + _LINE_CHARS)
        if line_start and not text[line_start : span.start_char].strip():
            depth_at[line_start] = min(depth, depth_at.get(line_start, depth))
        if line_end >= 0 and not text[span.end_char : line_end].strip(_CLOSING):
            depth_at[line_end + 1] = min(depth, depth_at.get(line_end + 1, depth))
    chars = np.array(sorted(depth_at), dtype=np.int64)
    return _Borders(chars, np.array([depth_at[int(char)] for char in chars], dtype=np.int64))


def _parents(spans: Sequence[Span]) -> list[int]:
    parents: list[int] = []
    for i, span in enumerate(spans):
        parent = i - 1
        while parent >= 0 and spans[parent].end_char <= span.start_char:
            parent = parents[parent]
        parents.append(parent)
    return parents


def _header(cutter: _Cutter, start_char: int) -> str:
    """Return the path and, for a later chunk, the symbol that goes on across the cut before it."""
    enclosing = _enclosing(cutter, start_char) if start_char else ""
    return _fitting_header(cutter.source.path, enclosing, cutter.max_tokens, cutter.n_header_tokens)


def _fitting_header(path: str, symbol: str, max_tokens: int, n_header_tokens: Callable[[str], int]) -> str:
    """What does not fit a fair share of the chunk is left out: first the symbol, then folders."""
    limit = max_tokens // _MAX_HEADER_SHARE
    for header in (f"{path} {symbol}".strip(), path, path.rpartition("/")[2]):
        # No character of UTF-8 is more than four tokens: most headers need not be counted.
        if n_header_tokens("") + 4 * (len(header) + 1) <= limit or n_header_tokens(header) <= limit:
            return header
    return ""


def _enclosing(cutter: _Cutter, char: int) -> str:
    """Return the name of the innermost span that begins before `char` and ends after it, or ""."""
    i = bisect_left(cutter.span_starts, char) - 1
    while i >= 0 and cutter.spans[i].end_char <= char:
        i = cutter.parents[i]
    return cutter.spans[i].name if i >= 0 else ""
