"""A tokenized chunk to the windows of its forward passes, and the windows' vectors back to the chunk's.

A chunk that fits is one window. A longer one is read in passes of equal length that overlap, each
behind a repeat of the header; a token's vector is kept from the pass in which it stands farthest
from a cut. A document with headings is read section by section instead: see `DECISIONS.md`, 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from indexer.records import Int32Array, SequenceVectors, TokenizedChunk, Window


def cut_windows(
    tokenized: TokenizedChunk, window_tokens: int, overlap_tokens: int, first_window_id: int
) -> list[Window]:
    """The windows of one chunk, ids counting up from `first_window_id`.

    Preconditions: `0 <= overlap_tokens`, and `window_tokens` of at least 16.
    Every window has at most `window_tokens` tokens; their kept tokens, joined, are the chunk's.
    """
    ids = tokenized.input_ids
    n = len(ids)
    if n <= window_tokens:
        return [Window(first_window_id, ids, 0, n)]
    # A header too long to repeat is repeated in part; what is left out is read once, as text.
    n_header = min(tokenized.n_header, window_tokens // 4)
    n_tail = tokenized.n_tail
    n_body = n - n_header - n_tail
    room = window_tokens - n_header - n_tail
    overlap = min(overlap_tokens, room // 2)
    n_windows = -(-(n_body - overlap) // (room - overlap))
    # Body token i of the chunk is ids[n_header + i]; pass w reads starts[w] to starts[w] + length.
    length = -(-(n_body + (n_windows - 1) * overlap) // n_windows)
    starts = np.linspace(0, n_body - length, n_windows).round().astype(np.int64)
    header, tail = ids[:n_header], ids[n - n_tail :]
    windows = []
    for w, start in enumerate(starts.tolist()):
        body = ids[n_header + start : n_header + start + length]
        # The middle of an overlap is where the two passes have equally much context.
        first = 0 if w == 0 else (starts[w - 1] + length + start) // 2 - start
        last = length if w == n_windows - 1 else (start + length + starts[w + 1]) // 2 - start
        windows.append(
            Window(
                window_id=first_window_id + w,
                input_ids=np.concatenate([header, body, tail]),
                kept_start=0 if w == 0 else n_header + int(first),
                kept_end=n_header + int(last) + (n_tail if w == n_windows - 1 else 0),
            )
        )
    return windows


def cut_section_windows(
    tokenized: TokenizedChunk,
    region_chars: Int32Array,
    sections: Int32Array,
    section_tokens: int,
    window_tokens: int,
    first_window_id: int,
) -> list[Window]:
    """The windows of one chunk of a document: each section by itself, a long one in parts.

    `region_chars` (R, 2) tile the file's characters of the chunk, `sections` (S, 2) are characters of the
    file too, ordered by start, outermost first. A window begins at a region whose middle lies in another
    innermost section than that of the region before, or that would make it longer than
    `section_tokens`; a region is never cut. Without a section, or where a region does not fit the
    window, `cut_windows` is the way.
    """
    n_header, n_tail = tokenized.n_header, tokenized.n_tail
    n = len(tokenized.input_ids)
    room = min(section_tokens, window_tokens - n_header - n_tail)
    starts = tokenized.token_chars[n_header : n - n_tail, 0]
    firsts = np.searchsorted(starts, region_chars[:, 0]) + n_header  # (R,) each region's first token
    firsts[0] = n_header
    ends = np.append(firsts[1:], n - n_tail)
    middles = region_chars.mean(axis=1)
    within = (sections[:, :1] <= middles) & (middles < sections[:, 1:])  # (S, R)
    innermost = np.where(within.any(axis=0), len(sections) - 1 - within[::-1].argmax(axis=0), -1)
    cuts, section = [n_header], int(innermost[0])
    for first, end, own in zip(firsts.tolist(), ends.tolist(), innermost.tolist(), strict=True):
        if end > first > cuts[-1] and (own != section or end - cuts[-1] > room):
            cuts.append(first)
        section = own if end > first else section
    header, tail = tokenized.input_ids[:n_header], tokenized.input_ids[n - n_tail :]
    windows = []
    for number, (start, end) in enumerate(pairwise([*cuts, n - n_tail])):
        is_first, is_last = number == 0, end == n - n_tail
        windows.append(
            Window(
                window_id=first_window_id + number,
                input_ids=np.concatenate([header, tokenized.input_ids[start:end], tail]),
                kept_start=0 if is_first else n_header,
                kept_end=n_header + end - start + (n_tail if is_last else 0),
            )
        )
    return windows


def join_windows(
    chunk_id: int, windows: Sequence[Window], parts: Sequence[SequenceVectors]
) -> SequenceVectors:
    """The kept vectors of a chunk's windows, joined: one vector for every token of the chunk.

    `parts` holds the vectors of `windows`, in the same order.
    """
    hidden = [
        part.hidden[window.kept_start : window.kept_end] for window, part in zip(windows, parts, strict=True)
    ]
    rows = [
        part.rows[window.kept_start : window.kept_end]
        for window, part in zip(windows, parts, strict=True)
        if part.rows is not None
    ]
    if len(windows) == 1:
        return SequenceVectors(chunk_id, hidden[0], rows[0] if rows else None)
    return SequenceVectors(chunk_id, np.concatenate(hidden), np.concatenate(rows) if rows else None)
