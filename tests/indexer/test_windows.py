"""Windows tile their chunk, stay within their length, and keep a token where it has most context."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import SequenceVectors, TokenizedChunk
from indexer.windows import cut_windows, join_windows


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
