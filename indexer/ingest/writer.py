"""Prepared files into a generation's database, and out of it: rows, spans and full-text rows.

The only module of a build's middle that holds SQLite. Knows nothing of vectors but the keys of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indexer.ingest.prepare import PreparedFile
from indexer.records import FileRow, FoundFile
from indexer.storage.database import StoreWriter
from indexer.storage.full_text import (
    REGIONS,
    SYMBOLS,
    LexicalRow,
    add_rows,
    region_rows,
    remove_rows,
    symbol_rows,
)
from indexer.storage.mapped_tables import REGION_BITS


class Writer:
    """Brings the files of a database to what was prepared."""

    def __init__(self, store: StoreWriter) -> None:
        self._store = store

    def add(self, files: Sequence[PreparedFile]) -> None:
        """Put files in, each of which has a source; those of their paths must have been removed.

        Rows of one table are written together: a statement for each file would cost more than its rows.
        """
        store = self._store
        regions: list[LexicalRow] = []
        names: list[tuple[int, str]] = []
        for file in files:
            source = file.source
            assert source is not None
            if source.n_bytes != file.found.n_bytes:  # as the walk saw it, which is compared again
                source = replace(source, n_bytes=file.found.n_bytes)
            file_id = store.add_file(
                source, file.found.mtime_ns, problem=file.problem, n_redacted=file.n_redacted
            )
            for prepared in file.chunks:
                names += enumerate((span.name for span in prepared.chunk.spans), store.next_span_id)
                chunk_id = store.add_chunk(file_id, prepared.chunk, prepared.key, prepared.regions.chars)
                regions += region_rows(prepared.chunk, prepared.regions.chars, chunk_id << REGION_BITS)
        add_rows(store.connection, REGIONS, regions)
        add_rows(store.connection, SYMBOLS, symbol_rows(names))

    def touch(self, row: FileRow, found: FoundFile) -> None:
        """Note new stat figures of a file whose content is as before."""
        self._store.touch(row.file_id, found.n_bytes, found.mtime_ns)

    def remove(self, row: FileRow) -> None:
        """Take a file out, its full-text rows with it."""
        store = self._store
        regions = store.file_regions(row.file_id)
        for chunk in store.file_chunks(row.file_id):
            rows = region_rows(chunk, regions[chunk.chunk_id], chunk.chunk_id << REGION_BITS)
            remove_rows(store.connection, REGIONS, rows)
        remove_rows(store.connection, SYMBOLS, symbol_rows(store.span_names(row.file_id)))
        store.remove_file(row.file_id)
