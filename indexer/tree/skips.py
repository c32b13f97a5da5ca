"""Limits on the size of a file, and the sentence that a larger one is skipped with."""

from __future__ import annotations

from indexer.document_formats import is_document_name
from indexer.records import SkippedFile
from indexer.settings import DocumentLimits, WalkSettings


def max_bytes(name: str, settings: WalkSettings) -> int:
    """Source and data have one limit, documents another: a long document is no generated file."""
    return DocumentLimits().max_bytes if is_document_name(name) else settings.max_file_bytes


def too_large(path: str, n_bytes: int, limit: int) -> SkippedFile:
    """The skip of a file above its limit, naming the setting that raises it."""
    knob = " for documents" if limit == DocumentLimits().max_bytes else " (--max-file-size)"
    return SkippedFile(path, "too-large", f"{n_bytes:,} bytes are more than the limit of {limit:,}{knob}")
