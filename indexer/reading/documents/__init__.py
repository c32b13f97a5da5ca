"""Documents → text and spans: PDF, DOCX, EPUB, HTML, notebooks, AsciiDoc and plain text.

Nothing in a document is run, rendered or fetched. The readers' libraries are the extra `docs` and are
imported when the first file of their format is read.
"""

from indexer.reading.documents.document import Document, DocumentError, DocumentProgress
from indexer.reading.documents.read_document import format_read, read_document

__all__ = [
    "Document",
    "DocumentError",
    "DocumentProgress",
    "format_read",
    "read_document",
]
