"""Speed and time left from progress events, by hand."""

from __future__ import annotations

import pytest

from codesearch.build_speed import Limiter, Pace, duration, figures
from indexer.records import BuildProgress


def event(stage, done, total, seconds, n_tokens=0):
    return BuildProgress(stage, done, total, seconds, n_tokens)


def test_the_running_stage_alone_decides():
    pace = Pace(event("walk", 100, 100, 50.0)).then(event("encode", 0, 20_000, 60.0))
    assert pace.seconds_left is None
    pace = pace.then(event("encode", 8_000, 20_000, 80.0))
    assert pace.tokens_per_second == pytest.approx(400.0)
    assert pace.seconds_left == pytest.approx(30.0)
    assert pace.fraction == pytest.approx(0.4)


def test_an_unknown_total_has_no_fraction_and_no_time():
    pace = Pace(event("walk", 0, 0, 0.0)).then(event("walk", 500, 0, 3.0))
    assert (pace.fraction, pace.seconds_left) == (0.0, None)
    assert figures(pace) == "500 files · 3 s so far"


def test_figures():
    pace = Pace(event("encode", 0, 240_000, 0.0)).then(event("encode", 120_000, 240_000, 60.0))
    assert (
        figures(pace)
        == "120,000 of 240,000 tokens · 2,000 tokens/s · 1 min 0 s so far · about 1 min 0 s left"
    )
    assert figures(Pace(event("read", 3, 40, 2.0))) == "3 of 40 files · 2 s so far"
    assert figures(Pace(event("write", 0, 1, 2.0))) == "2 s so far"
    assert figures(Pace(event("wait", 0, 0, 2.0))) == "2 s so far"
    assert figures(Pace(event("wait", 3, 40, 2.0))) == "3 of 40 files · 2 s so far"


def test_a_stage_that_another_interrupts_goes_on_counting():
    pace = Pace(event("encode", 0, 1000, 10.0)).then(event("encode", 400, 1000, 30.0))
    pace = pace.then(event("write", 0, 1, 30.0)).then(event("encode", 400, 1000, 90.0))
    assert pace.seconds_left == pytest.approx(30.0)
    pace = pace.then(event("encode", 500, 1000, 95.0))
    assert pace.tokens_per_second == pytest.approx(20.0)
    assert pace.seconds_left == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.2, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (-3, "0 s")],
)
def test_duration(seconds, written):
    assert duration(seconds) == written


def test_the_limiter_lets_stages_their_ends_and_ten_a_second_through():
    limiter = Limiter()
    events = [event("encode", n, 1000, n / 100) for n in range(100)]
    assert sum(limiter.lets_pass(each) for each in events) == 10
    assert limiter.lets_pass(event("encode", 1000, 1000, 0.991))
    assert limiter.lets_pass(event("write", 0, 1, 0.992))
    assert not limiter.lets_pass(event("write", 0, 1, 0.993))
