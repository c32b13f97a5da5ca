from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.vectors import cores, exact
from indexer.vectors.exact import ExactIndex, inner_products, maxsim, run_maxima, similarities
from indexer.vectors.row_codec import row_codec


def unit_rows(n: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_maxima_by_hand() -> None:
    codec = row_codec("float16", 2)
    rows = np.array([[1, 0], [0, 1], [0, -1], [-1, 0]], np.float32)
    query_rows = np.array([[1, 0], [0, 1]], np.float32)
    found = run_maxima(
        query_rows, [codec.encode(rows)], codec, np.array([0, 1, 2, 2]), np.array([1, 2, 2, 4])
    )
    assert found.tolist() == [[1, 0, -1, 0], [0, 1, -1, 0]]
    assert maxsim(query_rows, [codec.encode(rows[:2]), codec.encode(rows[2:])], codec).tolist() == [2, 0]


@pytest.mark.parametrize("name", ["float16", "int8", "int4"])
def test_maxsim_is_pylates(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from pylate.scores import colbert_scores
    codec = row_codec(name, 64)
    documents = [codec.encode(unit_rows(n, 64, n)) for n in (3, 17, 1, 40)]
    query_rows = unit_rows(7, 64, 99)
    decoded = [torch.from_numpy(codec.decode(document)) for document in documents]
    # Padding with zeros would win over a negative maximum, so that each document is scored alone.
    oracle = [colbert_scores(torch.from_numpy(query_rows)[None], rows[None]).item() for rows in decoded]
    np.testing.assert_allclose(maxsim(query_rows, documents, codec), oracle, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_tiles_and_pieces_do_not_change_the_maxima(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 60))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=6)))
    ends_of_runs = sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=16)))
    if len(ends_of_runs) % 2:
        ends_of_runs.pop()
    starts, ends = np.array(ends_of_runs[::2]), np.array(ends_of_runs[1::2])
    n_cores = data.draw(st.integers(1, 4))
    codec = row_codec("int4", 8)
    rows, query_rows = unit_rows(n, 8, n), unit_rows(3, 8, 1)
    pieces = [codec.encode(rows[a:b]) for a, b in pairwise([0, *cuts, n])]
    stored = np.concatenate([codec.decode_rotated(piece) for piece in pieces])
    scores = codec.rotate(query_rows) @ stored.T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_n_cores", lambda: n_cores)
        patch.setattr(exact, "SHARE_BYTES", 32)
        patch.setattr(exact, "_GROUP_ROWS", data.draw(st.integers(1, 20)))
        patch.setattr(exact, "_BLOCK_ROWS", data.draw(st.integers(1, 40)))
        patch.setattr(exact, "COMPARED_BYTES", 32 * data.draw(st.integers(1, 70)))
        found = run_maxima(query_rows, pieces, codec, starts, ends)
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        want = scores[:, a:b].max(axis=1) if b > a else np.full(3, -1.0)
        np.testing.assert_allclose(found[:, i], want, atol=1e-6)


@pytest.mark.parametrize(
    ("starts", "ends"), [([0, 1], [2, 3]), ([2], [1]), ([0], [9]), ([-1], [2]), ([0], [1, 2])]
)
def test_runs_out_of_order_are_refused(starts: list[int], ends: list[int]) -> None:
    codec = row_codec("float16", 4)
    with pytest.raises(InputError, match="in order"):
        run_maxima(unit_rows(2, 4), [codec.encode(unit_rows(5, 4))], codec, np.array(starts), np.array(ends))


def test_nothing_to_score() -> None:
    codec = row_codec("int4", 8)
    none = np.array([], np.int64)
    assert run_maxima(unit_rows(2, 8), [], codec, none, none).shape == (2, 0)
    assert run_maxima(np.empty((0, 8), np.float32), [], codec, none, none).shape == (0, 0)
    assert maxsim(unit_rows(2, 8), [codec.encode(np.empty((0, 8), np.float32))], codec).tolist() == [-2]


def test_similarities_are_all_of_them() -> None:
    codec = row_codec("int8", 16)
    codes, query_rows = codec.encode(unit_rows(6, 16)), unit_rows(3, 16, 5)
    np.testing.assert_allclose(
        similarities(query_rows, codes, codec), query_rows @ codec.decode(codes).T, atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("n", [0, 1, 70])
def test_inner_products(dtype: type, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "TILE_BYTES", 8 * 24 * 4)
    monkeypatch.setattr(exact, "SHARE_BYTES", 2 * 8 * 24 * 4)
    rows, query = unit_rows(n, 24).astype(dtype), unit_rows(1, 24, 3)[0]
    np.testing.assert_allclose(inner_products(rows, query), rows.astype(np.float32) @ query, atol=1e-6)


def test_exact_index_ranks_ties_by_id_and_obeys_the_filter() -> None:
    rows = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], np.float32)
    query = np.array([1, 0], np.float32)
    index = ExactIndex(rows, np.array([3, 5, 8, 13]))
    assert index.n_rows == 4
    assert index.search(query, 3).ids.tolist() == [3, 8, 13]
    assert index.search(query, 9).ids.tolist() == [3, 8, 13, 5]
    assert index.search(query, 9, np.array([5, 13, 99])).ids.tolist() == [13, 5]
    assert index.search(query, 2, np.array([], np.int64)).ids.tolist() == []
    assert ExactIndex(rows).search(query, 2).ids.tolist() == [0, 2]
    np.testing.assert_allclose(index.search(query, 4).scores, [1, 1, 0.6, 0])


@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_rows_that_stay_decoded_answer_as_before(kept_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "KEPT_BYTES", kept_bytes)
    rows, query = unit_rows(300, 24).astype(np.float16), unit_rows(1, 24, 3)[0]
    index = ExactIndex(rows)
    first = index.search(query, 9)
    for _ in range(3):
        again = index.search(query, 9)
        assert again.ids.tolist() == first.ids.tolist()
        np.testing.assert_allclose(again.scores, first.scores, atol=1e-6)


def test_indexes_that_stay_decoded_share_one_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.ones((10, 4), np.float16)
    monkeypatch.setattr(exact._Kept, "n_bytes", 0)
    monkeypatch.setattr(exact, "KEPT_BYTES_OF_ALL", 4 * rows.size)

    def asked_twice() -> ExactIndex:
        index = ExactIndex(rows)
        for _ in range(2):
            assert index.search(np.ones(4, np.float32), 3).scores.tolist() == [4.0] * 3
        return index

    first, second = asked_twice(), asked_twice()
    assert [index._rows.dtype for index in (first, second)] == [np.float32, np.float16]
    del first
    assert asked_twice()._rows.dtype == np.float32
