"""Progress events → speed, time left, and how many of the events a screen hears of. No drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from indexer.light_dataclasses import dataclass
from indexer.records import BuildProgress

PROGRESS_EVENTS_A_SECOND = 10
_UNITS = {"walk": "files", "read": "files", "wait": "files", "encode": "tokens"}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a stage has taken so far, in all its stretches."""

    elapsed_seconds: float = 0.0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """What the progress events so far say about speed.

    Each stage counts from its own start; one that others interrupt, as encoding is by writing, goes on
    counting where it left off.
    """

    progress: BuildProgress
    began: BuildProgress | None = None
    """First event of the running stretch; None: `progress`."""
    earlier: Mapping[str, Spent] = field(default_factory=dict)
    """Of stretches that ended, by stage."""

    def then(self, progress: BuildProgress) -> Pace:
        """The pace after another event."""
        if progress.stage == self.progress.stage:
            return Pace(progress, self.began or self.progress, self.earlier)
        return Pace(progress, progress, {**self.earlier, self.progress.stage: self._spent})

    @property
    def _spent(self) -> Spent:
        before = self.earlier.get(self.progress.stage, Spent())
        began = self.began or self.progress
        return Spent(
            before.elapsed_seconds + self.progress.elapsed_seconds - began.elapsed_seconds,
            before.done + self.progress.done - began.done,
        )

    @property
    def unit(self) -> str:
        """What `done` and `total` count; empty where nothing is counted."""
        if self.progress.stage == "wait" and not self.progress.total:
            return ""
        return _UNITS.get(self.progress.stage, "")

    @property
    def fraction(self) -> float:
        """Of the running stage, 0 to 1; 0 while its length is unknown."""
        return self.progress.done / self.progress.total if self.progress.total else 0.0

    @property
    def tokens_per_second(self) -> float:
        """0 while no tokens were encoded."""
        spent = self._spent
        encodes = self.unit == "tokens" and spent.elapsed_seconds > 0
        return spent.done / spent.elapsed_seconds if encodes else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Of the running stage; None while there is nothing to go by."""
        spent = self._spent
        if not self.progress.total or spent.done <= 0 or spent.elapsed_seconds <= 0:
            return None
        return spent.elapsed_seconds / spent.done * (self.progress.total - self.progress.done)


def figures(pace: Pace) -> str:
    """Counts, speed and time in one line."""
    progress = pace.progress
    parts = [count(pace)] if pace.unit else []
    if pace.tokens_per_second >= 1:
        parts.append(f"{pace.tokens_per_second:,.0f} tokens/s")
    parts.append(f"{duration(progress.elapsed_seconds)} so far")
    if pace.seconds_left is not None:
        parts.append(f"about {duration(pace.seconds_left)} left")
    return " · ".join(parts)


def count(pace: Pace) -> str:
    """`12 of 40 files`; `500 files` while nobody knows how many there are."""
    progress = pace.progress
    of = f" of {progress.total:,}" if progress.total else ""
    return f"{progress.done:,}{of} {pace.unit}"


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Limiter:
    """Lets some progress events through: each new stage's first, its last, and a few a second between."""

    def __init__(self) -> None:
        self._stage = ""
        self._at_seconds = 0.0

    def lets_pass(self, progress: BuildProgress) -> bool:
        """Whether the screens should hear of this one."""
        elapsed = progress.elapsed_seconds
        is_last = progress.total > 0 and progress.done == progress.total
        if (
            progress.stage == self._stage
            and not is_last
            and elapsed - self._at_seconds < 1 / PROGRESS_EVENTS_A_SECOND
        ):
            return False
        self._stage, self._at_seconds = progress.stage, elapsed
        return True
