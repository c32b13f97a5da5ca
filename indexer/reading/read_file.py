"""A found file to its text and spans, whichever way its format is read: the front door of ingest.

Documents go through their readers, everything else through decoding and parsing. A document's reader
may say that the file is really a program's text (a template); a format that is text anyway is indexed
as such where the extra `docs` is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from indexer.disk.contained import NotRegularError, read_regular
from indexer.document_formats import DocumentFormat
from indexer.light_dataclasses import dataclass
from indexer.reading.documents import DocumentError, format_read, read_document
from indexer.reading.parse import parse_all, parse_cells
from indexer.reading.redact import cover, redact
from indexer.reading.source_file import encodings_of, pointer_skip, read_source
from indexer.records import FoundFile, ParsedFile, SkippedFile, SourceFile
from indexer.settings import BuildSettings, DocumentLimits, WalkSettings


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's text, and what is known of its inside."""

    source: SourceFile
    parsed: ParsedFile
    n_redacted: int = 0
    """Credentials that are covered in the text and in the names of spans."""
    is_parsed: bool = True
    """Whether its spans were looked for; those of documents are read with their texts."""


_ARMOUR = re.compile(r"^-----BEGIN PGP [A-Z ]+-----\s*$", re.MULTILINE)
_ARMOUR_WITHIN_CHARS = 4000


def read_file(root: Path, found: FoundFile, settings: BuildSettings) -> ReadFile | SkippedFile:
    """Read and parse a file, credentials covered, or say why it is not indexed."""
    return read_files(root, [found], settings)[0]


def read_files(
    root: Path, files: Sequence[FoundFile], settings: BuildSettings
) -> list[ReadFile | SkippedFile]:
    """What `read_file` gives for each file; those that grammars read are parsed together."""
    read = [_read_text(root, found, settings) for found in files]
    sources = [each.source for each in read if isinstance(each, ReadFile) and not each.is_parsed]
    parsed = iter(parse_all(sources, settings.parse_seconds))
    return [
        each
        if isinstance(each, SkippedFile)
        else _with_cells(each, settings)
        if each.is_parsed
        else _with_spans(each, next(parsed))
        for each in read
    ]


def _read_text(root: Path, found: FoundFile, settings: BuildSettings) -> ReadFile | SkippedFile:
    read = _read(root, found, settings)
    # Keys and signatures share their suffix with books in AsciiDoc.
    may_be_armour = found.path.lower().endswith(".asc") and not settings.walk.include_secrets
    text = read.source.text if may_be_armour and isinstance(read, ReadFile) else ""
    if _ARMOUR.search(text, 0, _ARMOUR_WITHIN_CHARS):
        return SkippedFile(found.path, "secret", "holds a key, signature or message in PGP armour")
    return read


def read_text(root: Path, found: FoundFile, settings: BuildSettings) -> SourceFile | SkippedFile:
    """The text of a file that is known to be indexed, as `read_file` gives it, without its spans."""
    read = _read(root, found, settings)
    return read.source if isinstance(read, ReadFile) else read


def _read(root: Path, found: FoundFile, settings: BuildSettings) -> ReadFile | SkippedFile:
    form = format_read(found.path)
    if form is not None:
        document = _read_document(root, found, form, settings.walk)
        if isinstance(document, ReadFile):
            return _covered(document, settings)
        if document is not None:
            return document
    source = read_source(root, found, settings.walk)
    if isinstance(source, SkippedFile):
        return source
    n_redacted = 0
    if not settings.walk.include_secrets:
        redacted = redact(source)
        source, n_redacted = redacted.source, len(redacted.secrets)
    return ReadFile(source, ParsedFile(()), n_redacted, is_parsed=False)


def _with_spans(read: ReadFile, parsed: ParsedFile) -> ReadFile:
    """The file with its spans, and all that is wrong with its text and its spans."""
    problem = "; ".join(filter(None, (read.source.problem, parsed.problem)))
    return ReadFile(read.source, ParsedFile(parsed.spans, problem), read.n_redacted)


def _with_cells(document: ReadFile, settings: BuildSettings) -> ReadFile:
    """A notebook with the symbols of its code."""
    if document.source.language != "notebook":
        return document
    return replace(
        document, parsed=parse_cells(document.source.text, document.parsed, settings.parse_seconds)
    )


def _covered(document: ReadFile, settings: BuildSettings) -> ReadFile:
    """The document with its credentials covered, where that is wanted."""
    if settings.walk.include_secrets:
        return document
    redacted = redact(document.source)
    if not redacted.secrets:
        return document
    spans = tuple(replace(span, name=cover(span.name)) for span in document.parsed.spans)
    return ReadFile(redacted.source, replace(document.parsed, spans=spans), len(redacted.secrets))


def _read_document(
    root: Path, found: FoundFile, form: DocumentFormat, settings: WalkSettings
) -> ReadFile | SkippedFile | None:
    """The document, the reason there is none, or None: read it as source."""
    limits = DocumentLimits()
    try:
        data = read_regular(root, found.path, limits.max_bytes)
    except NotRegularError:
        return SkippedFile(found.path, "special", "not a regular file")
    except OSError as error:
        return SkippedFile(found.path, "unreadable", f"cannot be read: {error.strerror or error}")
    pointer = pointer_skip(found.path, data)
    if pointer is not None:
        return pointer
    try:
        document = read_document(
            data, found.path, limits, stated=lambda: encodings_of(root, found.path, settings)
        )
    except DocumentError as error:
        if error.as_source or (error.reason == "missing-extra" and not form.is_binary):
            return None
        return SkippedFile(found.path, error.reason, error.detail)
    if not document.text.strip():
        return SkippedFile(found.path, "empty", "it holds no text")
    source = SourceFile(found.path, document.text, document.language, sha256(data).hexdigest(), len(data))
    return ReadFile(source, ParsedFile(document.spans, document.problem))
