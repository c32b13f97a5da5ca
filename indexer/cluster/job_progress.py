"""How far a job is: shards that are finished, and tokens of those that are being encoded.

Each actor that encodes tells a small one on the driver's machine, once a second; nobody waits for it, and
without it progress comes a shard at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from indexer.cluster.planning import Plan
from indexer.light_dataclasses import dataclass

_PERIOD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Once a second, and after each shard."""

    n_shards: int
    n_done: int
    n_tokens: int
    """To be encoded, as bytes tell: what the store had is left out."""
    n_done_tokens: int
    elapsed_seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Of the job so far."""
        return self.n_done_tokens / max(self.elapsed_seconds, 1e-9)

    @property
    def left_seconds(self) -> float | None:
        """Until the job ends, if it goes on like this; None before anything was encoded."""
        if not self.n_done_tokens:
            return None
        return (self.n_tokens - self.n_done_tokens) / self.tokens_per_second


OnProgress = Callable[[JobProgress], None]


class Running:
    """The small actor: tokens of shards that are being encoded, by digest."""

    def __init__(self) -> None:
        self._n_tokens: dict[str, int] = {}

    def note(self, digest: str, n_tokens: int) -> None:
        """So many were encoded by now."""
        self._n_tokens[digest] = n_tokens

    def tokens(self) -> dict[str, int]:
        """Of every shard that was begun."""
        return self._n_tokens


class TokenReport:
    """Tells `Running` of one shard, from where it is encoded."""

    def __init__(self, running: Any, digest: str) -> None:
        self._running = running
        self._digest = digest
        self._n_tokens = 0
        self._told = -_PERIOD_SECONDS

    def __call__(self, n_tokens: int) -> None:
        """So many more were encoded."""
        self._n_tokens += n_tokens
        if time.monotonic() - self._told >= _PERIOD_SECONDS:
            self._told = time.monotonic()
            self._running.note.remote(self._digest, self._n_tokens)


class JobCounter:
    """What a job has done, told while it is entered."""

    def __init__(self, plans: Sequence[Plan], started: float, on_progress: OnProgress) -> None:
        self._plans = {plan.digest: plan for plan in plans}
        self._started = started
        self._on_progress = on_progress
        self._done: dict[str, bool] = {}
        """Shards that are finished, and whether they were encoded for it."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watching: threading.Thread | None = None

    def watch(self, tokens: Callable[[], Mapping[str, int]]) -> None:
        """Tell once a second, too, what is being encoded; `tokens` may fail."""
        self._watching = threading.Thread(target=self._watch, args=(tokens,), daemon=True)
        self._watching.start()

    def finished(self, digest: str, *, is_encoded: bool) -> None:
        """A shard is finished: encoded now, or found in the store, or not to be had."""
        with self._lock:
            self._done[digest] = is_encoded
        self._tell({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._watching is not None:
            self._watching.join()

    def _watch(self, tokens: Callable[[], Mapping[str, int]]) -> None:
        while not self._ended.wait(_PERIOD_SECONDS):
            with suppress(Exception):  # its machine went: then shards alone are told
                self._tell(tokens())

    def _tell(self, running: Mapping[str, int]) -> None:
        with self._lock:
            n_tokens = n_done_tokens = 0
            for digest, plan in self._plans.items():
                if self._done.get(digest, True):
                    n_tokens += plan.n_tokens
                    is_done = digest in self._done
                    n_done_tokens += plan.n_tokens if is_done else min(running.get(digest, 0), plan.n_tokens)
            elapsed = time.monotonic() - self._started
            self._on_progress(
                JobProgress(len(self._plans), len(self._done), n_tokens, n_done_tokens, elapsed)
            )
