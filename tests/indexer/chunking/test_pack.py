"""Packing loses nothing, overfills nothing, and is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
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
    assert utilisation(batches, 10) == 27 / 40


def test_nothing_packs_to_nothing() -> None:
    assert pack([], 10) == []
    assert utilisation([], 10) == 1.0


def test_short_windows_fill_what_is_left_and_then_lanes_of_their_own() -> None:
    # 10 opens a lane of 12 and leaves 2, which a window of 2 fills. Of the others 4, 4 and 2 no lane has
    # room for the first: lanes of 8 take 4 + 4 and 2, and one batch of 16 both of them.
    first, second = pack(windows_of([10, 4, 4, 2, 2]), batch_tokens=16, short_lane_tokens=8)
    assert first.sequence_ids.tolist() == [0, 1, 3]
    assert first.cu_lanes.tolist() == [0, 3]
    assert second.sequence_ids.tolist() == [2, 4]
    assert second.cu_lanes.tolist() == [0, 2]
    assert utilisation([first, second], 1) == 1.0
    batches = pack(windows_of([4, 4, 4]), batch_tokens=16, short_lane_tokens=8)
    assert [batch.cu_lanes.tolist() for batch in batches] == [[0, 2, 3]]
    assert utilisation(batches, 1) == 12 / 16


@pytest.mark.parametrize(
    ("median", "spread", "longest", "least"), [(90, 0.8, 1024, 0.95), (900, 1.1, 8192, 0.97)]
)
def test_nearly_every_slot_holds_a_token(median: int, spread: float, longest: int, least: float) -> None:
    """Lengths as functions and as whole files have them."""
    drawn = np.random.default_rng(0).lognormal(np.log(median), spread, 100_000 // median)
    windows = windows_of(np.clip(drawn, 2, longest).astype(int).tolist())
    assert utilisation(pack(windows, 1024, 256), 64) > least


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
