"""Why the passage matched: each query word, what it found, how alike they are, and each ranker's score.

Narrow, it is one flowing paragraph; from `TABLE_FROM_CELLS` on it is a table with bars.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from indexer.records import ComponentScores
from tui.text.document import Document, Mark, safe_line
from tui.widgets.drawing import bar, fitted, styles_of

TABLE_FROM_CELLS = 90
MAX_TABLE_ROWS = 6
MAX_PARAGRAPH_ROWS = 2


class EvidencePanel(Widget):
    """The legend of the shading and the list of word matches in one."""

    def __init__(self) -> None:
        super().__init__(id="evidence")
        self._marks: list[Mark] = []
        self._lines: list[int] = []
        self._scores = ComponentScores()
        self._drawn: list[list[Segment]] = []

    def show(self, document: Document, scores: ComponentScores) -> None:
        """Show the evidence of another passage, strongest first."""
        best: dict[tuple[str, str], Mark] = {}
        for mark in document.marks:
            key = (mark.query_word.casefold(), mark.code_word.casefold())
            if key not in best or mark.similarity > best[key].similarity:
                best[key] = mark
        self._marks = sorted(best.values(), key=lambda mark: -mark.similarity)
        self._lines = [document.lines[mark.line].number for mark in self._marks]
        self._scores = scores
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there is evidence, within bounds."""
        return max(1, len(self._rows(width)))

    def on_resize(self, event: events.Resize) -> None:
        """Table or paragraph."""
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        """One row."""
        if y == 0:
            self._drawn = self._rows(self.size.width)
        styles = styles_of(self)
        row = self._drawn[y] if y < len(self._drawn) else []
        return Strip(row).adjust_cell_length(self.size.width, styles.text)

    def _rows(self, width: int) -> list[list[Segment]]:
        styles = styles_of(self)
        if not self._marks:
            scores = self._score_segments()
            sentence = "No single word matches strongly." if scores else "No word evidence for this result."
            return [[Segment(" " + sentence + "  ", styles.quiet), *scores]]
        if width >= TABLE_FROM_CELLS:
            return self._table(width)
        return self._paragraph(width)

    def _table(self, width: int) -> list[list[Segment]]:
        styles = styles_of(self)
        shown = self._marks[:MAX_TABLE_ROWS]
        query_width = min(22, max(cell_len(mark.query_word) for mark in shown))
        code_width = min(34, max(cell_len(mark.code_word) for mark in shown) + 2)
        rows = []
        for mark, number in zip(shown, self._lines, strict=False):
            rows.append(
                [
                    Segment(f" {fitted(safe_line(mark.query_word), query_width)}", styles.text),
                    Segment(" → ", styles.quiet),
                    *self._code_word(mark, code_width),
                    Segment(f" {bar(mark.similarity, 12)}", styles.text + styles.bar[mark.level]),
                    Segment(f" {mark.similarity:.2f}", styles.text),
                    Segment(f"  line {number}", styles.quiet),
                ]
            )
        more = len(self._marks) - len(shown)
        note = [Segment(f"  +{more} more", styles.quiet)] if more else []
        scores = self._score_segments()
        if scores or note:
            rows.append([Segment(" ", styles.text), *scores, *note])
        return rows

    def _code_word(self, mark: Mark, width: int) -> list[Segment]:
        styles = styles_of(self)
        word = f" {safe_line(mark.code_word)} "
        drawn = word if cell_len(word) <= width else fitted(word, width)
        rest = width - cell_len(drawn)
        return [Segment(drawn, styles.text + styles.evidence[mark.level]), Segment(" " * rest, styles.text)]

    def _paragraph(self, width: int) -> list[list[Segment]]:
        styles = styles_of(self)
        rows: list[list[Segment]] = [[Segment(" ", styles.text)]]
        used = 1
        for i, mark in enumerate(self._marks):
            pieces = [
                Segment(safe_line(mark.query_word), styles.text),
                Segment("→", styles.quiet),
                Segment(safe_line(mark.code_word), styles.text + styles.evidence[mark.level]),
                Segment(f" .{round(min(mark.similarity, 0.99) * 100):02d}", styles.quiet),
            ]
            length = sum(cell_len(piece.text) for piece in pieces)
            if used > 1 and used + length + 2 > width:
                if len(rows) == MAX_PARAGRAPH_ROWS:
                    rows[-1].append(Segment(f" +{len(self._marks) - i}", styles.quiet))
                    break
                rows.append([Segment(" ", styles.text)])
                used = 1
            if used > 1:
                rows[-1].append(Segment("  ", styles.text))
                used += 2
            rows[-1] += pieces
            used += length
        return rows

    def _score_segments(self) -> list[Segment]:
        styles = styles_of(self)
        segments: list[Segment] = []
        named: tuple[tuple[str, float | None], ...] = (
            ("lexical", self._scores.lexical),
            ("single", self._scores.single),
            ("colbert", self._scores.colbert),
        )
        quiet: Style = styles.quiet
        for name, score in named:
            if score is not None:
                segments += [Segment(f"{name} ", quiet), Segment(f"{score:.2f}   ", styles.text)]
        return segments
