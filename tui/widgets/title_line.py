"""One line that says where one is and how the search stands. Also the too-small sign of every screen."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.widgets.drawing import fitted, styles_of

MIN_COLUMNS = 50
MIN_ROWS = 12
WIDTHS = [(0, "-cramped"), (MIN_COLUMNS, "-narrow"), (116, "-wide")]
HEIGHTS = [(0, "-flat"), (MIN_ROWS, "-short"), (36, "-tall")]
"""Breakpoints of every screen, and the classes that the style sheet turns the layout by."""


SEPARATOR = " · "
"""Between the parts of a state; where room is short the last parts go first."""


class TitleLine(Widget):
    """Left: a name and what it is about. Right: a state; problems in the warning colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"title--problem", "title--good"}

    def __init__(self, id: str = "title") -> None:
        super().__init__(id=id)
        self.name_text = "codesearch"
        self.about = ""
        self.state = ""
        self.tone = ""
        """`problem`, `good` or empty."""

    def show(self, *, about: str | None = None, state: str | None = None, tone: str = "") -> None:
        """Change what is given."""
        if about is not None:
            self.about = about
        if state is not None:
            self.state = state
            self.tone = tone
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        styles = styles_of(self)
        if y:
            return Strip.blank(width, styles.text)
        state_style = (
            styles.text + self.get_component_rich_style(f"title--{self.tone}") if self.tone else styles.quiet
        )
        left = [Segment(" ", styles.text)]
        if self.name_text:
            left.append(Segment(f"{self.name_text}  ", styles.accent + styles.strong))
        left.append(Segment(self.about, styles.text))
        left_width = sum(cell_len(segment.text) for segment in left)
        room = width - left_width - 2
        state = f"{self.state} "
        while cell_len(state) > room and SEPARATOR in state:
            state = state.rpartition(SEPARATOR)[0] + " "
        if cell_len(state) > room:
            state = fitted(state, max(0, room))
        gap = max(1, width - left_width - cell_len(state))
        return Strip(
            [*left, Segment(" " * gap, styles.text), Segment(state, state_style)]
        ).adjust_cell_length(width, styles.text)


class TooSmall(Static):
    """What a terminal shows that is too small for the screens; style sheets decide when."""

    def __init__(self) -> None:
        super().__init__(id="too-small", markup=False)

    def on_mount(self) -> None:
        """Say it."""
        self.update(f"This terminal is too small:\n{MIN_COLUMNS} × {MIN_ROWS} or more, please.\n^q leaves.")
