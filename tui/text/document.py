"""Text → lines with syntax kinds and evidence: what the passage view draws, free of any colour.

The one place where file characters become lines and columns. Control characters, which a terminal
would obey, become visible signs here, one for one, so that positions keep their meaning; tabs become
spaces, and positions move along. Not here: drawing, and finding the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codesearch.answers.shown_evidence import telling
from codesearch.render.sanitize import UNSAFE
from codesearch.render.syntax import pieces_of
from indexer.document_formats import DOCUMENT_LANGUAGES
from indexer.records import Passage, WordMatch
from indexer.words import names
from tui.theme import level_of

TAB_COLUMNS = 4
MAX_LINE_COLUMNS = 2000
"""A longer line is drawn cut; nothing a person reads is longer."""


@dataclass(frozen=True, slots=True)
class Run:
    """Columns of a line that share a syntax kind."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is drawn."""

    number: int
    """1-based in the file; 0 for a sign that lines are left out."""
    text: str
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Evidence in place: the columns of a line that a query word found."""

    line: int
    """Index into `Document.lines`."""
    start: int
    end: int
    similarity: float
    query_word: str
    code_word: str

    @property
    def level(self) -> int:
        """The step of the shading, 0 to 3."""
        return level_of(self.similarity)


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that the passage view needs of a text."""

    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    """In reading order."""
    first_inside: int = 0
    """Index of the passage's first line; the lines around it are its file."""
    last_inside: int = -1
    n_context: int = 0
    """Lines around the passage that only fill free rows; 0: none, or the whole file is shown."""
    wraps: bool = False
    """Prose: long lines flow over several rows."""

    def line_index(self, number: int) -> int:
        """Where the line of this number is drawn, or the next one that is."""
        numbers = [line.number for line in self.lines]
        for index, candidate in enumerate(numbers):
            if candidate >= number:
                return index
        return max(0, len(numbers) - 1)


EMPTY = Document(())


def safe(text: str) -> str:
    """The text with everything that a terminal would obey replaced by a visible sign, one for one."""
    return UNSAFE.sub(lambda match: _sign(match.group()), text)


def safe_line(text: str) -> str:
    """One line's worth: as `safe`, and line ends and tabs become spaces."""
    return safe(text.replace("\r", " ").replace("\n", " ").replace("\t", " "))


def words_of(line: str) -> Iterator[re.Match[str]]:
    """The identifiers of a line."""
    return names(line)


def passage_document(passage: Passage) -> Document:
    """The passage alone, with its evidence."""
    raw_lines = _split(passage.text)
    numbers = list(_numbers(passage, len(raw_lines)))
    marks = _passage_marks(passage, raw_lines, numbers)
    return _document(passage.text, raw_lines, numbers, passage, marks, (0, len(raw_lines) - 1))


def file_document(text: str, passage: Passage) -> Document:
    """The whole file around a passage; evidence where the file still says what was indexed."""
    raw_lines = _split(text)
    n_lines = max(1, len(raw_lines) - (not raw_lines[-1]))
    first = min(passage.start_line, n_lines) - 1
    last = min(passage.end_line, n_lines) - 1
    starts = _line_starts(raw_lines, 0)
    marks = []
    for match in telling(passage.evidence.matches):
        place = _locate(match, starts)
        if place is not None and raw_lines[place.line][place.start : place.end] == match.code_word:
            marks.append(place)
    if not marks:
        inside = raw_lines[first : last + 1]
        unknown = [-1] * len(inside)
        matches = (replace(match, line=0) for match in telling(passage.evidence.matches))
        found = (_search_mark(match, inside, unknown) for match in matches)
        marks = [replace(mark, line=mark.line + first) for mark in found if mark is not None]
    return _document(text, raw_lines, list(range(1, len(raw_lines) + 1)), passage, marks, (first, last))


def with_context(document: Document, before: Sequence[str], after: Sequence[str]) -> Document:
    """The passage with the lines that stand before and after it in its file."""
    first = document.lines[0].number - len(before)
    last = document.lines[-1].number
    above = [Line(first + i, _drawn(line, _tab_columns(line))) for i, line in enumerate(before)]
    below = [Line(last + 1 + i, _drawn(line, _tab_columns(line))) for i, line in enumerate(after)]
    return replace(
        document,
        lines=(*above, *document.lines, *below),
        marks=tuple(replace(mark, line=mark.line + len(above)) for mark in document.marks),
        first_inside=len(above),
        last_inside=len(above) + len(document.lines) - 1,
        n_context=len(above) + len(below),
    )


def _document(
    text: str,
    raw_lines: list[str],
    numbers: Sequence[int],
    passage: Passage,
    marks: Sequence[Mark],
    inside: tuple[int, int],
) -> Document:
    kinds = pieces_of(text, passage.language, passage.path)
    lines = []
    tab_columns: dict[int, list[int]] = {}
    position = 0
    k = 0
    for index, raw in enumerate(raw_lines):
        start, end = position, position + len(raw)
        position = end + 1
        if raw.endswith("\r"):
            raw = raw[:-1]
        columns = _tab_columns(raw)
        if columns is not None:
            tab_columns[index] = columns
        runs = []
        while k < len(kinds) and kinds[k].end <= start:
            k += 1
        scan = k
        while scan < len(kinds) and kinds[scan].start < end:
            piece = kinds[scan]
            run_start = max(piece.start - start, 0)
            run_end = min(piece.end - start, len(raw))
            if columns is not None:
                run_start, run_end = columns[min(run_start, len(raw))], columns[max(run_end, 0)]
            if run_start < run_end and run_start < MAX_LINE_COLUMNS:
                runs.append(Run(run_start, run_end, piece.kind))
            scan += 1
        lines.append(Line(numbers[index], _drawn(raw, columns), tuple(runs)))
    placed = []
    for mark in marks:
        columns = tab_columns.get(mark.line)
        if columns is not None:
            last_column = len(columns) - 1
            start, end = columns[min(mark.start, last_column)], columns[min(mark.end, last_column)]
            mark = replace(mark, start=start, end=end)
        if mark.start < mark.end <= MAX_LINE_COLUMNS:
            placed.append(mark)
    placed.sort(key=lambda mark: (mark.line, mark.start, -mark.similarity))
    if len(lines) > 1 and not raw_lines[-1]:
        lines.pop()
    last = min(inside[1], len(lines) - 1)
    return Document(
        tuple(lines), tuple(placed), max(inside[0], 0), last, wraps=passage.language in DOCUMENT_LANGUAGES
    )


def _split(text: str) -> list[str]:
    return text.split("\n")


def _line_starts(raw_lines: Sequence[str], first: int) -> list[int]:
    starts = [first]
    for raw in raw_lines:
        starts.append(starts[-1] + len(raw) + 1)
    return starts


def _numbers(passage: Passage, n_lines: int) -> Iterator[int]:
    number = passage.start_line
    omitted = dict(passage.omitted_lines)
    for _ in range(n_lines):
        if number in omitted:
            yield 0
            number = omitted[number] + 1
        else:
            yield number
            number += 1


def _passage_marks(passage: Passage, raw_lines: list[str], numbers: list[int]) -> list[Mark]:
    if passage.start_char < 0:
        return _search_marks(passage, raw_lines, numbers)
    n_exact = numbers.index(0) if 0 in numbers else len(numbers)
    starts = _line_starts(raw_lines[:n_exact], passage.start_char)
    marks = []
    for match in telling(passage.evidence.matches):
        mark = _locate(match, starts) or _search_mark(match, raw_lines, numbers)
        if mark is not None:
            marks.append(mark)
    return marks


def _locate(match: WordMatch, starts: Sequence[int]) -> Mark | None:
    line = bisect_right(starts, match.start_char) - 1
    if line < 0 or line >= len(starts) - 1:
        return None
    start = match.start_char - starts[line]
    end = min(match.end_char, starts[line + 1] - 1) - starts[line]
    if start >= end:
        return None
    return Mark(line, start, end, match.similarity, match.query_word, match.code_word)


def _search_marks(passage: Passage, raw_lines: Sequence[str], numbers: Sequence[int]) -> list[Mark]:
    placed = (_search_mark(match, raw_lines, numbers) for match in telling(passage.evidence.matches))
    return [mark for mark in placed if mark is not None]


def _search_mark(match: WordMatch, raw_lines: Sequence[str], numbers: Sequence[int]) -> Mark | None:
    """Evidence placed by its word where characters cannot be counted: behind an omission, say."""
    if not match.code_word:
        return None
    word = re.compile(rf"(?<!\w){re.escape(match.code_word)}(?!\w)")
    for line, raw in enumerate(raw_lines):
        if numbers[line] == 0 or (match.line and numbers[line] != match.line):
            continue
        found = word.search(raw)
        if found:
            return Mark(line, found.start(), found.end(), match.similarity, match.query_word, match.code_word)
    return None


def _drawn(raw: str, columns: list[int] | None) -> str:
    text = safe(raw)
    if columns is not None:
        pieces = []
        for i, character in enumerate(text):
            pieces.append(" " * (columns[i + 1] - columns[i]) if character == "\t" else character)
        text = "".join(pieces)
    if len(text) > MAX_LINE_COLUMNS:
        text = text[:MAX_LINE_COLUMNS] + "…"
    return text


def _tab_columns(raw: str) -> list[int] | None:
    """Where each character of the line is drawn; None where that is where it stands."""
    if "\t" not in raw:
        return None
    columns = [0]
    for character in raw:
        step = TAB_COLUMNS - columns[-1] % TAB_COLUMNS if character == "\t" else 1
        columns.append(columns[-1] + step)
    return columns


def _sign(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "�"
