"""The list of results: one row each where it is wide, two where it is a column beside the passage.

Draws itself line by line, so that a new answer costs a few milliseconds whatever its length.
Posts `ResultHighlighted`, `ResultOpened` and `MarksChanged`.
"""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.keys import bindings
from tui.messages import MarksChanged, ResultHighlighted, ResultOpened
from tui.session import Result
from tui.text.document import safe_line
from tui.widgets.drawing import bar, fitted, fitted_start, over, styles_of

TWO_ROWS_BELOW_CELLS = 76


class ResultList(ScrollView, can_focus=True):
    """Results, a cursor among them, and marks."""

    BINDINGS = bindings("results")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"results--cursor", "results--cursor-quiet"}

    def __init__(self) -> None:
        super().__init__(id="results")
        self.results: tuple[Result, ...] = ()
        self.cursor = -1
        """The row that the passage view shows; -1 where there is none."""
        self.marked: set[int] = set()
        self.shows_repository = False
        """Name the repository before each path: several are in scope."""
        self.emptiness = ""
        """What to say where there are no rows."""

    # --- content ---

    def show(
        self, results: tuple[Result, ...], cursor: int = 0, marked: frozenset[int] = frozenset()
    ) -> None:
        """Replace the rows. Rows that stay the same result keep nothing: marks are of one answer."""
        self.results = results
        self.marked = set(marked)
        self.cursor = min(cursor, len(results) - 1)
        self._resize_content()
        self.scroll_to(0, 0, animate=False)
        self._moved()

    def explain(self, sentence: str) -> None:
        """Say why there is nothing to see."""
        self.emptiness = sentence
        self.refresh()

    @property
    def current(self) -> Result | None:
        """The result under the cursor."""
        return self.results[self.cursor] if 0 <= self.cursor < len(self.results) else None

    @property
    def chosen(self) -> tuple[Result, ...]:
        """The marked results in order, or all where none is marked."""
        if not self.marked:
            return self.results
        return tuple(result for i, result in enumerate(self.results) if i in self.marked)

    def move(self, n_rows: int) -> None:
        """Move the cursor, as far as there are rows."""
        self._go(self.cursor + n_rows)

    # --- actions ---

    def action_cursor_down(self) -> None:
        """Next."""
        self.move(1)

    async def action_cursor_up(self) -> None:
        """Previous; above the first row is the query bar."""
        if self.cursor <= 0:
            await self.run_action("screen.focus_query")
        else:
            self.move(-1)

    def action_page_down(self) -> None:
        """A page on."""
        self.move(self._rows_per_page)

    def action_page_up(self) -> None:
        """A page back."""
        self.move(-self._rows_per_page)

    def action_first(self) -> None:
        """First."""
        self._go(0)

    def action_last(self) -> None:
        """Last."""
        self._go(len(self.results) - 1)

    def action_mark(self) -> None:
        """Mark or unmark, and go on to the next."""
        if self.cursor < 0:
            return
        self.marked ^= {self.cursor}
        self.post_message(MarksChanged(len(self.marked)))
        self.move(1)
        self.refresh()

    def action_mark_all(self) -> None:
        """All, or none if all are."""
        everything = set(range(len(self.results)))
        self.marked = set() if self.marked == everything else everything
        self.post_message(MarksChanged(len(self.marked)))
        self.refresh()

    def action_open(self) -> None:
        """Go and read."""
        if self.cursor >= 0:
            self.post_message(ResultOpened(self.cursor))

    async def action_leave(self) -> None:
        """Back to the query bar."""
        await self.run_action("screen.focus_query")

    # --- mouse and size ---

    def on_click(self, event: events.Click) -> None:
        """Select; a second click reads; a click on the left edge marks."""
        row = (event.y + self.scroll_offset.y) // self._row_height
        if not 0 <= row < len(self.results):
            return
        self._go(row)
        if event.x < 2:
            self.marked ^= {row}
            self.post_message(MarksChanged(len(self.marked)))
            self.refresh()
        elif event.chain > 1:
            self.action_open()

    def on_resize(self) -> None:
        """Rows may become one or two lines high."""
        self._resize_content()
        self._show_cursor()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different with focus."""
        super().watch_has_focus(has_focus)
        self.refresh()

    # --- drawing ---

    def render_line(self, y: int) -> Strip:
        """One line of one row."""
        width = self.size.width
        styles = styles_of(self)
        line = y + self.scroll_offset.y
        row, part = divmod(line, self._row_height)
        if not self.results:
            rows = wrap(self.emptiness, max(10, width - 6))
            text = "  " + rows[y - 1] if 0 < y <= len(rows) else ""
            return Strip([Segment(fitted(text, width), styles.text)], width)
        if row >= len(self.results):
            return Strip.blank(width, styles.text)
        cells = (
            self._two_lines(row, part, width - 2) if self._row_height == 2 else self._one_line(row, width - 2)
        )
        sign = ("●" if row in self.marked else " ") if part == 0 else " "
        pointer = "▌" if row == self.cursor else " "
        segments = [Segment(pointer, styles.accent), Segment(sign, styles.text + styles.bar[3]), *cells]
        if row == self.cursor:
            name = "results--cursor" if self.has_focus else "results--cursor-quiet"
            background = self.get_component_rich_style(name)
            overlay = Style(bgcolor=background.bgcolor)
            if self.app.no_color and self.has_focus:
                overlay = Style(color=styles.text.color, dim=False, reverse=True)
            segments = over(segments, overlay)
        return Strip(segments, width)

    def _one_line(self, row: int, width: int) -> list[Segment]:
        styles = styles_of(self)
        result = self.results[row]
        passage = result.passage
        longest = max(len(self._place(r)) for r in self.results)
        place_width = min(longest + 2, max(20, int(width * 0.4)))
        symbol_width = min(max(len(r.passage.symbol) for r in self.results) + 2, max(12, int(width * 0.26)))
        language_width = min(max(len(r.passage.language) for r in self.results) + 2, 12)
        confidence = f" {passage.confidence:.2f} "
        rest = width - place_width - symbol_width - language_width - len(confidence)
        return [
            *self._place_segments(result, place_width),
            Segment(fitted(safe_line(passage.symbol), symbol_width - 1) + " ", styles.strong),
            Segment(fitted(passage.language, language_width), styles.quiet),
            Segment(fitted(_first_line(passage.text), rest), styles.quiet),
            Segment(confidence, styles.accent),
        ]

    def _two_lines(self, row: int, part: int, width: int) -> list[Segment]:
        styles = styles_of(self)
        result = self.results[row]
        passage = result.passage
        if part == 0:
            language = fitted(passage.language, 11)
            confidence = f"{bar(passage.confidence, 4)} {passage.confidence:.2f} "
            return [
                *self._place_segments(result, width - len(language) - len(confidence)),
                Segment(language, styles.quiet),
                Segment(confidence, styles.accent),
            ]
        symbol = safe_line(passage.symbol)
        symbol_width = min(len(symbol) + 2, width * 2 // 3) if symbol else 0
        return [
            Segment("  ", styles.text),
            Segment(fitted(symbol, symbol_width - 1) + " " if symbol else "", styles.text),
            Segment(fitted(_first_line(passage.text), width - symbol_width - 2), styles.quiet),
        ]

    def _place(self, result: Result) -> str:
        prefix = f"{result.repository}: " if self.shows_repository else ""
        stale = " ~" if result.passage.stale else ""
        return prefix + safe_line(result.place) + stale

    def _place_segments(self, result: Result, width: int) -> list[Segment]:
        styles = styles_of(self)
        text = fitted_start(self._place(result), width - 1) + " "
        cut = text.rfind("/") + 1
        name_style = styles.text if self._row_height == 1 else styles.strong
        return [Segment(text[:cut], styles.quiet), Segment(text[cut:], name_style)]

    # --- moving ---

    @property
    def _row_height(self) -> int:
        return 2 if self.size.width < TWO_ROWS_BELOW_CELLS else 1

    @property
    def _rows_per_page(self) -> int:
        return max(1, self.size.height // self._row_height)

    def _resize_content(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.results) * self._row_height)
        self.refresh()

    def _go(self, row: int) -> None:
        row = max(0, min(row, len(self.results) - 1))
        if self.results and row != self.cursor:
            self.cursor = row
            self._moved()

    def _moved(self) -> None:
        self._show_cursor()
        self.refresh()
        self.post_message(ResultHighlighted(self.cursor))

    def _show_cursor(self) -> None:
        if self.cursor >= 0:
            height = self._row_height
            self.scroll_to_region(Region(0, self.cursor * height, 1, height), animate=False, force=True)


def _first_line(text: str) -> str:
    """The first line that says something: not a lone bracket, quote or rule, rather no decorator or fence."""
    lines = [safe_line(line).strip() for line in text.split("\n", 40)[:40]]
    telling = [line for line in lines if sum(map(str.isalnum, line)) > 2]
    return next(
        (line for line in telling if not line.startswith(("@", "#[", "```"))), telling[0] if telling else ""
    )
