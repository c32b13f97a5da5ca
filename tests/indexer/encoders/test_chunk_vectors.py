"""Pooling by hand: chunk, spans, kept rows, and what each covers."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.encoders.chunk_vectors import PooledChunk, PoolRecipe, finish_single, normalize_rows, pool_chunk
from indexer.encoders.dense import LoadedDense
from indexer.records import SequenceVectors, TokenizedChunk

# The second chunk of a file: it begins at character 100 and reads "aa bb (cc".
# Tokens: [CLS] "h" | aa bb ( cc | [SEP].
AREAS = np.array([[0, 5], [6, 9], [5, 6]], np.int32)
TOKENS = TokenizedChunk(
    chunk_id=3,
    input_ids=np.array([0, 9, 1, 2, 7, 3, 8], np.int32),
    token_chars=np.array(
        [[-1, -1], [-1, -1], [100, 102], [103, 105], [106, 107], [107, 109], [-1, -1]], np.int32
    ),
    n_header=2,
)
HIDDEN = np.eye(7, dtype=np.float32)


def recipe(pooling: str | None = "mean", **changes: object) -> PoolRecipe:
    is_kept = np.ones(10, np.bool_)
    is_kept[7] = False
    values = {
        "pooling": pooling,
        "n_left_out": 0,
        "dense": (),
        "single_dim": 7,
        "is_kept": is_kept,
        **changes,
    }
    return PoolRecipe(**values)  # type: ignore[arg-type]


def pooled(recipe: PoolRecipe, rows: np.ndarray | None = None) -> PooledChunk:
    return pool_chunk(TOKENS, 100, AREAS, SequenceVectors(3, HIDDEN, rows), recipe)


def test_chunk_is_the_mean_of_all_tokens_and_an_area_of_its_own() -> None:
    whole, f, g, blank = pooled(recipe()).single
    assert whole == pytest.approx(np.full(7, 7**-0.5))
    assert f == pytest.approx(np.array([0, 0, 1, 1, 0, 0, 0]) / 2**0.5)
    assert g == pytest.approx(np.array([0, 0, 0, 0, 1, 1, 0]) / 2**0.5)
    assert blank == pytest.approx(whole)  # no token of its own


def test_cls_pooling_takes_the_first_token_for_the_chunk() -> None:
    single = pooled(recipe("cls")).single
    assert single[0].tolist() == HIDDEN[0].tolist()
    assert single[1] == pytest.approx(np.array([0, 0, 1, 1, 0, 0, 0]) / 2**0.5)


def test_prompt_can_be_left_out_of_the_mean() -> None:
    single = pooled(recipe(n_left_out=2)).single
    assert single[0] == pytest.approx(np.array([0, 0, 1, 1, 1, 1, 1]) / 5**0.5)


def test_rows_leave_out_skipped_tokens_and_count_from_the_chunk() -> None:
    rows = np.arange(14, dtype=np.float32).reshape(7, 2)
    chunk = pooled(recipe(None), rows)
    assert chunk.single.shape == (0, 0)
    assert chunk.rows.tolist() == rows[[0, 1, 2, 3, 5, 6]].tolist()
    assert chunk.row_chars.tolist() == [[0, 0], [0, 0], [0, 2], [3, 5], [7, 9], [0, 0]]
    assert chunk.row_chars.dtype == np.int32


def test_rows_belong_to_regions_the_headers_to_the_first_and_the_tail_to_the_last() -> None:
    chunk = pooled(recipe(), np.ones((7, 2), np.float32))
    regions = np.array([[0, 3], [3, 9]], np.int32)
    assert chunk.n_header == 2
    assert chunk.end_rows(regions).tolist() == [3, 6]
    assert chunk.starts_within(regions, 99).tolist() == [99, 99, 0, 0, 4, 99]


def test_layers_behind_the_mean_and_truncation() -> None:
    double = LoadedDense(np.diag([3, 4, 5]).astype(np.float32), None, None, False, "identity")
    out = finish_single(np.array([[1, 1, 1]], np.float32), (double,), 2)
    assert out == pytest.approx(np.array([[0.6, 0.8]]))


def test_a_zero_vector_stays_zero() -> None:
    assert normalize_rows(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]
