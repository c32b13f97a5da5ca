"""Progress events → speed, time left, and how many of the events the screens hear of. No drawing."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.records import BuildProgress

PROGRESS_EVENTS_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """What the progress events so far say about speed. Counts from the start of the running stage."""

    progress: BuildProgress
    stage_began_seconds: float = 0.0
    stage_began_done: int = 0
    stage_began_tokens: int = 0

    def then(self, progress: BuildProgress) -> Pace:
        """The pace after another event."""
        if progress.stage == self.progress.stage:
            return Pace(progress, self.stage_began_seconds, self.stage_began_done, self.stage_began_tokens)
        return Pace(progress, progress.elapsed_seconds, progress.done, progress.n_tokens)

    @property
    def fraction(self) -> float:
        """Of the running stage, 0 to 1; 0 while its length is unknown."""
        return self.progress.done / self.progress.total if self.progress.total else 0.0

    @property
    def tokens_per_second(self) -> float:
        """0 while no tokens were encoded."""
        seconds = self.progress.elapsed_seconds - self.stage_began_seconds
        return (self.progress.n_tokens - self.stage_began_tokens) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Of the running stage; None while there is nothing to go by."""
        seconds = self.progress.elapsed_seconds - self.stage_began_seconds
        done = self.progress.done - self.stage_began_done
        if not self.progress.total or done <= 0 or seconds <= 0:
            return None
        return seconds / done * (self.progress.total - self.progress.done)


def figures(pace: Pace) -> str:
    """Counts, speed and time in one line."""
    progress = pace.progress
    parts = [f"{progress.done:,} of {progress.total:,}" if progress.total else f"{progress.done:,}"]
    if progress.n_tokens:
        parts.append(f"{progress.n_tokens:,} tokens")
    if pace.tokens_per_second >= 1:
        parts.append(f"{pace.tokens_per_second:,.0f} tokens/s")
    parts.append(f"{duration(progress.elapsed_seconds)} so far")
    if pace.seconds_left is not None:
        parts.append(f"about {duration(pace.seconds_left)} left")
    return " · ".join(parts)


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
