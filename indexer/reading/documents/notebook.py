"""Jupyter notebooks (formats 3 and 4): the cells' sources as Markdown, code fenced, outputs left out.

Nothing is run or rendered: outputs, attachments and inline images are dropped unread.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from indexer.reading.documents.builder import TextBuilder, clean, fenced
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.plain_headings import Part
from indexer.reading.documents.plain_text import decode_document
from indexer.reading.markup_headings import markdown_headings

_INLINE_IMAGE = re.compile(r"data:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=\s]{40,}")
_KINDS = frozenset({"code", "markdown", "raw"})


def read_notebook(data: bytes, path: str, meter: Meter) -> Document:
    """Read a notebook; cells are counted from 1, empty ones too."""
    notebook = _load(data, meter)
    cells = _cells(notebook)
    language = _language(notebook)
    builder = TextBuilder(meter.limits.max_text_chars)
    n_broken = 0
    for number, cell in enumerate(cells, start=1):
        meter.step(number - 1, len(cells))
        kind, source = _kind(cell), _source(cell)
        if source is None:
            n_broken += 1
            continue
        source = _INLINE_IMAGE.sub("[image]", clean(source)).strip("\n")
        if not source.strip():
            continue
        start = builder.position
        if kind == "code":
            builder.write(fenced(source, language))
        else:
            found = (heading for heading in markdown_headings(source) if heading.title)
            builder.headings += [replace(heading, start_char=start + heading.start_char) for heading in found]
            builder.write(source)
        builder.parts.append(Part("cell", f"cell {number} ({kind})", start, builder.position))
        builder.write("\n\n")
    meter.step(len(cells), len(cells))
    problems = [f"{n_broken} of {len(cells)} cells have no readable source"] if n_broken else []
    return builder.document("notebook", problems)


def _load(data: bytes, meter: Meter) -> dict[str, Any]:
    try:
        notebook = json.loads(decode_document(data, meter))
    except (ValueError, RecursionError) as error:
        what = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise DocumentError("broken", f"not a notebook's JSON: {what}") from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise DocumentError("broken", "JSON, but not a notebook: it has no cells")
    return notebook


def _cells(notebook: dict[str, Any]) -> list[Any]:
    cells = notebook.get("cells")
    if isinstance(cells, list):
        return cells
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list):
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        return [cell for cells in lists if isinstance(cells, list) for cell in cells]
    raise DocumentError("broken", "its cells are not a list")


def _kind(cell: Any) -> str:
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    if kind == "heading":
        return "markdown"
    return kind if isinstance(kind, str) and kind in _KINDS else "raw"


def _source(cell: Any) -> str | None:
    """A cell's source, joined where it is a list of lines; None where there is none to read."""
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    level = cell.get("level")
    if cell.get("cell_type") == "heading" and isinstance(level, int):
        return f"{'#' * min(max(level, 1), 6)} {source}"
    return source


def _language(notebook: dict[str, Any]) -> str:
    """The language of the code cells, for their fences; empty where the notebook does not say."""
    metadata = notebook.get("metadata")
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        section = metadata.get(key) if isinstance(metadata, dict) else None
        value = section.get(name) if isinstance(section, dict) else None
        if isinstance(value, str) and re.fullmatch(r"[\w+#.-]{1,30}", value):
            return value
    return ""
