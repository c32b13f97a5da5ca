"""Which files have a reader, and reading one: the door to the readers beside this module.

Markdown and reStructuredText are not here: their text is the file's own, and `indexer/reading/parse.py` finds
their headings.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from importlib import import_module

from indexer.document_formats import DOCUMENT_FORMATS, DocumentFormat
from indexer.languages import TEXT, language_of
from indexer.reading.documents.document import CallbackError, Document, DocumentError, DocumentProgress, Meter
from indexer.settings import DocumentLimits

_Read = Callable[[bytes, str, Meter], Document]


_BY_SUFFIX = {suffix: row for row in DOCUMENT_FORMATS if row.reader for suffix in row.suffixes}
_BY_FILE_NAME = {name: row for row in DOCUMENT_FORMATS for name in row.file_names}


def format_read(path: str) -> DocumentFormat | None:
    """The format of a repo-relative POSIX path by its name, if it has a reader.

    None: it is source code, data, or prose that is read as source is.
    """
    name = posixpath.basename(path).lower()
    row = _BY_SUFFIX.get(posixpath.splitext(name)[1])
    if row is None:
        return _BY_FILE_NAME.get(name)
    if row.language == TEXT and language_of(path, "") != TEXT:
        # CMakeLists.txt and the like.
        return None
    return row


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
    row = format_read(path)
    if row is None:
        raise DocumentError("binary", "no reader for files of this name")
    if len(data) > limits.max_bytes:
        raise DocumentError(
            "too-large",
            f"{len(data) / 1e6:,.1f} MB, the limit for documents is {limits.max_bytes / 1e6:,.0f} MB",
        )
    if not data.strip():
        raise DocumentError("empty", "an empty file")
    try:
        return _load(row.reader)(data, path, Meter(limits, progress, stated))
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


def _load(reader: str) -> _Read:
    """Import the reader, with its libraries, when the first file of its format is read."""
    module, function = reader.split(".")
    read: _Read = getattr(import_module(f"indexer.reading.documents.{module}"), function)
    return read
