"""Regions: a chunk tiled into pieces of a passage's size, cut where its spans begin and end.

A region is the smallest place that can answer: each has its own single-vector row, its own run of
token rows and its own lexical row. Unlike spans, regions do not nest and leave nothing out, so code
between functions can be found too. A span longer than a region gets a row of its own besides (`wide`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Int32Array, TokenizedChunk

MAX_REGION_TOKENS = 192
MIN_REGION_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Regions:
    """A chunk's regions and the spans that hold several of them."""

    chars: Int32Array
    """(R, 2): characters of each region from the start of the chunk; they tile it."""
    wide_chars: Int32Array
    """(W, 2): characters of each span wider than one region, from the start of the chunk."""


def cut_regions(
    chunk: Chunk,
    tokenized: TokenizedChunk,
    max_tokens: int = MAX_REGION_TOKENS,
    min_tokens: int = MIN_REGION_TOKENS,
) -> Regions:
    """Tile a chunk.

    Neighbours are joined while one of them is under `min_tokens` and both together fit `max_tokens`, or
    while one of them has no token at all; what is longer than `max_tokens` is cut at the blank line, else
    the line start, nearest to an even division. Every border but the chunk's ends is a line start where
    the text has lines.
    """
    text, offset = chunk.text, chunk.start_char
    if len(tokenized.token_chars) < min_tokens:  # all that can be told apart is joined
        return Regions(np.array([[0, len(text)]], np.int32), np.empty((0, 2), np.int32))
    if not text:
        return Regions(np.array([[0, 0]], np.int32), np.empty((0, 2), np.int32))
    starts = tokenized.token_chars[:, 0]
    token_starts = starts[starts >= 0] - offset

    spans = [(max(s.start_char - offset, 0), min(s.end_char - offset, len(text))) for s in chunk.spans]
    borders = {0, len(text)}
    for start, end in spans:
        borders.add(_line_start(text, start))
        borders.add(_next_line(text, end))
    ordered = sorted(borders)
    n_tokens = np.diff(np.searchsorted(token_starts, ordered)).tolist()

    joined: list[tuple[int, int]] = []
    counts: list[int] = []
    for (start, end), count in zip(pairwise(ordered), n_tokens, strict=True):
        # White space alone answers nothing, however long its neighbours are.
        is_small = joined and min(count, counts[-1]) < min_tokens and count + counts[-1] <= max_tokens
        if is_small or (joined and min(count, counts[-1]) == 0):
            joined[-1] = (joined[-1][0], end)
            counts[-1] += count
        else:
            joined.append((start, end))
            counts.append(count)

    regions: list[tuple[int, int]] = []
    listed = token_starts.tolist() if max(counts) > max_tokens else []  # bisected much faster than an array
    for (start, end), count in zip(joined, counts, strict=True):
        regions += [(start, end)] if count <= max_tokens else _split(text, start, end, listed, max_tokens)
    region_starts = [start for start, _ in regions]
    wide = {
        (start, end)
        for start, end in spans
        if bisect_left(region_starts, end) > bisect_right(region_starts, start)
    }
    return Regions(
        np.array(regions, np.int32).reshape(-1, 2),
        np.array(sorted(wide), np.int32).reshape(-1, 2),
    )


def _line_start(text: str, char: int) -> int:
    return text.rfind("\n", 0, char) + 1


def _next_line(text: str, char: int) -> int:
    if char == 0 or text[char - 1] == "\n":
        return char
    found = text.find("\n", char)
    return len(text) if found < 0 else found + 1


def _split(
    text: str, start: int, end: int, token_starts: Sequence[int], max_tokens: int
) -> list[tuple[int, int]]:
    """Cut one long piece into near-equal parts of at most `max_tokens`."""
    first, last = bisect_left(token_starts, start), bisect_left(token_starts, end)
    pieces: list[tuple[int, int]] = []
    while last - first > max_tokens:
        n_parts = -(-(last - first) // max_tokens)
        ideal = first + (last - first) // n_parts
        low = token_starts[first + max(1, (last - first) // n_parts // 2)]
        # Up to and including the last token that still fits.
        high = token_starts[first + max_tokens]
        cut = _cut_near(text, low, high, token_starts[ideal])
        pieces.append((start, cut))
        start, first = cut, bisect_left(token_starts, cut)
    pieces.append((start, end))
    return pieces


def _cut_near(text: str, low: int, high: int, ideal: int) -> int:
    """The border in (low, high] nearest to `ideal`: after a blank line, else a line start, else `ideal`."""
    for mark in ("\n\n", "\n"):
        before = text.rfind(mark, low, ideal)
        after = text.find(mark, ideal, high)
        candidates = [at + len(mark) for at in (before, after) if at >= 0 and low < at + len(mark) <= high]
        if candidates:
            return min(candidates, key=lambda cut: abs(cut - ideal))
    return ideal if low < ideal <= high else high
