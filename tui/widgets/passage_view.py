"""The passage, or its whole file: line numbers, syntax, evidence, a cursor, a selection by mouse.

Draws only the rows that are visible. Knows a `Document`; where its text comes from is the screen's.
Posts `WordChosen` on a double click or ctrl+click.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.keys import bindings
from tui.messages import WordChosen
from tui.text.document import EMPTY, Document, Line, Mark, with_context, words_of
from tui.widgets.drawing import styles_of


@dataclass(frozen=True, slots=True)
class _Row:
    """What one screen line shows: columns `start` to `end` of a document line."""

    line: int
    start: int
    end: int


class PassageView(ScrollView, can_focus=True):
    """A read-only view of code."""

    BINDINGS = bindings("passage")
    ALLOW_SELECT = True

    def __init__(self) -> None:
        super().__init__(id="passage")
        self.document: Document = EMPTY
        self._bare: Document = EMPTY
        """Without lines around it."""
        self._before: Sequence[str] = ()
        self._after: Sequence[str] = ()
        self.shows_evidence = True
        self.cursor_line = 0
        """Index into the document's lines."""
        self.cursor_column = 0
        self.current_match = -1
        """Index into the document's marks, after n or N."""
        self.emptiness = ""
        self._wraps = False
        self._rows: list[_Row] = []
        self._first_row: list[int] = []
        self._marks_of: dict[int, list[Mark]] = {}

    # --- content ---

    def show(self, document: Document, at_passage: bool = False) -> None:
        """Show another text, from its top, or with its passage in view."""
        self.document = self._bare = document
        self._before, self._after = (), ()
        self.current_match = -1
        self._wraps = document.wraps
        self._index_marks()
        self.cursor_line = document.first_inside if document.lines else 0
        self.cursor_column = 0
        if document.marks:
            best = max(document.marks, key=lambda mark: mark.similarity)
            self.cursor_line, self.cursor_column = best.line, best.start
        self._layout_rows()
        if self.document.lines and at_passage:
            top = max(0, self._first_row[document.first_inside] - 2)
            self.scroll_to(0, top, animate=False, force=True)
        else:
            self.scroll_to(0, 0, animate=False, force=True)
        if at_passage or document.marks:
            self._show_cursor()

    def surround(self, before: Sequence[str], after: Sequence[str]) -> None:
        """Fill free rows with lines that stand around the passage, first those after it."""
        self._before, self._after = before, after
        self._fill()

    def _fill(self) -> None:
        """As many lines around as the height has room for; the cursor stays where it is in the passage."""
        if not self._bare.lines:
            return
        line = self.cursor_line - (self.document.first_inside if self.document.n_context else 0)
        self.document = self._bare
        self._layout_rows()
        n_free = self.size.height - len(self._rows)
        n_above = 0
        if n_free > 0:
            after = self._fitting(self._after, n_free)
            n_above = 0 if self._wraps else min(len(self._before), n_free - len(after))
            before = self._before[len(self._before) - n_above :]
            self.document = with_context(self._bare, before, after)
        self.cursor_line = max(0, min(line + n_above, len(self.document.lines) - 1))
        self._index_marks()
        self._layout_rows()

    def _fitting(self, lines: Sequence[str], n_rows: int) -> Sequence[str]:
        """As many of the lines as fill so many rows, wrapped where the passage is."""
        if not self._wraps:
            return lines[:n_rows]
        width = max(1, self.size.width - self._gutter_width - 1)
        for i, line in enumerate(lines):
            n_rows -= len(wrapped(line, width))
            if n_rows < 0:
                return lines[:i]
        return lines

    def explain(self, sentence: str) -> None:
        """Say why there is nothing to see."""
        self.emptiness = sentence
        self.show(EMPTY)

    def set_evidence(self, shows: bool) -> None:
        """Shade the matched words, or not."""
        self.shows_evidence = shows
        self.refresh()

    @property
    def word(self) -> str:
        """The identifier under the cursor, or the nearest one on its line to the right, or empty."""
        if not self.document.lines:
            return ""
        line = self.document.lines[self.cursor_line].text
        words = list(words_of(line))
        for word in words:
            if word.end() > self.cursor_column:
                return word.group()
        return words[-1].group() if words else ""

    @property
    def line_number(self) -> int:
        """The number of the cursor's line in its file; 0 where there is none."""
        return self.document.lines[self.cursor_line].number if self.document.lines else 0

    def go_to_match(self, step: int) -> Mark | None:
        """Move the cursor to the next (1) or previous (-1) matched word, round the end."""
        marks = self.document.marks
        if not marks:
            return None
        if self.current_match < 0:
            here = (self.cursor_line, self.cursor_column)
            after = bisect_right([(mark.line, mark.start) for mark in marks], here)
            self.current_match = after if step > 0 else after - 2
        else:
            self.current_match += step
        self.current_match %= len(marks)
        mark = marks[self.current_match]
        self._put_cursor(mark.line, mark.start, keep_match=True)
        return mark

    # --- actions ---

    def action_cursor_down(self) -> None:
        """Next line."""
        self._put_cursor(self.cursor_line + 1, self.cursor_column)

    def action_cursor_up(self) -> None:
        """Previous line."""
        self._put_cursor(self.cursor_line - 1, self.cursor_column)

    def action_cursor_right(self) -> None:
        """Next column."""
        self._put_cursor(self.cursor_line, self.cursor_column + 1)

    def action_cursor_left(self) -> None:
        """Previous column."""
        self._put_cursor(self.cursor_line, self.cursor_column - 1)

    def action_next_word(self) -> None:
        """The next identifier, on a later line if need be."""
        for line in range(self.cursor_line, len(self.document.lines)):
            for word in words_of(self.document.lines[line].text):
                if line > self.cursor_line or word.start() > self.cursor_column:
                    self._put_cursor(line, word.start())
                    return

    def action_previous_word(self) -> None:
        """The previous identifier, on an earlier line if need be."""
        for line in range(min(self.cursor_line, len(self.document.lines) - 1), -1, -1):
            words = [word.start() for word in words_of(self.document.lines[line].text)]
            before = [start for start in words if line < self.cursor_line or start < self.cursor_column]
            if before:
                self._put_cursor(line, before[-1])
                return

    def action_page_down(self) -> None:
        """A page on."""
        self._put_cursor(self.cursor_line + max(1, self.size.height - 2), self.cursor_column)

    def action_page_up(self) -> None:
        """A page back."""
        self._put_cursor(self.cursor_line - max(1, self.size.height - 2), self.cursor_column)

    def action_top(self) -> None:
        """First line."""
        self._put_cursor(0, 0)

    def action_bottom(self) -> None:
        """Last line."""
        self._put_cursor(len(self.document.lines) - 1, 0)

    def action_toggle_wrap(self) -> None:
        """Let long lines flow over several rows, or not."""
        self._wraps = not self._wraps
        self._layout_rows()
        self._show_cursor()

    async def action_leave(self) -> None:
        """Back to the results."""
        await self.run_action("screen.focus_results")

    # --- mouse and size ---

    def on_click(self, event: events.Click) -> None:
        """Put the cursor; a double click, or one with ctrl, asks for the definition."""
        row = event.y + self.scroll_offset.y
        if not 0 <= row < len(self._rows):
            return
        place = self._rows[row]
        column = place.start + max(0, event.x - self._gutter_width + self.scroll_offset.x)
        self._put_cursor(place.line, column)
        if (event.chain == 2 or event.ctrl) and self.word:
            self.post_message(WordChosen(self.word))

    def on_resize(self) -> None:
        """Wrapped lines depend on the width, lines around a passage on the height."""
        if self._before or self._after:
            self._fill()
        else:
            self._layout_rows()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor shows with focus."""
        super().watch_has_focus(has_focus)
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that was selected with the mouse."""
        rows = [self.document.lines[row.line].text[row.start : row.end] for row in self._rows]
        return selection.extract("\n".join(rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()

    # --- drawing ---

    @property
    def _gutter_width(self) -> int:
        last = self.document.lines[-1].number if self.document.lines else 0
        return max(3, len(str(last))) + 3

    def render_line(self, y: int) -> Strip:
        """One row: gutter, then code."""
        styles = styles_of(self)
        width = self.size.width
        index = y + self.scroll_offset.y
        if not self.document.lines:
            text = f"  {self.emptiness}" if y == 0 else ""
            return Strip([Segment(text, styles.quiet)]).adjust_cell_length(width, styles.text)
        if index >= len(self._rows):
            return Strip.blank(width, styles.text)
        row = self._rows[index]
        line = self.document.lines[row.line]
        is_cursor = row.line == self.cursor_line and self.has_focus
        base = styles.text + styles.cursor_line if is_cursor else styles.text
        gutter = self._gutter(row, line)
        code_width = max(0, width - self._gutter_width)
        if line.number == 0:
            code = [Segment(line.text.strip() or "⋯", styles.quiet)]
        elif self._is_context(row.line) and not is_cursor:
            code = [Segment(line.text[row.start : row.end], styles.context)]
        else:
            code = self._code(row, line, index, base)
        scroll_x = self.scroll_offset.x
        strip = Strip(code).crop_extend(scroll_x, scroll_x + code_width, base)
        strip = strip.apply_offsets(scroll_x, index)
        return Strip.join([Strip(gutter, self._gutter_width), strip])

    def _gutter(self, row: _Row, line: Line) -> list[Segment]:
        styles = styles_of(self)
        n_digits = self._gutter_width - 3
        number = str(line.number) if line.number and row.start == 0 else ""
        marks = self._marks_of.get(row.line, ()) if self.shows_evidence else ()
        inside = self.document.first_inside <= row.line <= self.document.last_inside
        n_inside = self.document.last_inside - self.document.first_inside + 1
        whole_file = inside and n_inside < len(self.document.lines) - self.document.n_context
        if marks:
            level = max(mark.level for mark in marks)
            sign, sign_style = "▐", styles.text + styles.bar[level]
        elif whole_file:
            sign, sign_style = "▕", styles.accent
        else:
            sign, sign_style = " ", styles.text
        number_style = styles.context if self._is_context(row.line) else styles.quiet
        if row.line == self.cursor_line and self.has_focus:
            number_style = styles.text
        return [
            Segment(f"{number:>{n_digits}} ", number_style),
            Segment(sign, sign_style),
            Segment(" ", styles.text),
        ]

    def _is_context(self, line: int) -> bool:
        document = self.document
        return document.n_context > 0 and not document.first_inside <= line <= document.last_inside

    def _code(self, row: _Row, line: Line, index: int, base: Style) -> list[Segment]:
        styles = styles_of(self)
        layers: list[tuple[int, int, Style]] = [
            (run.start, run.end, styles.syntax[run.kind]) for run in line.runs
        ]
        if self.shows_evidence:
            marks = sorted(self._marks_of.get(row.line, ()), key=lambda mark: mark.similarity)
            layers += [(mark.start, mark.end, styles.evidence[mark.level]) for mark in marks]
            if 0 <= self.current_match < len(self.document.marks):
                current = self.document.marks[self.current_match]
                if current.line == row.line:
                    layers.append((current.start, current.end, styles.current_match))
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(index)) is not None:
            start, end = span
            end = row.end if end == -1 else row.start + end
            layers.append((row.start + start, end, styles.selection))
        if self.has_focus and row.line == self.cursor_line:
            layers.append((self.cursor_column, self.cursor_column + 1, styles.cursor))
        text = line.text + (" " if self.has_focus and self.cursor_column >= len(line.text) else "")
        end_of_row = row.end + 1 if row.end == len(line.text) else row.end
        return layered(text, row.start, min(end_of_row, len(text)), base, layers)

    # --- layout and moving ---

    def _index_marks(self) -> None:
        self._marks_of = {}
        for mark in self.document.marks:
            self._marks_of.setdefault(mark.line, []).append(mark)

    def _layout_rows(self) -> None:
        width = self.size.width - self._gutter_width - 1
        self._rows = []
        self._first_row = []
        longest = 0
        for i, line in enumerate(self.document.lines):
            self._first_row.append(len(self._rows))
            longest = max(longest, cell_len(line.text) if not line.text.isascii() else len(line.text))
            if self._wraps and width > 10 and len(line.text) > width:
                self._rows += [_Row(i, start, end) for start, end in wrapped(line.text, width)]
            else:
                self._rows.append(_Row(i, 0, len(line.text)))
        content_width = 0 if self._wraps else longest + self._gutter_width + 1
        self.virtual_size = Size(content_width, len(self._rows))
        self.refresh()

    def _put_cursor(self, line: int, column: int, keep_match: bool = False) -> None:
        if not self.document.lines:
            return
        self.cursor_line = max(0, min(line, len(self.document.lines) - 1))
        self.cursor_column = max(0, min(column, len(self.document.lines[self.cursor_line].text)))
        if not keep_match:
            self.current_match = -1
        self._show_cursor()
        self.refresh()

    def _show_cursor(self) -> None:
        if not self._first_row or not self.size.height:
            return
        row = self._first_row[self.cursor_line]
        while (
            row + 1 < len(self._rows)
            and self._rows[row + 1].line == self.cursor_line
            and self._rows[row + 1].start <= self.cursor_column
        ):
            row += 1
        column = self.cursor_column - self._rows[row].start
        x, y = self.scroll_offset
        height, width = self.size.height, max(1, self.size.width - self._gutter_width)
        if not y <= row < y + height:
            y = (
                max(0, row - height // 3)
                if abs(row - y) > height + 2
                else row
                if row < y
                else row - height + 1
            )
        if not x <= column < x + width:
            x = max(0, column - width // 2)
        if column < width and self._wraps:
            x = 0
        self.scroll_to(x, y, animate=False, force=True)


def layered(
    text: str, start: int, end: int, base: Style, layers: list[tuple[int, int, Style]]
) -> list[Segment]:
    """Columns start to end of a line, each with all the styles laid over it, later ones on top."""
    borders = {start, end}
    for layer_start, layer_end, _ in layers:
        borders.update(edge for edge in (layer_start, layer_end) if start < edge < end)
    edges = sorted(borders)
    segments = []
    for left, right in pairwise(edges):
        style = base
        for layer_start, layer_end, layer in layers:
            if layer_start <= left and right <= layer_end:
                style = style + layer
        segments.append(Segment(text[left:right], style))
    return segments


def wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Where a long line is cut into rows: after a blank where one is near."""
    pieces = []
    start = 0
    while len(text) - start > width:
        blank = text.rfind(" ", start + width // 2, start + width)
        end = blank + 1 if blank > 0 else start + width
        pieces.append((start, end))
        start = end
    pieces.append((start, len(text)))
    return pieces
