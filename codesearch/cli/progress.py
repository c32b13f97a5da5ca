"""A build's progress bar on stderr; nothing is drawn where that is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from codesearch.build_speed import Limiter, Pace, figures

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from indexer.records import BuildProgress


class ProgressBar:
    """A build's progress on stderr: stage, bar, what is done, speed, time left; silent off a terminal."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        """`console`: where it is drawn; None for stderr."""
        self._progress: Progress | None = None
        self._pace: Pace | None = None
        self._task: TaskID | None = None
        self._console = console
        self._quiet = quiet or (console is None and not sys.stderr.isatty())
        self._limiter = Limiter()

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description:<6}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console or Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("walk", total=None, figures="")
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: BuildProgress) -> None:
        """Take one event of a build; drawn at most ten times a second."""
        if self._progress is None or self._task is None:
            return
        self._pace = self._pace.then(event) if self._pace else Pace(event)
        if self._limiter.lets_pass(event):
            self._progress.update(
                self._task,
                description=event.stage,
                completed=event.done,
                total=event.total or None,
                figures=figures(self._pace),
            )
