"""A running build as three lines: what it does, a bar, and the figures with the time left."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from codesearch.build_speed import Pace, figures
from indexer.records import BuildProgress
from tui.text.document import safe_line
from tui.widgets.drawing import bar, fitted_start, styles_of

_STAGE_WORDS = {
    "walk": "looking for files",
    "read": "reading files",
    "encode": "encoding",
    "write": "writing the index",
    "wait": "another process is indexing this folder",
}


class BuildProgressView(Widget):
    """Shown while a build runs."""

    def __init__(self) -> None:
        super().__init__(id="build-progress")
        self.pace: Pace | None = None

    def advance(self, progress: BuildProgress) -> None:
        """Take one more event."""
        self.pace = self.pace.then(progress) if self.pace else Pace(progress)
        self.refresh()

    def reset(self) -> None:
        """The next build starts from nothing."""
        self.pace = None
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Three lines."""
        return 3

    def render_line(self, y: int) -> Strip:
        """One of the three."""
        styles = styles_of(self)
        width = self.size.width
        if self.pace is None:
            segments = [Segment("starting…" if y == 0 else "", styles.quiet)]
        elif y == 0:
            progress = self.pace.progress
            stage = _STAGE_WORDS.get(progress.stage, progress.stage)
            room = width - len(stage) - 2
            segments = [
                Segment(stage, styles.strong),
                Segment("  " + fitted_start(safe_line(progress.path), room), styles.quiet),
            ]
        elif y == 1:
            segments = [
                Segment(bar(self.pace.fraction, width - 6), styles.accent),
                Segment(f" {self.pace.fraction * 100:3.0f} %", styles.text),
            ]
        else:
            segments = [Segment(figures(self.pace), styles.quiet)]
        return Strip(segments).adjust_cell_length(width, styles.text)
