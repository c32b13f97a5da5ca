"""Which files are documents, and reading one: the door to the readers beside this module.

Markdown and reStructuredText
are not here: their text is the file's own and `indexer/reading/parse.py` finds their headings.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from indexer.languages import LANGUAGES, TEXT, language_of
from indexer.reading.documents.document import CallbackError, Document, DocumentError, DocumentProgress, Meter
from indexer.settings import DocumentLimits

_Read = Callable[[bytes, str, Meter], Document]


@dataclass(frozen=True, slots=True)
class Reader:
    """One format. `module` is imported when the first file of the format is read."""

    language: str
    """The language of its documents."""
    suffixes: tuple[str, ...]
    module: str
    function: str
    is_binary: bool = False
    """The file is no text: the walk must let it through."""
    is_verbatim: bool = False
    """The document's text is the file's own, so that its lines are the file's lines."""


READERS = (
    Reader("pdf", (".pdf",), "pdf", "read_pdf", is_binary=True),
    Reader("docx", (".docx", ".docm", ".dotx"), "word", "read_word", is_binary=True),
    Reader("epub", (".epub",), "epub", "read_epub", is_binary=True),
    Reader("html", (".html", ".htm", ".xhtml"), "web_page", "read_web_page"),
    Reader("notebook", (".ipynb",), "notebook", "read_notebook"),
    Reader("asciidoc", (".adoc", ".asciidoc", ".asc"), "plain_text", "read_asciidoc", is_verbatim=True),
    Reader(TEXT, (".txt", ".text", ".log"), "plain_text", "read_plain_text", is_verbatim=True),
)

DOCUMENT_SUFFIXES = frozenset(suffix for reader in READERS for suffix in reader.suffixes)
"""Suffixes, lower case, of all documents that are read here."""
BINARY_DOCUMENT_SUFFIXES = frozenset(
    suffix for reader in READERS if reader.is_binary for suffix in reader.suffixes
)
"""Those of them whose bytes are no text."""
DOCUMENT_LANGUAGES = frozenset({*(reader.language for reader in READERS), "markdown", "rst", "org", "latex"})
"""What `--kind docs` means."""

_BY_SUFFIX = {suffix: reader for reader in READERS for suffix in reader.suffixes}
_PLAIN_NAMES = frozenset(LANGUAGES[TEXT].file_names)


def reader_for(path: str) -> Reader | None:
    """The reader of a repo-relative POSIX path by its name; None: it is source code or data."""
    name = posixpath.basename(path).lower()
    reader = _BY_SUFFIX.get(posixpath.splitext(name)[1])
    if reader is None:
        return _BY_SUFFIX[".txt"] if name in _PLAIN_NAMES else None
    if reader.language == TEXT and language_of(path, "") != TEXT:
        # CMakeLists.txt and the like.
        return None
    return reader


def read_document(
    data: bytes,
    path: str,
    limits: DocumentLimits | None = None,
    progress: DocumentProgress | None = None,
    stated: Callable[[], Iterable[str]] = tuple,
) -> Document:
    """Read a document.

    Args:
        data: The whole file.
        path: Its repo-relative POSIX path; chooses the reader.
        limits: What it may cost; the defaults where None.
        progress: Called with (done, total) in pages, cells, chapters, bytes or characters as it is
            read; what it raises comes out of here.
        stated: Gives the encodings that the file is said to be in; asked where its bytes do not say.

    Raises:
        DocumentError: It is not read, and why; nothing else whatever the bytes are.

    """
    limits = limits or DocumentLimits()
    reader = reader_for(path)
    if reader is None:
        raise DocumentError("binary", "no reader for files of this name")
    if len(data) > limits.max_bytes:
        raise DocumentError(
            "too-large",
            f"{len(data) / 1e6:,.1f} MB, the limit for documents is {limits.max_bytes / 1e6:,.0f} MB",
        )
    if not data.strip():
        raise DocumentError("empty", "an empty file")
    try:
        return _load(reader)(data, path, Meter(limits, progress, stated))
    except DocumentError:
        raise
    except CallbackError as error:
        raise error.cause from None
    except MemoryError as error:
        raise DocumentError("too-large", "reading it needs more memory than there is") from error
    except Exception as error:
        # The libraries have no common error; whatever they raise is the file's fault.
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise DocumentError("broken", f"cannot be read: {detail}") from error


def _load(reader: Reader) -> _Read:
    from importlib import import_module

    read: _Read = getattr(import_module(f"indexer.reading.documents.{reader.module}"), reader.function)
    return read
