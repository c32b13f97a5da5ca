"""A source file's bytes become its text and language, or the reason why it is not indexed after all.

Formats that need a reader of their own are in `documents/`; what the text means is for the parser.
"""

from __future__ import annotations

import posixpath
import re
from hashlib import sha256
from pathlib import Path

from indexer.disk.contained import NotRegularError, read_regular
from indexer.document_formats import is_prose_name
from indexer.languages import language_of
from indexer.reading.decode import UndecodableError, decode_file
from indexer.reading.generated import generated_sign
from indexer.reading.stated_encoding import stated_encoding
from indexer.records import FoundFile, SkippedFile, SourceFile
from indexer.settings import DocumentLimits, WalkSettings
from indexer.tree.skips import too_large


def read_source(root: Path, found: FoundFile, settings: WalkSettings) -> SourceFile | SkippedFile:
    """Read and decode a file that `walk` found, or say why it is not indexed after all."""
    path = found.path
    is_prose = is_prose_name(posixpath.basename(path))
    max_bytes = DocumentLimits().max_bytes if is_prose else settings.max_file_bytes
    try:
        content = read_regular(root, path, max_bytes)
    except NotRegularError:
        return SkippedFile(path, "special", "not a regular file")
    except OSError as error:
        return SkippedFile(path, "unreadable", f"cannot be read: {error.strerror or error}")
    if len(content) > max_bytes:
        return too_large(path, len(content), max_bytes)
    pointer = pointer_skip(path, content)
    if pointer is not None:
        return pointer
    try:
        decoded = decode_file(content, lambda: encodings_of(root, path, settings))
    except UndecodableError as problem:
        return SkippedFile(path, problem.reason, str(problem))
    text = decoded.text
    if not text or text.isspace():
        return SkippedFile(path, "empty", "nothing but white space")
    language = language_of(path, text)
    if not settings.include_generated and not found.is_wanted:
        sign = generated_sign(text, language)
        if sign is not None:
            return SkippedFile(path, sign.reason, sign.detail)
    return SourceFile(path, text, language, sha256(content).hexdigest(), len(content), decoded.doubt)


_POINTERS = (
    (re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:[\w.-]+ [^\n]+\n)+"), "git lfs pull"),
    (re.compile(rb"/annex/objects/[^\n]+\n?"), "git annex get"),
)
_MAX_POINTER_BYTES = 1024


def pointer_skip(path: str, content: bytes) -> SkippedFile | None:
    """The skip of a file that stands for another, which was not fetched; None: it is the file itself."""
    for pointer, command in _POINTERS if len(content) <= _MAX_POINTER_BYTES else ():
        if pointer.fullmatch(content):
            return SkippedFile(path, "pointer", f"the content was not fetched; `{command}` brings it")
    return None


def encodings_of(root: Path, path: str, settings: WalkSettings) -> list[str]:
    """What a file may be said to be encoded in: by the tree, then by the settings."""
    return [encoding for encoding in (stated_encoding(root, path), settings.encoding) if encoding]
