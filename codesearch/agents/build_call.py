"""A build that a tool call runs or waits for: its progress goes to the client, which may cancel the call.

What a call was made for ends with it. The first build, which a question only needs, goes on for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anyio import from_thread, move_on_after, sleep, to_thread

from codesearch.build_speed import Pace, figures
from indexer.errors import IndexBusyError
from indexer.records import BuildProgress, ProgressCallback

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from codesearch.first_build import FirstBuild
    from codesearch.workspace import Workspace

NOTICE_SECONDS = 0.5
"""A client is told at most so often."""
_PARTS = {"walk": (0.0, 1.0), "read": (1.0, 10.0), "encode": (10.0, 99.0), "write": (0.0, 0.0)}
"""Percent at which each stage begins and ends. Encoding takes nearly all the time; writing interrupts it."""
_READING = {"walk": (0.0, 1.0), "read": (1.0, 99.0), "wait": (1.0, 99.0)}
"""Where nothing is encoded."""
FIRST_BUILD_SECONDS = 45.0
"""A question waits so long for first builds, then tells how far they are; many clients give it a minute."""
_LOOK_SECONDS = 0.05
_WORDS = {
    "walk": "looking for files",
    "read": "reading",
    "encode": "encoding",
    "wait": "waiting for the build that runs already",
}


class Report:
    """Progress events of a build as the protocol's: percent that only grow, and a line for a person."""

    def __init__(self, parts: Mapping[str, tuple[float, float]] = _PARTS) -> None:
        self._parts = parts
        self._pace: Pace | None = None
        self._percent = 0.0
        self._told_at = -NOTICE_SECONDS

    def next(self, progress: BuildProgress) -> tuple[float, str] | None:
        """What is to be told after an event; None: nothing new, or too soon."""
        self._pace = self._pace.then(progress) if self._pace else Pace(progress)
        begin, end = self._parts.get(progress.stage, (0.0, 0.0))
        percent = round(begin + (end - begin) * min(1.0, self._pace.fraction), 1)
        if percent <= self._percent or progress.elapsed_seconds - self._told_at < NOTICE_SECONDS:
            return None
        self._percent, self._told_at = percent, progress.elapsed_seconds
        return percent, self.line

    @property
    def line(self) -> str:
        """What is being done, for a person."""
        if self._pace is None:
            return _WORDS["walk"]
        stage = self._pace.progress.stage
        return f"{_WORDS.get(stage, stage)}: {figures(self._pace)}"


async def run_reporting(work: Callable[[ProgressCallback], str], context: Context[Any, Any]) -> str:
    """Run a build in a thread; cancelling the call raises in it at its next progress event."""
    report = Report()

    def advance(progress: BuildProgress) -> None:
        from_thread.check_cancelled()
        told = report.next(progress)
        if told is not None:
            from_thread.run(context.report_progress, told[0], 100.0, told[1])

    return await to_thread.run_sync(work, advance)


async def await_indexes(workspace: Workspace, names: Sequence[str], context: Context[Any, Any]) -> None:
    """Wait until questions to these repositories find an index, where it is not there yet.

    Raises IndexBusyError after FIRST_BUILD_SECONDS, and what there is against one that is asked alone.
    """
    report = Report(_READING)
    with move_on_after(FIRST_BUILD_SECONDS) as waiting:
        for name in names:
            build = workspace.first_build(name)
            if build is not None:
                report = Report(_READING)
                await _until_done(build, report, context)
                if build.problem is not None and len(names) == 1:
                    raise build.problem
    if waiting.cancelled_caught:
        raise IndexBusyError(
            f"{name} is being indexed for the first time ({report.line})",
            "ask again in a minute, and use grep until then.",
        )


async def _until_done(build: FirstBuild, report: Report, context: Context[Any, Any]) -> None:
    heard: BuildProgress | None = None
    while not build.is_done:
        latest = build.latest
        if latest is not None and latest is not heard:
            heard, told = latest, report.next(latest)
            if told is not None:
                await context.report_progress(told[0], 100.0, told[1])
        await sleep(_LOOK_SECONDS)
