"""A bounded queue: few requests are worked on at once, some wait, the others are told to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


class QueueFullError(Exception):
    """As many requests wait as may wait."""


class Turns:
    """Runs blocking functions in threads, `n_workers` at once, with at most `n_waiting` more in line."""

    def __init__(self, n_workers: int, n_waiting: int) -> None:
        self._limit = n_workers + n_waiting
        self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="codesearch-serve")
        self.n_pending = 0

    async def run(self, function: Callable[[], _Result], limit_seconds: float) -> _Result:
        """What the function returns. Raises QueueFullError, TimeoutError, and what the function raises.

        A function that has begun is not stopped by the limit and keeps its place until it returns, so that
        slow questions cannot pile up.
        """
        if self.n_pending >= self._limit:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        self.n_pending += 1
        future: Future[_Result] = self._pool.submit(function)

        def finished(_: Future[_Result]) -> None:
            loop.call_soon_threadsafe(self._leave)

        future.add_done_callback(finished)
        # Cancelled by the limit, the wrapped future cancels what has not begun.
        return await asyncio.wait_for(asyncio.wrap_future(future), limit_seconds)

    def close(self) -> None:
        """Take no more; what runs is let run."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self) -> None:
        self.n_pending -= 1
