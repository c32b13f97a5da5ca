"""A build as a tool call: its progress goes to the client, and it ends when the client cancels the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyio import from_thread, to_thread

from codesearch.build_speed import Pace, figures
from indexer.records import BuildProgress, ProgressCallback

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

NOTICE_SECONDS = 0.5
"""A client is told at most so often."""
_PARTS = {"walk": (0.0, 1.0), "read": (1.0, 10.0), "encode": (10.0, 99.0), "write": (0.0, 0.0)}
"""Percent at which each stage begins and ends. Encoding takes nearly all the time; writing interrupts it."""
_WORDS = {"walk": "looking for files", "read": "reading", "encode": "encoding"}


class Report:
    """Progress events of a build as the protocol's: percent that only grow, and a line for a person."""

    def __init__(self) -> None:
        self._pace: Pace | None = None
        self._percent = 0.0
        self._told_at = -NOTICE_SECONDS

    def next(self, progress: BuildProgress) -> tuple[float, str] | None:
        """What is to be told after an event; None: nothing new, or too soon."""
        self._pace = self._pace.then(progress) if self._pace else Pace(progress)
        begin, end = _PARTS.get(progress.stage, (0.0, 0.0))
        percent = round(begin + (end - begin) * min(1.0, self._pace.fraction), 1)
        if percent <= self._percent or progress.elapsed_seconds - self._told_at < NOTICE_SECONDS:
            return None
        self._percent, self._told_at = percent, progress.elapsed_seconds
        return percent, f"{_WORDS.get(progress.stage, progress.stage)}: {figures(self._pace)}"


async def run_reporting(work: Callable[[ProgressCallback], str], context: Context[Any, Any]) -> str:
    """Run a build in a thread; cancelling the call raises in it at its next progress event."""
    report = Report()

    def advance(progress: BuildProgress) -> None:
        from_thread.check_cancelled()
        told = report.next(progress)
        if told is not None:
            from_thread.run(context.report_progress, told[0], 100.0, told[1])

    return await to_thread.run_sync(work, advance)
