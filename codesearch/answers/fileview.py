"""One indexed file as lines and symbols: where a line starts, which symbols hold a line.

A line ends with LF, as git and tree-sitter count; a lone CR is part of its line. Lines are 1-based and
inclusive.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Span, full_path

LineRange = tuple[int, int]
"""First and last line, inclusive."""

_CALLABLE_KINDS = frozenset({"function", "method", "macro"})
_PROSE_KINDS = frozenset({"section", "page", "cell", "table", "code"})
_LEAD_MARKS = ("#", "//", "/*", "*", "--", "@", ";;", "%%", '"""', "<!--")
_NOT_LEAD = ("#include", "#define", "#if", "#endif", "#else", "#pragma", "#!")
_MAX_LEAD_LINES = 15
_MAX_SIGNATURE_LINES = 6
_SIGNATURE_ENDS = ("{", ":", "=>", "=", "do", "then", "->", "where", "begin")


@dataclass(frozen=True, slots=True)
class SpanLines:
    """A symbol with the lines it covers."""

    span: Span
    first: int
    last: int

    @property
    def n_lines(self) -> int:
        """Lines from first to last."""
        return self.last - self.first + 1

    @property
    def is_callable(self) -> bool:
        """Whether its first lines are a signature worth keeping above a cut body."""
        return self.span.kind in _CALLABLE_KINDS

    @property
    def is_section(self) -> bool:
        """Whether it is what stands below a heading."""
        return self.span.kind == "section"

    def holds(self, first: int, last: int) -> bool:
        """Whether the lines lie inside this symbol."""
        return self.first <= first and last <= self.last


class FileView:
    """Text, line starts and symbols of one file."""

    __slots__ = ("_starts", "has_text", "language", "path", "repository", "spans", "text")

    def __init__(
        self,
        path: str,
        language: str,
        text: str,
        spans: Iterable[Span],
        repository: str = "",
        *,
        has_text: bool = True,
    ) -> None:
        """Without `has_text` the text tells where lines are, and nothing of what is on them."""
        self.has_text = has_text
        self.path = path
        self.repository = repository
        self.language = language
        self.text = text
        self._starts = _line_starts(text)
        lines = [SpanLines(span, span.start_line, span.end_line) for span in spans]
        lines.sort(key=lambda item: (item.first, -item.last))
        self.spans = tuple(lines)

    @property
    def full_path(self) -> str:
        """The path, below the repository's name where several were asked."""
        return full_path(self.repository, self.path)

    @property
    def n_lines(self) -> int:
        """Lines of the file; a final line end opens no further line."""
        return len(self._starts)

    def line_of(self, char: int) -> int:
        """The line that holds a character; characters past the end belong to the last line."""
        return max(1, bisect_right(self._starts, char))

    def start_of(self, line: int) -> int:
        """First character of a line."""
        return self._starts[line - 1]

    def line(self, number: int) -> str:
        """One line, its line end included."""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end]

    def is_blank(self, number: int) -> bool:
        """Whether a line holds white space alone."""
        return not self.line(number).strip()

    def enclosing(self, first: int, last: int) -> list[SpanLines]:
        """Symbols that hold the lines, innermost first."""
        return sorted(
            [item for item in self.spans if item.first <= first and last <= item.last],
            key=lambda item: (item.n_lines, -item.span.start_char),
        )

    def inside(self, first: int, last: int, container: SpanLines | None) -> list[SpanLines]:
        """Outermost symbols within `container` (None: the file) that touch the lines, in file order."""
        found: list[SpanLines] = []
        for item in self.spans:
            if item.last < first or item.first > last or (item.first <= first and last <= item.last):
                continue
            if container is not None and not container.holds(item.first, item.last):
                continue
            if not found or found[-1].last < item.first:
                found.append(item)
        return found

    def gap(self, line: int, container: SpanLines | None) -> LineRange:
        """The lines around `line` that belong to `container` (None: the file) and to no symbol in it."""
        low, high = (container.first, container.last) if container else (1, self.n_lines)
        for item in self.spans:
            if item is container or item.holds(low, high):
                continue
            if item.last < line:
                low = max(low, item.last + 1)
            elif item.first > line:
                high = min(high, item.first - 1)
        return low, high

    def lead(self, item: SpanLines) -> int:
        """First line of the comments and decorators that stand directly above a symbol."""
        first = item.first
        if item.span.kind in _PROSE_KINDS:
            return first
        owners = {number for other in self.spans for number in (other.first, other.last)}
        while first > 1 and item.first - first < _MAX_LEAD_LINES and first - 1 not in owners:
            above = self.line(first - 1).strip()
            is_attribute = above.startswith("[") and above.endswith("]")
            if not (above.startswith(_LEAD_MARKS) or is_attribute) or above.startswith(_NOT_LEAD):
                break
            first -= 1
        return first

    def symbol_below(self, first: int, last: int) -> SpanLines | None:
        """The symbol whose comments and decorators above it the lines are part of."""
        below = next((item for item in self.spans if last < item.first <= last + _MAX_LEAD_LINES), None)
        return below if below is not None and self.lead(below) <= first else None

    def signature(self, item: SpanLines) -> LineRange:
        """The lines that name a symbol: up to where its body opens, a few at most."""
        last = item.first
        if item.is_callable:
            limit = min(item.last, item.first + _MAX_SIGNATURE_LINES - 1)
            for number in range(item.first, limit + 1):
                if self.line(number).rstrip().endswith(_SIGNATURE_ENDS):
                    last = number
                    break
        return item.first, last


def _line_starts(text: str) -> list[int]:
    # Characters as fixed-width numbers: a file of 1,000 lines takes half the time of `split`.
    if text.isascii():
        characters = np.frombuffer(text.encode("ascii"), np.uint8)
    else:
        characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    starts = [0, *(np.flatnonzero(characters == ord("\n")) + 1).tolist()]
    return starts if starts[-1] < len(text) else starts[:-1]
