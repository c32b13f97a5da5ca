"""HTML pages: the readable text, its headings, lists, tables and code; the rest of a site's frame left out.

A template or an application's empty shell is a program, not a document: it is left to source files.
"""

from __future__ import annotations

import codecs
import re

from indexer.reading.documents.builder import TextBuilder
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.markup import read_page
from indexer.reading.documents.plain_text import decode_document

_TEMPLATE = re.compile(
    r"\{%-?\s*[a-z]|\{\{[#/>]?\s*[\w.$|]|<\?php|<\?=|<%[=@#-]?\s|\$\{[\w.]+\}|\b(?:v-if|v-for|ng-\w+|x-data|th:\w+)="
    r"|\*ng(?:If|For)\b|<(?:script|style)[^>]{0,500}>\s{0,200}(?:<!--)?\s{0,200}\{\{"
)
_CLOSERS = {
    "!--": re.compile("-->"),
    **{
        tag: re.compile(rf"</{tag}\s*>", re.IGNORECASE)
        for tag in ("pre", "code", "script", "style", "textarea")
    },
}
"""Of what holds code, by what stands behind its `<`."""
_OPENER = re.compile(r"<(!--|(?:pre|code|script|style|textarea)\b)", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:-]{2,40})", re.IGNORECASE)
_MIN_TEXT_CHARS = 80
_TEMPLATE_PROBE_CHARS = 200_000


def read_web_page(data: bytes, path: str, meter: Meter) -> Document:
    """Read an HTML page; DocumentError with `as_source` where it is a template or holds hardly any text."""
    text = _decode(data, meter)
    if _TEMPLATE.search(_without_code(text[:_TEMPLATE_PROBE_CHARS])):
        raise DocumentError("empty", "a template, not a page", as_source=True)
    page = read_page(text, meter)
    builder = TextBuilder(meter.limits.max_text_chars)
    levels = [block.level for block in page.blocks if block.kind == "heading"]
    if page.title and 1 not in levels:
        builder.heading(page.title, 0)
    builder.blocks(page.blocks, has_anchors=True)
    if sum(len(block.text) for block in page.blocks) < _MIN_TEXT_CHARS:
        raise DocumentError("empty", "a page with hardly any text to read", as_source=True)
    return builder.document("html")


def _without_code(text: str) -> str:
    """The text without comments and what elements of code hold; what is never closed stays.

    No expression does it all: of a page of openers it would look for each one's end, to the page's end.
    """
    kept: list[str] = []
    start = at = 0
    unclosed: set[str] = set()
    while opener := _OPENER.search(text, at):
        kind, at = opener[1].lower(), opener.end()
        closer = None if kind in unclosed else _CLOSERS[kind].search(text, at)
        if closer is None:
            unclosed.add(kind)
        else:
            kept.append(text[start : opener.start()])
            start = at = closer.end()
    kept.append(text[start:])
    return "".join(kept)


def _decode(data: bytes, meter: Meter) -> str:
    """Decode by byte order mark, then as UTF-8, then by what the page declares."""
    declared = _CHARSET.search(data[:4096])
    has_bom = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if declared and not has_bom and b"\0" not in data[:4096]:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        try:
            name = codecs.lookup(declared[1].decode("ascii")).name
            if name not in ("utf-8", "utf-16", "utf-32", "utf-7"):
                return data.decode(name, "replace")
        except (LookupError, ValueError, TypeError):
            pass
    return decode_document(data, meter)
