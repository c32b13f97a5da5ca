"""The line of questions: how many are worked on, how many may wait, who is told at once to come back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from codesearch.service.turns import QueueFullError, Turns


class Hand:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


async def none_pending(turns):
    while turns.n_pending:
        await asyncio.sleep(0.001)


async def answer_in(turns, hand, seconds):
    """One question that takes so long by the clock."""

    def work():
        hand.seconds += seconds

    await turns.run(work, 30)
    await none_pending(turns)


async def test_ten_thousand_questions_do_not_pile_up():
    turns, gate = Turns(2, 64), threading.Event()
    asked = [asyncio.create_task(turns.run(gate.wait, 30)) for _ in range(10_000)]
    await asyncio.sleep(0)
    assert turns.n_pending == 66
    gate.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(outcome is True for outcome in outcomes) == 66
    assert sum(isinstance(outcome, QueueFullError) for outcome in outcomes) == 10_000 - 66
    await none_pending(turns)
    turns.close()


async def test_a_question_that_takes_too_long_keeps_its_place():
    turns, gate = Turns(1, 0), threading.Event()
    with pytest.raises(TimeoutError):
        await turns.run(gate.wait, 0.01)
    with pytest.raises(QueueFullError):
        await turns.run(gate.wait, 0.01)
    gate.set()
    turns.close()


async def test_who_would_wait_longer_than_the_limit_is_told_at_once():
    hand, gate = Hand(), threading.Event()
    turns = Turns(2, 64, hand)
    await answer_in(turns, hand, 4.0)
    asked = [asyncio.create_task(turns.run(gate.wait, 30)) for _ in range(14)]
    await asyncio.sleep(0)
    assert turns.n_pending == 14  # of two at once, each in four seconds: the last is answered after 28
    with pytest.raises(QueueFullError) as told:
        await turns.run(gate.wait, 28)
    assert told.value.retry_seconds == 28
    with pytest.raises(QueueFullError), turns.place(28):
        pass
    with turns.place(32):
        assert turns.n_pending == 15
    gate.set()
    await asyncio.gather(*asked)
    turns.close()


async def test_an_idle_server_takes_every_question_and_forgets_a_slow_one():
    hand = Hand()
    turns = Turns(1, 64, hand)
    await answer_in(turns, hand, 100.0)
    for _ in range(20):
        await answer_in(turns, hand, 1.0)
    gate = threading.Event()
    asked = [asyncio.create_task(turns.run(gate.wait, 30)) for _ in range(10)]
    await asyncio.sleep(0)
    assert turns.n_pending == 10
    gate.set()
    await asyncio.gather(*asked)
    turns.close()


async def test_who_waits_behind_questions_that_hang_is_told_too():
    hand, gate = Hand(), threading.Event()
    turns = Turns(1, 64, hand)
    asked = asyncio.create_task(turns.run(gate.wait, 30))
    while not turns._begun:
        await asyncio.sleep(0.001)
    hand.seconds = 20.0
    with pytest.raises(QueueFullError):
        await turns.run(gate.wait, 30)
    gate.set()
    assert await asked
    turns.close()


async def test_what_cannot_be_answered_in_time_is_not_begun():
    hand, gate, begun = Hand(), threading.Event(), []
    turns = Turns(1, 64, hand)
    await answer_in(turns, hand, 4.0)
    first = asyncio.create_task(turns.run(gate.wait, 30))
    second = asyncio.create_task(turns.run(lambda: begun.append(1), 30))
    while turns.n_pending < 2 or not turns._begun:
        await asyncio.sleep(0.001)
    hand.seconds += 20  # where four were expected: twice the mean of now, 7.2, is not left
    gate.set()
    assert await first
    with pytest.raises(QueueFullError):
        await second
    assert begun == []
    await none_pending(turns)
    turns.close()


async def test_a_turn_that_never_came_is_no_slow_answer():
    turns, gate = Turns(1, 1), threading.Event()
    first = asyncio.create_task(turns.run(gate.wait, 30))
    while not turns._begun:
        await asyncio.sleep(0.001)
    with pytest.raises(QueueFullError):
        await turns.run(gate.wait, 0.01)
    gate.set()
    assert await first
    turns.close()
