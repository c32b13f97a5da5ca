"""Which files are documents, and reading one: the door to the readers beside this module.

Markdown and reStructuredText
are not here: their text is the file's own and `indexer/reading/parse.py` finds their headings.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from indexer.languages import LANGUAGES, TEXT, language_of
from indexer.path_roles import DOCUMENT_FORMATS
from indexer.reading.documents.document import CallbackError, Document, DocumentError, DocumentProgress, Meter
from indexer.settings import DocumentLimits

_Read = Callable[[bytes, str, Meter], Document]


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads one format. `module` is imported when the first file of the format is read."""

    language: str
    """The language of its documents; their suffixes are `path_roles.DOCUMENT_FORMATS`'."""
    module: str
    function: str
    is_binary: bool = False
    """Its bytes are no text."""


READERS = (
    Reader("pdf", "pdf", "read_pdf", is_binary=True),
    Reader("docx", "word", "read_word", is_binary=True),
    Reader("epub", "epub", "read_epub", is_binary=True),
    Reader("html", "web_page", "read_web_page"),
    Reader("notebook", "notebook", "read_notebook"),
    Reader("asciidoc", "plain_text", "read_asciidoc"),
    Reader(TEXT, "plain_text", "read_plain_text"),
)

_SUFFIXES = {form.language: form.suffixes for form in DOCUMENT_FORMATS}
_BY_SUFFIX = {suffix: reader for reader in READERS for suffix in _SUFFIXES[reader.language]}
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
