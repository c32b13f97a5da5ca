"""Keep to the speed that other people's services tolerate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from millrace.registry import Handler


@dataclass(slots=True)
class Bucket:
    """Tokens drip in at a steady pace; every started job takes one out."""

    per_second: float
    capacity: float
    tokens: float
    filled_at: float

    def refill(self, now: float) -> None:
        elapsed = max(0.0, now - self.filled_at)
        self.tokens = min(self.capacity, self.tokens + elapsed * self.per_second)
        self.filled_at = now


class Throttle:
    """One bucket for every kind of job that declares `per_minute`.

    The buckets live in the worker process. Two workers together therefore run twice the
    declared number; divide by the number of workers if the limit is a hard one.
    """

    def __init__(self, handlers: Iterable[Handler], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        self._buckets = {
            handler.kind: Bucket(
                per_second=handler.per_minute / 60,
                # A sixth of a minute's worth may be spent in a burst, and at least one job.
                capacity=max(1.0, handler.per_minute / 6),
                tokens=max(1.0, handler.per_minute / 6),
                filled_at=now,
            )
            for handler in handlers
            if handler.per_minute
        }

    def exhausted(self) -> set[str]:
        """Kinds that must not be started right now."""
        now = self._clock()
        empty = set()
        for kind, bucket in self._buckets.items():
            bucket.refill(now)
            if bucket.tokens < 1:
                empty.add(kind)
        return empty

    def spend(self, kind: str) -> None:
        """A job of this kind was started."""
        bucket = self._buckets.get(kind)
        if bucket is not None:
            bucket.tokens -= 1
