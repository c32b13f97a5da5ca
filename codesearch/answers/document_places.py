"""Where a passage of a document stands for a person: its page, and the section that a browser jumps to."""

from __future__ import annotations

import re

from codesearch.answers.fileview import FileView
from indexer.document_formats import EXTRACTED_LANGUAGES

_ANCHOR = re.compile(r"\{#([\w.:-]{1,80})\}\s*$")
_OF_DOCUMENTS = frozenset({"section", "page", "cell", "table"})


def page_of(file: FileView, line: int) -> int:
    """The page that holds a line; 0: the file has no pages."""
    for item in file.spans:
        if item.span.kind == "page" and item.first <= line <= item.last:
            number = item.span.name.rpartition(" ")[2]
            return int(number) if number.isdecimal() else 0
    return 0


def anchor_of(file: FileView, line: int) -> str:
    """What leads to the innermost section around a line that has such; empty: none has."""
    for item in file.enclosing(line, line):
        found = _ANCHOR.search(file.line(item.first)) if item.span.kind == "section" else None
        if found:
            return found[1]
    return ""


def is_extracted(file: FileView) -> bool:
    """Whether the lines are of text that was taken out of the file; a template of a page has its own."""
    if file.language not in EXTRACTED_LANGUAGES:
        return False
    return file.language != "html" or any(item.span.kind in _OF_DOCUMENTS for item in file.spans)
