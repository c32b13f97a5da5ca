"""Packing loses nothing, overfills nothing, and is the same every time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.chunking.pack import pack, split_vectors, unpack, utilisation
from indexer.records import TokenVectors, Window


def windows_of(lengths: list[int]) -> list[Window]:
    return [Window(i, np.arange(n, dtype=np.int32) + 1000 * i, 0, n) for i, n in enumerate(lengths)]


def test_best_fit_by_hand() -> None:
    # 7 opens a batch of 10 and leaves 3; 5 opens another and leaves 5; 4 fits the second alone (1 left);
    # 3 fills the first exactly, where it leaves least.
    first, second = pack(windows_of([5, 3, 7, 4]), batch_tokens=10)
    assert first.sequence_ids.tolist() == [2, 1]
    assert second.sequence_ids.tolist() == [0, 3]
    assert first.cu_seqlens.tolist() == [0, 7, 10]
    assert first.position_ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]
    assert (first.max_seqlen, second.max_seqlen) == (7, 5)
    assert utilisation([first, second], 10) == 19 / 20


def test_a_window_longer_than_a_batch_gets_its_own() -> None:
    batches = pack(windows_of([25, 2]), batch_tokens=10)
    assert [batch.sequence_ids.tolist() for batch in batches] == [[0], [1]]
    assert utilisation(batches, 10) == 27 / 35


def test_nothing_packs_to_nothing() -> None:
    assert pack([], 10) == []
    assert utilisation([], 10) == 1.0


@given(lengths=st.lists(st.integers(1, 60), max_size=80), batch_tokens=st.integers(60, 200))
def test_unpack_is_the_inverse_and_no_batch_is_overfull(lengths: list[int], batch_tokens: int) -> None:
    windows = windows_of(lengths)
    batches = pack(windows, batch_tokens)
    found = unpack(batches)
    assert list(found) == list(range(len(windows)))
    for window in windows:
        assert found[window.window_id].tolist() == window.input_ids.tolist()
    for batch in batches:
        assert len(batch.input_ids) == batch.cu_seqlens[-1] <= batch_tokens
        assert batch.max_seqlen == np.diff(batch.cu_seqlens).max()
        assert (np.diff(np.diff(batch.cu_seqlens)) <= 0).all()
    again = [batch.sequence_ids.tolist() for batch in pack(windows, batch_tokens)]
    assert again == [batch.sequence_ids.tolist() for batch in batches]


def test_full_batches_are_nearly_full() -> None:
    rng = np.random.default_rng(3)
    lengths = np.minimum(1024, rng.lognormal(5.5, 0.8, 1000).astype(int) + 1).tolist()
    assert utilisation(pack(windows_of(lengths), 8192), 8192) > 0.95


def test_vectors_split_at_the_borders() -> None:
    hidden = np.arange(12, dtype=np.float32).reshape(6, 2)
    vectors = TokenVectors(hidden, hidden[:, :1], np.array([0, 4, 6], np.int32), np.array([7, 3]))
    first, second = split_vectors(vectors)
    assert (first.sequence_id, second.sequence_id) == (7, 3)
    assert second.hidden.tolist() == [[8, 9], [10, 11]]
    assert second.rows is not None
    assert second.rows.tolist() == [[8], [10]]
