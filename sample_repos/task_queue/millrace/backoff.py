"""When to try again.

Nothing in here sleeps or touches the database; the worker asks how long a job should rest
and writes the answer into the row.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Exponentially growing pauses with a ceiling and some noise.

    With the defaults the pauses are about 2 s, 6 s, 18 s, 54 s, ... and never more than an
    hour. The noise keeps a thousand jobs that failed in the same second (a database restart,
    say) from all coming back in the same second.
    """

    first_seconds: float = 2.0
    factor: float = 3.0
    ceiling_seconds: float = 3600.0
    noise: float = 0.2
    """Share of the pause that is random: 0.2 means 20 percent either way."""

    def pause_after(self, attempts: int, rng: random.Random | None = None) -> timedelta:
        """How long a job rests after its `attempts`-th failure (1 for the first)."""
        if attempts < 1:
            raise ValueError("a job that has not been tried needs no pause")
        # The exponent is capped because factor**attempts overflows long before anyone would
        # notice that the ceiling applies.
        exponent = min(attempts - 1, 40)
        seconds = min(self.first_seconds * self.factor**exponent, self.ceiling_seconds)
        if self.noise:
            spread = (rng or random).uniform(-self.noise, self.noise)
            seconds *= 1 + spread
        return timedelta(seconds=seconds)

    def next_start(self, now: datetime, attempts: int, hint: timedelta | None = None) -> datetime:
        """The earliest moment of the next attempt.

        `hint` is what the failing service asked for (an HTTP `Retry-After`, for instance). It
        is honoured when it is longer than our own pause and ignored when it is shorter.
        """
        pause = self.pause_after(attempts)
        if hint is not None:
            pause = max(pause, hint)
        return now + pause


class RetryLater(Exception):
    """Raised by a handler that knows when it is worth coming back."""

    def __init__(self, after: timedelta, reason: str = "") -> None:
        super().__init__(reason or f"asked to come back in {after}")
        self.after = after


class GiveUp(Exception):
    """Raised by a handler for errors that no amount of waiting will repair.

    A deleted account, a malformed address: the job is buried at once, whatever attempts
    it has left.
    """


IMMEDIATE = BackoffPolicy(first_seconds=0.0, noise=0.0)
"""No pause at all; for tests and for jobs that poll."""
