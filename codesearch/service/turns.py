"""A bounded queue: few requests are worked on at once, some wait, the others are told to come back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_Result = TypeVar("_Result")
_NEWEST_SHARE = 0.2
"""What the last answer counts in the mean of how long one takes."""
_CAUTION = 2.0
"""Answers take up to so many times the mean where other work wants the cores too."""


class QueueFullError(Exception):
    """So many requests wait that another one would not be answered in time."""

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"too many requests wait; try again in {retry_seconds} s")
        self.retry_seconds = retry_seconds
        """When those that wait now will have been answered."""


class Turns:
    """Runs blocking functions in threads, `n_workers` at once, with at most `n_waiting` more in line."""

    def __init__(self, n_workers: int, n_waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._n_workers = n_workers
        self._limit = n_workers + n_waiting
        self._clock = clock
        self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="codesearch-serve")
        self._begun: dict[object, float] = {}
        """When what is being worked on began."""
        self._mean_seconds = 0.0
        self.n_pending = 0

    async def run(self, function: Callable[[], _Result], limit_seconds: float) -> _Result:
        """What the function returns. Raises QueueFullError, TimeoutError, and what the function raises.

        A function that has begun is not stopped by the limit and keeps its place until it returns, so that
        slow questions cannot pile up.
        """
        self._admit(limit_seconds)
        loop, key, asked_at = asyncio.get_running_loop(), object(), self._clock()
        waits = self.n_pending >= self._n_workers

        def work() -> _Result:
            if waits and self._clock() - asked_at + _CAUTION * self._mean_seconds > limit_seconds:
                raise QueueFullError(self._retry_seconds())  # those before took longer than was expected
            self._begun[key] = self._clock()
            try:
                return function()
            finally:
                self._note(self._clock() - self._begun.pop(key))

        self.n_pending += 1
        future: Future[_Result] = self._pool.submit(work)

        def finished(_: Future[_Result]) -> None:
            loop.call_soon_threadsafe(self._leave)

        future.add_done_callback(finished)
        try:
            # Cancelled by the limit, the wrapped future cancels what has not begun.
            return await asyncio.wait_for(asyncio.wrap_future(future), limit_seconds)
        except TimeoutError:
            if future.cancelled():
                raise QueueFullError(self._retry_seconds()) from None
            raise

    @contextmanager
    def place(self, limit_seconds: float) -> Iterator[None]:
        """A place in the same line for what is worked on elsewhere. Raises QueueFullError."""
        self._admit(limit_seconds)
        self.n_pending += 1
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Take no more; what runs is let run."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _admit(self, limit_seconds: float) -> None:
        """Raises QueueFullError where all places are taken, or an answer would come too late."""
        n_before = self.n_pending + 1 - self._n_workers  # that must be answered before this one's turn
        is_late = n_before > 0 and (1 + n_before / self._n_workers) * self._seconds() > limit_seconds
        if self.n_pending >= self._limit or is_late:
            raise QueueFullError(self._retry_seconds())

    def _seconds(self) -> float:
        """How long an answer takes: as of late, or as long as all that are worked on have taken so far."""
        begun = list(self._begun.values())
        is_full = len(begun) >= self._n_workers
        return max(self._mean_seconds, self._clock() - max(begun) if is_full else 0.0)

    def _retry_seconds(self) -> int:
        return max(1, math.ceil(self.n_pending / self._n_workers * self._seconds()))

    def _note(self, elapsed_seconds: float) -> None:
        share = _NEWEST_SHARE if self._mean_seconds else 1.0
        self._mean_seconds += share * (elapsed_seconds - self._mean_seconds)

    def _leave(self) -> None:
        self.n_pending -= 1
