"""EPUB books: the chapters of the spine in reading order, titled by their headings or the book's contents.

Only the package file, the contents and the chapters are opened; fonts, images, scripts and media are not.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote, urldefrag

from indexer.light_dataclasses import dataclass
from indexer.reading.documents.archive import Archive
from indexer.reading.documents.builder import BlockKind, TextBuilder
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.markup import read_page
from indexer.reading.documents.plain_text import decode_document
from indexer.reading.documents.xml_parts import parse_part

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTER_TYPES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", ""})
_NCX_TYPE = "application/x-dtbncx+xml"
_FONT_MARKS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_MAX_CHAPTER_BYTES = 50_000_000


@dataclass(slots=True)
class _Package:
    """The package file: what is in the book, in which order."""

    title: str = ""
    hrefs: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    spine: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    """Hrefs of the navigation documents, the newer kind first."""


class _AttributeReader:
    """Collects one attribute of one element."""

    def __init__(self, tag: str, attribute: str) -> None:
        self.values: list[str] = []
        self._wanted = (tag, attribute)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == self._wanted[0] and self._wanted[1] in attributes:
            self.values.append(attributes[self._wanted[1]])

    def end(self, tag: str) -> None:
        """Nothing to do."""

    def data(self, text: str) -> None:
        """Nothing to do."""


class _PackageReader:
    """content.opf → package."""

    def __init__(self) -> None:
        self.package = _Package()
        self._in_title = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        package = self.package
        if tag == "title":
            self._in_title = not package.title
        elif tag == "item":
            identity, href = attributes.get("id", ""), attributes.get("href", "")
            package.hrefs[identity] = href
            package.types[identity] = attributes.get("media-type", "").lower()
            if "nav" in attributes.get("properties", "").split():
                package.contents.insert(0, href)
            elif package.types[identity] == _NCX_TYPE:
                package.contents.append(href)
        elif tag == "itemref":
            package.spine.append(attributes.get("idref", ""))

    def end(self, tag: str) -> None:
        self._in_title = False

    def data(self, text: str) -> None:
        if self._in_title:
            self.package.title += text


class _ContentsReader:
    """nav.xhtml or toc.ncx → the first title of each file."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self._href = ""
        self._text: list[str] = []
        self._label: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "a":
            self._href, self._text = attributes.get("href", ""), []
        elif tag == "navLabel":
            self._text = []
        elif tag == "content":
            self._add(attributes.get("src", ""), self._label)

    def end(self, tag: str) -> None:
        if tag == "a":
            self._add(self._href, self._text)
        elif tag == "navLabel":
            self._label = self._text

    def data(self, text: str) -> None:
        self._text.append(text)

    def _add(self, href: str, text: list[str]) -> None:
        title = " ".join("".join(text).split())
        if title and href:
            self.titles.setdefault(unquote(urldefrag(href).url), title)


def read_epub(data: bytes, path: str, meter: Meter) -> Document:
    """Read a book; a chapter that cannot be read is left out and named in `problem`."""
    archive = Archive(data, meter.limits)
    package_path = _package_path(archive, meter)
    package = _PackageReader()
    parse_part(package_path, archive.pieces(package_path), package, meter, "EPUB")
    folder = posixpath.dirname(package_path)
    chapters = _chapters(package.package, folder)
    if not chapters:
        raise DocumentError("broken", "its package lists no chapters")
    _refuse_locked(archive, chapters, meter)
    titles = _titles(archive, package.package, folder, meter)
    title = " ".join(package.package.title.split())
    builder = TextBuilder(meter.limits.max_text_chars)
    if title:
        builder.heading(title, 0)
    unread: list[str] = []
    for number, chapter in enumerate(chapters):
        meter.step(number, len(chapters))
        try:
            _add_chapter(builder, archive, chapter, titles.get(chapter, ""), meter)
        except DocumentError as error:
            if error.reason in ("missing-extra", "too-slow", "encrypted"):
                raise
            if error.reason != "empty":
                unread.append(f"{chapter} ({error.detail})")
    meter.step(len(chapters), len(chapters))
    if len(unread) == len(chapters):
        raise DocumentError("broken", f"none of its {len(chapters)} chapters can be read: {unread[0]}")
    if builder.position <= len(title) + 4:
        raise DocumentError("empty", "a book without text")
    problems = [f"{len(unread)} of {len(chapters)} chapters not read: {unread[0]}"] if unread else []
    return builder.document("epub", problems)


def _package_path(archive: Archive, meter: Meter) -> str:
    if _CONTAINER not in archive:
        raise DocumentError("broken", f"not a book: {_CONTAINER} is missing")
    container = _AttributeReader("rootfile", "full-path")
    parse_part(_CONTAINER, archive.pieces(_CONTAINER), container, meter, "EPUB")
    for path in container.values:
        if path in archive:
            return path
    raise DocumentError("broken", "its package file is missing")


def _chapters(package: _Package, folder: str) -> list[str]:
    """Paths of the chapters in reading order, each once."""
    wanted = [key for key in package.spine if key in package.hrefs and package.types[key] in _CHAPTER_TYPES]
    return list(dict.fromkeys(_resolve(folder, package.hrefs[key]) for key in wanted))


def _refuse_locked(archive: Archive, chapters: list[str], meter: Meter) -> None:
    """Raise `encrypted` where chapters, not only fonts, are under a reader's lock."""
    if _ENCRYPTION not in archive:
        return
    methods = _AttributeReader("EncryptionMethod", "Algorithm")
    parse_part(_ENCRYPTION, archive.pieces(_ENCRYPTION), methods, meter, "EPUB")
    locked = _AttributeReader("CipherReference", "URI")
    parse_part(_ENCRYPTION, archive.pieces(_ENCRYPTION), locked, meter, "EPUB")
    is_fonts_only = all(method in _FONT_MARKS for method in methods.values)
    if not is_fonts_only and set(map(unquote, locked.values)) & set(chapters):
        raise DocumentError("encrypted", "its chapters are under copy protection")


def _titles(archive: Archive, package: _Package, folder: str, meter: Meter) -> dict[str, str]:
    """Chapter path → its title in the book's contents; empty where they cannot be read."""
    for href in package.contents:
        path = _resolve(folder, href)
        if path in archive:
            reader = _ContentsReader()
            try:
                parse_part(path, archive.pieces(path), reader, meter, "EPUB")
            except DocumentError as error:
                if error.reason != "broken":
                    raise
                continue
            base = posixpath.dirname(path)
            return {_resolve(base, target): title for target, title in reader.titles.items()}
    return {}


def _add_chapter(builder: TextBuilder, archive: Archive, path: str, title: str, meter: Meter) -> None:
    if path in archive and archive.size(path) > _MAX_CHAPTER_BYTES:
        raise DocumentError("too-large", f"{archive.size(path) / 1e6:,.0f} MB")
    page = read_page(decode_document(archive.read(path), meter), meter, "EPUB", is_whole=False)
    if not page.blocks:
        return
    has_heading = any(block.kind is BlockKind.HEADING for block in page.blocks[:3])
    if title and not has_heading:
        builder.heading(title, 1)
    builder.blocks(page.blocks)


def _resolve(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urldefrag(href).url)))
