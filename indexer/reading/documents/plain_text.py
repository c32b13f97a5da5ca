"""Plain text and AsciiDoc: the text as it is on disk, with its sections, tables and code blocks.

AsciiDoc is read line by line, not by an AsciiDoc processor: nothing is included, substituted or run.
"""

from __future__ import annotations

import re

from indexer.reading.decode import UndecodableError, decode
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.plain_headings import Part, plain_headings, section_parts, to_spans
from indexer.reading.markup_headings import Heading

_ASCIIDOC_HEADING = re.compile(r"(?P<marks>={1,6}|#{1,6})[ \t]+(?P<title>\S.*)")
_ASCIIDOC_FENCE = re.compile(r"-{4,}|\.{4,}|\+{4,}|/{4,}|`{3,}[\w-]*|[|,:!]={3,}")
"""Of blocks whose content is verbatim; examples, quotes and sidebars hold ordinary blocks."""
_TWO_LINE_LEVELS = {"=": 0, "-": 1, "~": 2, "^": 3, "+": 4}


def read_plain_text(data: bytes, path: str, meter: Meter) -> Document:
    """Read a text with the headings that it shows without markup."""
    text = decode_document(data, meter)
    meter.step(0, len(text))
    parts = section_parts(plain_headings(text), len(text))
    meter.step(len(text), len(text))
    return Document(text, to_spans(text, parts), "text")


def read_asciidoc(data: bytes, path: str, meter: Meter) -> Document:
    """Read AsciiDoc: section titles of one line and of two, delimited blocks, tables."""
    text = decode_document(data, meter)
    meter.step(0, len(text))
    headings: list[Heading] = []
    parts: list[Part] = []
    fence, fence_start = "", 0
    start, underline_at = 0, -1
    lines = text.split("\n")
    for at, raw_line in enumerate(lines):
        line = raw_line.rstrip()
        end = start + len(raw_line)
        above = lines[at - 1].strip() if at else ""
        below = lines[at + 1].rstrip() if at + 1 < len(lines) else ""
        if fence:
            if line == fence:
                parts += _block_part(fence, fence_start, end)
                fence = ""
        elif at != underline_at and _ASCIIDOC_FENCE.fullmatch(line):
            fence = "```" if line.startswith("```") else line
            fence_start = start
        elif found := _ASCIIDOC_HEADING.fullmatch(line):
            headings.append(Heading(len(found["marks"]) - 1, found["title"], start))
        elif not above or above.startswith(("[", "//")):
            level = _two_line_level(line, below)
            if level is not None:
                headings.append(Heading(level, line, start))
                underline_at = at + 1
        start = end + 1
    # A block that is never closed reaches to the end of the text.
    if fence:
        parts += _block_part(fence, fence_start, len(text))
    meter.step(len(text), len(text))
    return Document(text, to_spans(text, [*section_parts(headings, len(text)), *parts]), "asciidoc")


def decode_document(data: bytes, meter: Meter) -> str:
    """Bytes → text as source files are decoded; DocumentError where they are none."""
    try:
        text = decode(data, meter.stated)
    except UndecodableError as error:
        raise DocumentError(error.reason, str(error)) from error
    if not text.strip():
        raise DocumentError("empty", "holds no text")
    if len(text) > meter.limits.max_text_chars:
        raise DocumentError("too-large", f"holds {len(text):,} characters of text")
    return text


def _block_part(fence: str, start: int, end: int) -> list[Part]:
    """A part for a finished block; comments and passed-through markup have none."""
    if fence.endswith("==") and fence[0] in "|,:!":
        return [Part("table", "", start, end)]
    if fence.startswith(("----", "....", "```")):
        return [Part("code", "", start, end)]
    return []


def _two_line_level(line: str, below: str) -> int | None:
    if len(below) < 3 or below[0] not in _TWO_LINE_LEVELS or set(below) != {below[0]}:
        return None
    if not line or line[0] in "[.|:" or not any(map(str.isalnum, line)) or abs(len(line) - len(below)) > 2:
        return None
    return _TWO_LINE_LEVELS[below[0]]
