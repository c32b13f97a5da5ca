import random
from datetime import datetime, timedelta, timezone

import pytest
from millrace.backoff import IMMEDIATE, BackoffPolicy

STEADY = BackoffPolicy(first_seconds=2, factor=3, ceiling_seconds=100, noise=0)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 100), (500, 100)])
def test_pauses_grow_up_to_the_ceiling(attempts, seconds):
    assert STEADY.pause_after(attempts) == timedelta(seconds=seconds)


def test_noise_stays_within_its_share():
    policy = BackoffPolicy(first_seconds=10, noise=0.5)
    rng = random.Random(7)
    pauses = [policy.pause_after(1, rng).total_seconds() for _ in range(200)]
    assert 5 <= min(pauses) < max(pauses) <= 15


def test_a_longer_hint_wins_and_a_shorter_one_does_not():
    now = datetime(2024, 3, 1, tzinfo=timezone.utc)
    assert STEADY.next_start(now, 1, timedelta(seconds=30)) == now + timedelta(seconds=30)
    assert STEADY.next_start(now, 1, timedelta(seconds=1)) == now + timedelta(seconds=2)


def test_immediate_never_waits():
    assert IMMEDIATE.pause_after(9) == timedelta(0)


def test_an_untried_job_has_no_pause():
    with pytest.raises(ValueError):
        STEADY.pause_after(0)
