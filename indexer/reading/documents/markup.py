"""Events of lxml's HTML parser → blocks: readable text with headings, lists, tables and code.

No tree is built, so that a long page costs no more memory than its text, and nothing is fetched:
images, frames, scripts, styles and forms are dropped. Serves web pages and the chapters of EPUBs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from indexer.light_dataclasses import dataclass
from indexer.reading.documents.builder import Block, BlockKind, squeeze
from indexer.reading.documents.document import DocumentError, Meter, import_extra

_DROPPED = frozenset(
    (
        *(
            "script",
            "style",
            "template",
            "noscript",
            "iframe",
            "object",
            "embed",
            "applet",
            "canvas",
            "audio",
        ),
        *("video", "map", "select", "button", "textarea", "input", "datalist", "dialog", "nav", "footer"),
        *("svg", "math", "head", "frameset"),
    )
)
_DROPPED_ROLES = frozenset({"navigation", "search", "banner", "contentinfo", "dialog", "menu", "toolbar"})
_DROPPED_CLASSES = re.compile(r"(?:^|\s)(?:linenos|lineno|gutter|sr-only)(?:\s|$)")
_LINK_CLASSES = re.compile(r"(?:^|\s)(?:headerlink|header-link|permalink|heading-?anchor|doc-anchor)(?:\s|$)")
"""Of links to the place where they stand. Some hold a sign (`¶`), others the heading's text."""
_LINK_WORDS = frozenset({"link", "permalink", "anchor", "direct link"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ANCHOR = re.compile(r"[\w.:-]{1,80}")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt"),
        *(
            "fieldset",
            "figcaption",
            "figure",
            "form",
            "header",
            "hgroup",
            "hr",
            "html",
            "legend",
            "main",
            "p",
        ),
        *("section", "summary", "caption", "ul", "ol", "li", "table", "thead", "tbody", "tfoot", "tr"),
    )
)
_CODE_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight|brush:|sourceCode)[-\s]\s*([\w+#-]{1,20})")
_NO_LANGUAGES = frozenset({"default", "none", "text", "notranslate", "source"})
_FEED_CHARS = 65_536
_MIN_MAIN_CHARS = 200
_MIN_MAIN_SHARE = 0.3
_MAX_TABLE_CELLS = 200_000


@dataclass(frozen=True, slots=True)
class Page:
    """What one HTML page holds."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class _Table:
    """A table while it is read; `is_layout` where it turns out to hold blocks, not data."""

    rows: list[list[str]] = field(default_factory=list)
    caption: str = ""
    is_layout: bool = False


@dataclass(slots=True)
class _List:
    is_ordered: bool
    n_items: int = 0


class PageTarget:
    """The receiver of parser events, in lxml's target interface; `page()` gives the result."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._dropped_at = 0
        self._main_at = 0
        self._pre_at = 0
        self._link_at = 0
        self._link_start = 0
        """Where the text of the open link to its own place begins in `_inline`."""
        self._inline: list[str] = []
        self._title: list[str] = []
        self._blocks: list[Block] = []
        self._main: list[bool] = []
        self._tables: list[_Table] = []
        self._lists: list[_List] = []
        self._pending_item = ""
        self._code_language = ""
        self._anchor = ""
        """The id that leads to what comes next: of a heading, or of what was opened just before it."""
        self._heading_at = 0
        self._n_cells = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element opens."""
        self._stack.append(tag)
        if self._dropped_at:
            return
        if tag in _DROPPED or _is_hidden(attributes):
            self._dropped_at = len(self._stack)
            return
        self._note_anchor(tag, attributes)
        if not self._main_at and (tag in ("main", "article") or attributes.get("role") == "main"):
            self._flush()
            self._main_at = len(self._stack)
        if not self._link_at and _LINK_CLASSES.search(attributes.get("class", "")):
            self._link_at, self._link_start = len(self._stack), len(self._inline)
        language = _CODE_LANGUAGE.search(attributes.get("class", ""))
        if language:
            self._code_language = language[1]
        if self._pre_at:
            self._inline.append("\n" if tag == "br" else "")
        elif tag == "br":
            self._inline.append("\n")
        elif tag == "img":
            self._image(attributes.get("alt", ""))
        elif tag in ("code", "tt", "kbd"):
            self._inline.append("`")
        elif tag == "pre":
            self._open_block(tag)
            self._pre_at = len(self._stack)
        elif tag in _HEADINGS or tag in _BLOCKS:
            self._open_block(tag)
        elif tag in ("td", "th"):
            self._open_cell()

    def end(self, tag: str) -> None:
        """An element closes."""
        depth = len(self._stack)
        if self._stack:
            self._stack.pop()
        if self._dropped_at:
            if depth <= self._dropped_at:
                self._dropped_at = 0
            return
        if self._link_at and depth <= self._link_at:
            self._close_link()
        if self._pre_at:
            if depth <= self._pre_at:
                self._close_pre()
        elif tag in ("code", "tt", "kbd"):
            self._inline.append("`")
            self._code_language = ""
        elif tag in _HEADINGS:
            self._flush(_HEADINGS[tag])
            self._heading_at = 0
        elif tag == "caption" and self._tables and not self._tables[-1].is_layout:
            self._tables[-1].caption = " ".join("".join(self._inline).split())
            self._inline.clear()
        elif tag == "table":
            self._close_table()
        elif tag in _BLOCKS:
            self._flush()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
        elif tag in ("td", "th"):
            self._close_cell()
        if self._main_at and depth <= self._main_at:
            self._flush()
            self._main_at = 0

    def data(self, text: str) -> None:
        """Characters."""
        if not self._dropped_at:
            self._inline.append(text)
        elif self._stack[-1] == "title" and len(self._stack) <= 4:
            self._title.append(text)

    def comment(self, text: str) -> None:
        """A comment: dropped."""

    def pi(self, target: str, data: str | None = None) -> None:
        """A processing instruction: dropped."""

    def close(self) -> Page:
        """The end of the input."""
        while self._tables:
            self._close_table()
        self._flush()
        blocks = self._blocks
        n_main = sum(len(block.text) for block, main in zip(blocks, self._main, strict=True) if main)
        n_all = sum(len(block.text) for block in blocks)
        if n_main >= max(_MIN_MAIN_CHARS, _MIN_MAIN_SHARE * n_all):
            blocks = [block for block, main in zip(blocks, self._main, strict=True) if main]
        return Page(" ".join("".join(self._title).split()), tuple(blocks))

    # --- blocks ------------------------------------------------------------------------------

    def _open_block(self, tag: str) -> None:
        if tag == "table":
            self._begin_layout()
            self._flush()
            self._tables.append(_Table())
            return
        if self._tables and not self._tables[-1].is_layout and tag not in ("tr", "thead", "tbody", "tfoot"):
            if tag == "pre" or tag in _HEADINGS:
                self._begin_layout()
            else:
                # A paragraph or list in a cell stays in its cell.
                self._inline.append("\n")
                return
        self._flush()
        if tag in ("ul", "ol"):
            self._lists.append(_List(tag == "ol"))
        elif tag == "li":
            if self._lists:
                self._lists[-1].n_items += 1
            ordered = bool(self._lists) and self._lists[-1].is_ordered
            self._pending_item = f"{self._lists[-1].n_items}." if ordered else "-"
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])

    def _flush(self, heading_level: int = 0) -> None:
        """End the block at hand. Within a data table its text is the cell's, and stays."""
        if self._tables and not self._tables[-1].is_layout:
            return
        text = squeeze("".join(self._inline))
        self._inline.clear()
        if not text or text.strip("`¶#\n ") == "":
            return
        if heading_level:
            self._append(Block(BlockKind.HEADING, text, heading_level, self._anchor))
        elif self._pending_item:
            self._append(Block(BlockKind.ITEM, text, len(self._lists) - 1, self._pending_item))
            self._pending_item = ""
        else:
            self._append(Block(BlockKind.PARAGRAPH, text))

    def _note_anchor(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A heading's own id counts, and no other within it; else the last one before it."""
        name = attributes.get("id") or (attributes.get("name", "") if tag == "a" else "")
        if _ANCHOR.fullmatch(name) and not (self._heading_at and self._anchor):
            self._anchor = name
        if tag in _HEADINGS:
            self._heading_at = len(self._stack)

    def _append(self, block: Block) -> None:
        self._anchor = ""
        self._blocks.append(block)
        self._main.append(bool(self._main_at))

    def _close_pre(self) -> None:
        self._pre_at = 0
        text = "".join(self._inline).strip("\n").rstrip()
        self._inline.clear()
        if text:
            language = "" if self._code_language in _NO_LANGUAGES else self._code_language
            self._append(Block(BlockKind.CODE, text, label=language))
        self._code_language = ""
        self._pending_item = ""

    def _close_link(self) -> None:
        """Leave out a link to its own place that is a mere sign."""
        self._link_at = 0
        text = "".join(self._inline[self._link_start :])
        if not any(map(str.isalnum, text)) or text.strip().lower() in _LINK_WORDS:
            del self._inline[self._link_start :]

    def _image(self, alt: str) -> None:
        alt = " ".join(alt.split())
        if len(alt) > 3 and not alt.lower().endswith((".png", ".jpg", ".jpeg", ".svg", ".gif")):
            self._inline.append(f"[image: {alt}]")

    # --- tables ------------------------------------------------------------------------------

    def _open_cell(self) -> None:
        if not self._tables or self._tables[-1].is_layout:
            self._flush()
            return
        self._n_cells += 1
        if self._n_cells > _MAX_TABLE_CELLS:
            raise DocumentError("too-large", f"its tables have more than {_MAX_TABLE_CELLS:,} cells")
        if not self._tables[-1].rows:
            self._tables[-1].rows.append([])
        self._inline.clear()

    def _close_cell(self) -> None:
        if not self._tables or self._tables[-1].is_layout:
            self._flush()
            return
        if self._tables[-1].rows:
            self._tables[-1].rows[-1].append(squeeze("".join(self._inline)).replace("\n", " "))
        self._inline.clear()

    def _begin_layout(self) -> None:
        """The table at hand holds blocks: what it has so far becomes paragraphs, the rest follows."""
        if not self._tables or self._tables[-1].is_layout:
            return
        table = self._tables[-1]
        table.is_layout = True
        rest, self._inline = self._inline, []
        for row in table.rows:
            for cell in row:
                self._inline.append(cell)
                self._flush()
        table.rows.clear()
        self._inline = rest
        self._flush()

    def _close_table(self) -> None:
        if not self._tables:
            return
        table = self._tables.pop()
        rows = tuple(tuple(row) for row in table.rows if any(row))
        if table.is_layout:
            self._tables.append(table)
            self._flush()
            self._tables.pop()
        elif len(rows) > 1 and max(map(len, rows)) > 1:
            text = "\n".join(map(" ".join, rows))
            self._append(Block(BlockKind.TABLE, text, label=table.caption, rows=rows))
            self._inline.clear()
        else:
            rest, self._inline = self._inline, []
            for row in rows:
                self._inline.append(" ".join(row))
                self._flush()
            self._inline = rest


def read_page(text: str, meter: Meter, what: str = "HTML", *, is_whole: bool = True) -> Page:
    """Parse one HTML or XHTML page. `is_whole`: it is the document, and progress is counted in it."""
    etree = import_extra("lxml.etree", what)
    parser = etree.HTMLParser(target=PageTarget(), no_network=True, huge_tree=True)
    for start in range(0, len(text), _FEED_CHARS):
        if is_whole:
            meter.step(start, len(text))
        parser.feed(text[start : start + _FEED_CHARS])
    page: Page = parser.close()
    return page


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in _DROPPED_ROLES
        or bool(_DROPPED_CLASSES.search(attributes.get("class", "")))
        or bool(_HIDDEN_STYLE.search(attributes.get("style", "")))
    )
