from __future__ import annotations

import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ingest.prefetch import prefetch


@given(st.lists(st.integers() | st.none(), max_size=20), st.integers(1, 5))
def test_the_same_items_in_the_same_order(items, n_ahead):
    assert list(prefetch(iter(items), n_ahead)) == items


def test_no_more_is_made_ahead_than_asked_for():
    made = []
    has_three, has_four = threading.Event(), threading.Event()

    def source():
        for i in range(50):
            made.append(i)
            if i == 2:
                has_three.set()
            if i == 3:
                has_four.set()
            yield i

    with closing(prefetch(source(), 2)) as items:
        assert next(items) == 0
        # One is being handed over while two wait: 1 and 2 are in the queue and 3 in hand.
        assert has_three.wait(5)
        assert has_four.wait(5)
        assert made == [0, 1, 2, 3]


def test_an_error_of_the_source_is_raised_in_its_place():
    def source():
        yield 1
        raise ValueError("no more")

    items = prefetch(source(), 4)
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)


def test_closing_ends_the_thread_and_the_source():
    ended = threading.Event()

    def source():
        try:
            while True:
                yield 0
        finally:
            ended.set()

    before = threading.active_count()
    items = prefetch(source(), 2)
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
    del items
    assert ended.wait(5)


def test_items_are_made_while_the_caller_works():
    """The source goes on without being asked: both sides meet at a barrier."""
    barrier = threading.Barrier(2, timeout=5)

    def source():
        yield "first"
        barrier.wait()
        yield "second"

    items = prefetch(source(), 1)
    assert next(items) == "first"
    barrier.wait()
    assert list(items) == ["second"]
