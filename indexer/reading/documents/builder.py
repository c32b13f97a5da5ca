"""Blocks (paragraph, heading, code, table, list item) → one text and its parts, written as Markdown.

HTML, EPUB and DOCX readers make blocks, this writes them; notebooks and PDFs write through it
directly. Not a Markdown library: it writes the five forms that a reader, a person or a model, needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum

from indexer.light_dataclasses import dataclass
from indexer.reading.documents.document import Document, DocumentError
from indexer.reading.documents.plain_headings import Part, section_parts, to_spans
from indexer.reading.markup_headings import Heading

_LONG_LINE_CHARS = 1_000
"""A paragraph over this is written on several lines, so that a part of it can be cited."""
_UNWANTED = re.compile(
    # C0 and C1 controls but tab and newline, and the two non-characters; lone surrogates.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]"
)
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200b\u202f\u3000]+")


class BlockKind(StrEnum):
    """What a block of a document is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Block:
    """One block, its text without markup."""

    kind: BlockKind
    text: str = ""
    level: int = 0
    """Of a heading, 0 a title; of an item, how deep its list is."""
    label: str = ""
    """Of an item, its bullet or number; of code, its language; of a heading, the id that leads to it."""
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a table: its cells; the first row is the header."""


@dataclass(slots=True)
class TextBuilder:
    """Joins a document's pieces and remembers where its parts are."""

    max_chars: int
    headings: list[Heading] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    is_cut: bool = False
    """True: text beyond `max_chars` was left out."""
    _pieces: list[str] = field(default_factory=list)
    _n_chars: int = 0
    _last_is_item: bool = False

    @property
    def position(self) -> int:
        """Where the next piece begins."""
        return self._n_chars

    def document(self, language: str, problems: Iterable[str] = ()) -> Document:
        """All that was written; DocumentError `empty` where that is nothing."""
        text = "".join(self._pieces).rstrip("\n") + "\n"
        if not text.strip():
            raise DocumentError("empty", "it holds no text")
        problem = "; ".join(problems)
        if self.is_cut:
            cut = f"only its first {self.max_chars:,} characters are indexed"
            problem = f"{problem}; {cut}" if problem else cut
        parts = [*section_parts(self.headings, len(text)), *self.parts]
        return Document(text, to_spans(text, parts), language, problem)

    def write(self, text: str) -> None:
        """Append text as it is, controls and lone surrogates left out."""
        text = clean(text)
        if self._n_chars + len(text) > self.max_chars:
            self.is_cut = True
            text = text[: max(0, self.max_chars - self._n_chars)]
        if text:
            self._pieces.append(text)
            self._n_chars += len(text)
            self._last_is_item = False

    def paragraph(self, text: str) -> None:
        """Append a paragraph and an empty line."""
        self._close_list()
        self.write(break_long_lines(text) + "\n\n")

    def item(self, text: str, depth: int, label: str = "-") -> None:
        """Append a list item; items follow each other without empty lines."""
        indent = "  " * min(depth, 8)
        self.write(f"{indent}{label} {break_long_lines(text)}\n")
        self._last_is_item = True

    def heading(self, title: str, level: int, anchor: str = "") -> None:
        """Append a heading; behind a title, which has level 0, the others are written a level deeper.

        `anchor`, what leads to it in its page, is written as Pandoc does: `## Title {#anchor}`.
        """
        self._close_list()
        title = " ".join(clean(title).split()).rstrip("§¶# ")
        if title:
            has_title = bool(self.headings) and self.headings[0].level == 0
            self.headings.append(Heading(level, title, self.position))
            mark = f" {{#{anchor}}}" if anchor else ""
            self.write(f"{'#' * min(max(level + has_title, 1), 6)} {title}{mark}\n\n")

    def code(self, text: str, language: str = "") -> None:
        """Append a fenced block; its part is the fences too."""
        self._close_list()
        start = self.position
        self.write(fenced(text, language) + "\n")
        self.parts.append(Part("code", "", start, self.position))
        self.write("\n")

    def table(self, rows: Iterable[tuple[str, ...]], name: str = "") -> None:
        """Append a table, one line a row, the first as its header."""
        lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
        if not lines:
            return
        self._close_list()
        lines.insert(1, "|" + " --- |" * (lines[0].count(" | ") + 1))
        start = self.position
        self.write("\n".join(lines) + "\n")
        self.parts.append(Part("table", name, start, self.position))
        self.write("\n")

    def blocks(self, blocks: Iterable[Block], level_offset: int = 0, *, has_anchors: bool = False) -> None:
        """Append blocks; `level_offset` is added to the levels of headings.

        `has_anchors`: the document is one page, and what its headings are labelled with leads to them.
        """
        for block in blocks:
            if block.kind is BlockKind.HEADING:
                self.heading(block.text, block.level + level_offset, block.label if has_anchors else "")
            elif block.kind is BlockKind.PARAGRAPH:
                self.paragraph(block.text)
            elif block.kind is BlockKind.ITEM:
                self.item(block.text, block.level, block.label or "-")
            elif block.kind is BlockKind.CODE:
                self.code(block.text, block.label)
            else:
                self.table(block.rows, block.label)

    def _close_list(self) -> None:
        if self._last_is_item:
            self.write("\n")


def clean(text: str) -> str:
    """Line ends as `\\n`; controls, non-characters and lone surrogates left out."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def squeeze(text: str) -> str:
    """Runs of blanks as one; line breaks kept, each line stripped, empty lines dropped."""
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def fenced(text: str, language: str) -> str:
    """A Markdown code block, its fence longer than any within."""
    text = text.strip("\n")
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def break_long_lines(text: str) -> str:
    """Break lines over 1,000 characters behind a sentence where one ends, else at a blank."""
    if len(text) <= _LONG_LINE_CHARS:
        return text
    return "\n".join(part for line in text.split("\n") for part in _break_line(line))


def _break_line(line: str) -> Iterable[str]:
    start = 0
    while len(line) - start > _LONG_LINE_CHARS:
        window = line[start : start + _LONG_LINE_CHARS]
        sentence = max(window.rfind(mark) for mark in (". ", "! ", "? ", "; "))
        cut = sentence + 1 if sentence >= _LONG_LINE_CHARS // 3 else window.rfind(" ")
        if cut <= 0:
            cut = _LONG_LINE_CHARS
        yield line[start : start + cut].strip()
        start += cut
    yield line[start:].strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
