"""The texts of an index that was imported without them: read from the tree, where a file is what was indexed.

A file is the one if its bytes have the checksum, and the rules by which it was read are those of now. Of
any other, chunks have the length and the lines of their text alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from indexer.ingest.ingest import TEXT_RULES
from indexer.reading.read_file import read_text
from indexer.reading.redact import rules_version
from indexer.records import Chunk, FileRow, FoundFile, SourceFile
from indexer.storage.database import StoreReader
from indexer.storage.facts import recorded_settings, settings_facts
from indexer.storage.manifest import Manifest

_KEPT_TEXTS = 64
"""30 kB or so each."""


class TreeTextReader(StoreReader):
    """A database whose texts lie in the tree; safe to share between threads."""

    def __init__(self, path: Path, root: Path, manifest: Manifest) -> None:
        """Open, as `StoreReader` does."""
        super().__init__(path)
        self._root = root
        facts = self.facts()
        self._settings = recorded_settings(manifest, facts)
        rules = settings_facts(self._settings, f"{TEXT_RULES} redaction={rules_version()}")["text_rules"]
        self._reads_alike = facts.get("text_rules") == rules
        self._kept: OrderedDict[str, str] = OrderedDict()

    def chunks(self, chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """As of `StoreReader`, with the texts that are in the tree."""
        found = super().chunks(chunk_ids)
        return dict(zip(found, self._with_texts(list(found.values())), strict=True))

    def file_chunks(self, path: str) -> list[Chunk]:
        """As of `StoreReader`, with the texts that are in the tree."""
        return self._with_texts(super().file_chunks(path))

    def file_text(self, path: str) -> str | None:
        """The text of a file, or its shape where the tree has another file; None for an unknown path."""
        return self._read(path) or super().file_text(path)

    def has_text(self, path: str) -> bool:
        """Whether the tree has a file as it was indexed."""
        return self._read(path) is not None

    def _with_texts(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        texts = {path: self._read(path) for path in dict.fromkeys(chunk.path for chunk in chunks)}
        return [_with_text(chunk, texts[chunk.path]) for chunk in chunks]

    def _read(self, path: str) -> str | None:
        """What was read once is what was indexed, whatever becomes of the file."""
        if not self._reads_alike:
            return None
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        row = self.files([path]).get(path)
        text = self._text_of(row) if row is not None else None
        if text is None:
            return None
        with self._lock:
            self._kept[path] = text
            if len(self._kept) > _KEPT_TEXTS:
                self._kept.popitem(last=False)
        return text

    def _text_of(self, row: FileRow) -> str | None:
        try:
            status = (self._root / row.path).lstat()
        except OSError:
            return None
        if status.st_size != row.n_bytes:
            return None
        source = read_text(
            self._root, FoundFile(row.path, status.st_size, status.st_mtime_ns), self._settings
        )
        if not isinstance(source, SourceFile) or source.sha256 != row.sha256:
            return None
        shape = super().file_text(row.path)
        return source.text if shape is not None and len(shape) == len(source.text) else None


def _with_text(chunk: Chunk, text: str | None) -> Chunk:
    if text is None:
        return replace(chunk, has_text=False)
    return replace(chunk, text=text[chunk.start_char : chunk.end_char])
