"""Pooling by hand: chunk, spans, kept rows, and what each covers."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.encoders.dense import LoadedDense
from indexer.encoders.pool import PoolRecipe, finish_single, normalize_rows, pool_chunk
from indexer.records import Chunk, Span, TokenizedChunk

# The second chunk of a file: it begins at character 100. Tokens: [CLS] "h" | a b ( c | [SEP].
TEXT = "aa bb (cc"
SPANS = (
    Span("function", "f", 100, 105, 1, 1),
    Span("function", "g", 106, 109, 1, 1),
    Span("function", "blank", 105, 106, 1, 1),
)
CHUNK = Chunk(3, "p", "", "python", TEXT, 100, 109, 1, 1, 7, SPANS, "h")
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


def test_chunk_is_the_mean_of_all_tokens_and_a_span_of_its_own() -> None:
    single = pool_chunk(CHUNK, TOKENS, HIDDEN, None, recipe()).single
    assert single is not None
    whole, f, g, blank = single.vectors
    assert whole == pytest.approx(np.full(7, 7**-0.5))
    assert f == pytest.approx(np.array([0, 0, 1, 1, 0, 0, 0]) / 2**0.5)
    assert g == pytest.approx(np.array([0, 0, 0, 0, 1, 1, 0]) / 2**0.5)
    assert blank == pytest.approx(whole)  # no token of its own
    assert single.row_chars.tolist() == [[0, 9], [0, 5], [6, 9], [5, 6]]


def test_cls_pooling_takes_the_first_token_for_the_chunk() -> None:
    single = pool_chunk(CHUNK, TOKENS, HIDDEN, None, recipe("cls")).single
    assert single is not None
    assert single.vectors[0].tolist() == HIDDEN[0].tolist()
    assert single.vectors[1] == pytest.approx(np.array([0, 0, 1, 1, 0, 0, 0]) / 2**0.5)


def test_prompt_can_be_left_out_of_the_mean() -> None:
    single = pool_chunk(CHUNK, TOKENS, HIDDEN, None, recipe(n_left_out=2)).single
    assert single is not None
    assert single.vectors[0] == pytest.approx(np.array([0, 0, 1, 1, 1, 1, 1]) / 5**0.5)


def test_rows_leave_out_skipped_tokens_and_count_from_the_chunk() -> None:
    rows = np.arange(14, dtype=np.float32).reshape(7, 2)
    embedding = pool_chunk(CHUNK, TOKENS, HIDDEN, rows, recipe(None))
    assert embedding.single is None
    assert embedding.multi is not None
    assert embedding.multi.vectors.tolist() == rows[[0, 1, 2, 3, 5, 6]].tolist()
    assert embedding.multi.row_chars.tolist() == [[0, 0], [0, 0], [0, 2], [3, 5], [7, 9], [0, 0]]
    assert embedding.multi.row_chars.dtype == np.int32


def test_layers_behind_the_mean_and_truncation() -> None:
    double = LoadedDense(np.diag([3, 4, 5]).astype(np.float32), None, None, False, "identity")
    out = finish_single(np.array([[1, 1, 1]], np.float32), (double,), 2)
    assert out == pytest.approx(np.array([[0.6, 0.8]]))


def test_a_zero_vector_stays_zero() -> None:
    assert normalize_rows(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]
