"""DOCX: paragraphs, headings by style or outline level, lists, tables, code styles, footnotes.

Only the text parts of the archive are opened: macros, embedded objects, images and linked files are
never read. Deleted and moved-away text of tracked changes is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from indexer.light_dataclasses import dataclass
from indexer.reading.documents.archive import Archive
from indexer.reading.documents.builder import Block, BlockKind, TextBuilder, squeeze
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.xml_parts import parse_part

_BODY = "word/document.xml"
_STYLES = "word/styles.xml"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_DROPPED = frozenset({"Fallback", "moveFrom", "del", "instrText", "delText", "object"})
_HEADING_NAME = re.compile(r"(?:heading|überschrift|titre|título|rubrik)\s*([1-9])\b", re.IGNORECASE)
_CODE_NAME = re.compile(r"\bcode\b|preformatted|verbatim|macro text|listing", re.IGNORECASE)
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_MAX_STYLE_CHAIN = 20


@dataclass(slots=True)
class _Style:
    name: str = ""
    parent: str = ""
    outline_level: int = -1
    is_list: bool = False


@dataclass(slots=True)
class _Paragraph:
    style: str = ""
    outline_level: int = -1
    list_depth: int = -1
    text: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    cell: list[str] = field(default_factory=list)


class _StyleReader:
    """styles.xml → styles by id."""

    def __init__(self) -> None:
        self.styles: dict[str, _Style] = {}
        self._style = _Style()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "style":
            self._style = self.styles[attributes.get("styleId", "")] = _Style()
        elif tag == "name":
            self._style.name = attributes.get("val", "")
        elif tag == "basedOn":
            self._style.parent = attributes.get("val", "")
        elif tag == "outlineLvl":
            self._style.outline_level = _number(attributes.get("val"), -1)
        elif tag == "numPr":
            self._style.is_list = True

    def end(self, tag: str) -> None:
        """Nothing to do."""

    def data(self, text: str) -> None:
        """Styles hold no text."""

    def chain(self, style_id: str) -> list[_Style]:
        """A style and those that it is based on."""
        found: list[_Style] = []
        while style_id in self.styles and len(found) < _MAX_STYLE_CHAIN:
            found.append(self.styles[style_id])
            style_id = found[-1].parent
        return found

    def heading_level(self, paragraph: _Paragraph) -> int:
        """0 for a title, 1 to 9 for headings, -1 for anything else."""
        styles = self.chain(paragraph.style)
        names = [style.name or paragraph.style for style in styles] or [paragraph.style]
        if any(name.lower() == "title" for name in names[:1]):
            return 0
        for level in (paragraph.outline_level, *(style.outline_level for style in styles)):
            if 0 <= level <= 8:
                return level + 1
        for name in names:
            if found := _HEADING_NAME.match(name) or re.fullmatch(r"Heading([1-9])", name):
                return int(found[1])
        return -1

    def list_depth(self, paragraph: _Paragraph) -> int:
        """0 for an item of an outermost list, -1 for what is none."""
        is_list = any(style.is_list for style in self.chain(paragraph.style))
        return max(paragraph.list_depth, 0) if is_list else paragraph.list_depth

    def is_code(self, paragraph: _Paragraph) -> bool:
        """Whether its style says that it is code."""
        names = [style.name for style in self.chain(paragraph.style)] or [paragraph.style]
        return any(_CODE_NAME.search(name) for name in names)


class _BodyReader:
    """document.xml or a part with notes → blocks."""

    def __init__(self, styles: _StyleReader) -> None:
        self.blocks: list[Block] = []
        self.notes: list[Block] = []
        self._styles = styles
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._code: list[str] = []
        self._dropped = 0
        self._in_text = False
        self._note = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._dropped or tag in _DROPPED:
            self._dropped += 1
        elif tag == "p":
            self._paragraphs.append(_Paragraph())
        elif tag == "tbl":
            self._flush_code()
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])
        elif tag in ("footnote", "endnote"):
            is_note = attributes.get("type", "normal") == "normal"
            self._note = attributes.get("id", "") if is_note else ""
        elif self._paragraphs:
            self._start_in_paragraph(tag, attributes)

    def _start_in_paragraph(self, tag: str, attributes: Mapping[str, str]) -> None:
        paragraph = self._paragraphs[-1]
        value = attributes.get("val")
        if tag == "t":
            self._in_text = True
        elif tag in _CHARACTERS and not (tag == "tab" and "pos" in attributes):
            paragraph.text.append(_CHARACTERS[tag])
        elif tag == "pStyle":
            paragraph.style = value or ""
        elif tag == "outlineLvl":
            paragraph.outline_level = _number(value, -1)
        elif tag == "numPr":
            paragraph.list_depth = max(paragraph.list_depth, 0)
        elif tag == "ilvl":
            paragraph.list_depth = _number(value, 0)
        elif tag in ("footnoteReference", "endnoteReference"):
            paragraph.text.append(f"[^{attributes.get('id', '')}]")

    def end(self, tag: str) -> None:
        if self._dropped:
            self._dropped -= 1
        elif tag == "t":
            self._in_text = False
        elif tag == "p" and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif tag == "tc" and self._tables:
            table = self._tables[-1]
            if table.rows:
                table.rows[-1].append(" ".join(table.cell))
            table.cell = []
        elif tag == "tbl" and self._tables:
            self._end_table(self._tables.pop())
        elif tag in ("document", "body"):
            self._flush_code()

    def data(self, text: str) -> None:
        if self._in_text and not self._dropped and self._paragraphs:
            self._paragraphs[-1].text.append(text)

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        raw = "".join(paragraph.text)
        text = squeeze(raw)
        if self._note and text:
            self.notes.append(Block(BlockKind.ITEM, text, 0, f"[^{self._note}]:"))
            return
        if self._tables:
            self._tables[-1].cell += [text] if text else []
            return
        if self._styles.is_code(paragraph):
            self._code.append(raw.rstrip())
            return
        self._flush_code()
        if not text:
            return
        level = self._styles.heading_level(paragraph)
        if level >= 0:
            self.blocks.append(Block(BlockKind.HEADING, text, level))
        elif (depth := self._styles.list_depth(paragraph)) >= 0:
            self.blocks.append(Block(BlockKind.ITEM, text, depth, "-"))
        else:
            self.blocks.append(Block(BlockKind.PARAGRAPH, text))

    def _end_table(self, table: _Table) -> None:
        rows = tuple(tuple(row) for row in table.rows if any(row))
        if self._tables:
            # A table within a cell is that cell's text.
            self._tables[-1].cell += [" ".join(filter(None, row)) for row in rows]
        elif rows and max(map(len, rows)) > 1:
            self.blocks.append(Block(BlockKind.TABLE, rows=rows))
        else:
            self.blocks += [Block(BlockKind.PARAGRAPH, row[0]) for row in rows]

    def _flush_code(self) -> None:
        text = "\n".join(self._code).strip("\n")
        self._code.clear()
        if text:
            self.blocks.append(Block(BlockKind.CODE, text))


def read_word(data: bytes, path: str, meter: Meter) -> Document:
    """Read a DOCX file; notes come last, under their marks."""
    archive = Archive(data, meter.limits)
    if _BODY not in archive:
        raise DocumentError("broken", f"not a Word document: {_BODY} is missing")
    styles = _StyleReader()
    if _STYLES in archive:
        parse_part(_STYLES, archive.pieces(_STYLES), styles, meter, "DOCX")
    body = _BodyReader(styles)
    parse_part(_BODY, _counted(archive, _BODY, meter), body, meter, "DOCX")
    notes: list[Block] = []
    for name in _NOTES:
        if name in archive:
            reader = _BodyReader(styles)
            parse_part(name, archive.pieces(name), reader, meter, "DOCX")
            notes += reader.notes
    builder = TextBuilder(meter.limits.max_text_chars)
    builder.blocks([*body.blocks, *notes])
    meter.step(archive.size(_BODY), archive.size(_BODY))
    return builder.document("docx")


def _counted(archive: Archive, name: str, meter: Meter) -> Iterator[bytes]:
    """A member's pieces, with progress in its bytes."""
    n_read = 0
    for piece in archive.pieces(name):
        meter.step(n_read, archive.size(name))
        n_read += len(piece)
        yield piece


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else default
