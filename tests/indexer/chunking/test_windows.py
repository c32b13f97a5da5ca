"""Windows tile their chunk, stay within their length, and keep a token where it has most context."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chunking.windows import cut_section_windows, cut_windows, join_windows
from indexer.records import SequenceVectors, TokenizedChunk


def chunk_of(n_tokens: int, n_header: int = 3, n_tail: int = 1) -> TokenizedChunk:
    ids = np.arange(n_tokens, dtype=np.int32)
    return TokenizedChunk(5, ids, np.zeros((n_tokens, 2), np.int32), n_header, n_tail)


def test_short_chunk_is_one_window_of_all_its_tokens() -> None:
    (window,) = cut_windows(chunk_of(16), window_tokens=16, overlap_tokens=4, first_window_id=9)
    assert window.window_id == 9
    assert window.input_ids.tolist() == list(range(16))
    assert (window.kept_start, window.kept_end) == (0, 16)


def test_two_windows_by_hand() -> None:
    # 24 tokens: header 0 1 2, body 3..22, tail 23. A window has room for 12 body tokens.
    first, second = cut_windows(chunk_of(24), window_tokens=16, overlap_tokens=4, first_window_id=0)
    assert first.input_ids.tolist() == [0, 1, 2, *range(3, 15), 23]
    assert second.input_ids.tolist() == [0, 1, 2, *range(11, 23), 23]
    # The overlap is 11..14; its middle divides the two.
    assert first.input_ids[first.kept_start : first.kept_end].tolist() == list(range(13))
    assert second.input_ids[second.kept_start : second.kept_end].tolist() == list(range(13, 24))


@given(
    n_tokens=st.integers(2, 3000),
    n_header=st.integers(1, 120),
    n_tail=st.integers(0, 2),
    window_tokens=st.integers(32, 512),
    overlap_tokens=st.integers(0, 200),
)
def test_kept_tokens_tile_the_chunk(
    n_tokens: int, n_header: int, n_tail: int, window_tokens: int, overlap_tokens: int
) -> None:
    chunk = chunk_of(n_tokens, min(n_header, n_tokens - n_tail), n_tail)
    windows = cut_windows(chunk, window_tokens, overlap_tokens, 0)
    kept = np.concatenate([window.input_ids[window.kept_start : window.kept_end] for window in windows])
    assert kept.tolist() == list(range(n_tokens))
    assert max(len(window.input_ids) for window in windows) <= window_tokens
    assert [window.window_id for window in windows] == list(range(len(windows)))


@given(n_tokens=st.integers(300, 3000), overlap_tokens=st.integers(2, 60))
def test_kept_tokens_have_context_on_both_sides(n_tokens: int, overlap_tokens: int) -> None:
    windows = cut_windows(chunk_of(n_tokens), 256, overlap_tokens, 0)
    for before, after in itertools.pairwise(windows):
        assert len(before.input_ids) - 1 - before.kept_end >= overlap_tokens // 2
        assert after.kept_start - 3 >= overlap_tokens // 2


def test_join_restores_the_chunk_order() -> None:
    chunk = chunk_of(100)
    windows = cut_windows(chunk, 40, 8, 0)
    vectors = [window.input_ids[:, None].astype(np.float32) for window in windows]
    parts = [SequenceVectors(i, hidden, None) for i, hidden in enumerate(vectors)]
    joined = join_windows(5, windows, parts)
    assert joined.sequence_id == 5
    assert joined.hidden[:, 0].tolist() == list(range(100))
    assert joined.rows is None


def test_join_refuses_another_number_of_parts() -> None:
    windows = cut_windows(chunk_of(100), 40, 8, 0)
    with pytest.raises(ValueError):
        join_windows(5, windows, [])


def document_of(n_body: int, n_header: int = 3, n_tail: int = 1) -> TokenizedChunk:
    """A token a character, in a chunk that begins at character 1,000 of its file."""
    n = n_header + n_body + n_tail
    chars = np.full((n, 2), -1, np.int32)
    chars[n_header : n - n_tail, 0] = np.arange(1000, 1000 + n_body)
    chars[n_header : n - n_tail, 1] = chars[n_header : n - n_tail, 0] + 1
    return TokenizedChunk(5, np.arange(n, dtype=np.int32), chars, n_header, n_tail)


def pairs(*borders: int) -> np.ndarray:
    return np.array(list(itertools.pairwise(borders)), np.int32) + 1000


def test_sections_are_read_each_by_itself() -> None:
    # Text before the first heading, a section of two regions with a section inside it, and its end.
    regions = pairs(0, 4, 7, 10, 14)
    sections = np.array([[1004, 1014], [1010, 1014]], np.int32)
    windows = cut_section_windows(document_of(14), regions, sections, 480, 64, first_window_id=7)
    assert [window.window_id for window in windows] == [7, 8, 9]
    assert [window.input_ids.tolist() for window in windows] == [
        [0, 1, 2, *range(3, 7), 17],
        [0, 1, 2, *range(7, 13), 17],
        [0, 1, 2, *range(13, 17), 17],
    ]
    assert [(window.kept_start, window.kept_end) for window in windows] == [(0, 7), (3, 9), (3, 8)]


def test_a_long_section_is_cut_between_regions() -> None:
    third = 100 // 3 + 1
    n_body = 3 * third
    regions, sections = pairs(0, third, 2 * third, n_body), pairs(0, n_body)
    windows = cut_section_windows(document_of(n_body), regions, sections, 100, 1024, 0)
    assert [window.kept_end - window.kept_start for window in windows] == [3 + 2 * third, third + 1]


@given(
    widths=st.lists(st.integers(0, 300), min_size=1, max_size=30),
    is_heading=st.lists(st.booleans(), min_size=30, max_size=30),
    n_header=st.integers(1, 40),
    n_tail=st.integers(0, 2),
)
def test_section_windows_tile_the_chunk(
    widths: list[int], is_heading: list[bool], n_header: int, n_tail: int
) -> None:
    borders = [0, *np.cumsum(widths).tolist()]
    chunk = document_of(borders[-1], n_header, n_tail)
    starts = [at for at, begins in zip(borders[:-1], is_heading, strict=False) if begins] or [0]
    sections = pairs(*starts, borders[-1])
    windows = cut_section_windows(chunk, pairs(*borders), sections, 480, 1024, 0)
    kept = np.concatenate([window.input_ids[window.kept_start : window.kept_end] for window in windows])
    assert kept.tolist() == chunk.input_ids.tolist()
    assert max(len(window.input_ids) for window in windows) <= 1024
