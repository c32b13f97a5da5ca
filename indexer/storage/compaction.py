"""Collect embeddings that nothing needs any more: live ones move to new segments, old segments go.

Kept keys make a branch switch or a rename free, so that nothing is collected while the live half is
larger. Moving is ordinary appending: a kill in between leaves each key at its old place or its new
one, both whole; and the old files stay until the generation that reads the new ones is live.
`build.py` calls `move_live` before it makes tables and drops the segments after it has published.
"""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.embeddings.embedding_store import EmbeddingStore, NewEmbedding, RowLayout, SegmentReader
from indexer.errors import StorageError
from indexer.storage.generations import generation_folder, generation_names
from indexer.storage.mapped_tables import load_tables

MIN_BYTES = 4_000_000
"""Less is not worth moving."""
_BATCH_BYTES = 32_000_000


def move_live(embeddings: EmbeddingStore, layout: RowLayout, live: Set[str]) -> list[int]:
    """Copy what is stored under the `live` keys out of segments that are mostly garbage.

    Returns these segments, for `EmbeddingStore.drop`; empty where less than half of all bytes is
    garbage, or where the disk has no room for the copy.
    """
    usage = embeddings.usage(live)
    n_bytes = sum(use.n_bytes for use in usage)
    if n_bytes < MIN_BYTES or 2 * sum(use.n_live_bytes for use in usage) >= n_bytes:
        return []
    garbage = [use.segment for use in usage if 2 * use.n_live_bytes < use.n_bytes]
    with suppress(StorageError):
        _move(embeddings, layout, embeddings.keys_in(garbage, live))
        return garbage
    return []


def segments_read(state: Path) -> set[int]:
    """The segments that a generation on disk points into: the live one, and those that readers pin."""
    segments: set[int] = set()
    for name in generation_names(state):
        tables = load_tables(generation_folder(state, name))
        segments.update(tables.segment[tables.has_vectors].tolist())
    return segments


def _move(embeddings: EmbeddingStore, layout: RowLayout, keys: list[str]) -> None:
    embeddings.start_segment()
    reader = SegmentReader(embeddings.folder, layout)
    n_bytes = 0
    for at in range(0, len(keys), 500):
        part = keys[at : at + 500]
        stored = embeddings.load(part)
        for key in part:
            e = stored[key]
            single = reader.single(e.segment, e.single_start, e.n_single) if e.n_single else _NO_SINGLE
            rows = reader.rows(e.segment, e.rows_start, e.n_rows) if e.n_rows else _NO_ROWS
            embeddings.add(NewEmbedding(key, single, rows, e.regions, e.wide, e.n_header_rows))
            n_bytes += single.nbytes + rows.nbytes
            if n_bytes >= _BATCH_BYTES:
                embeddings.commit()
                n_bytes = 0
    embeddings.commit()


_NO_SINGLE = np.empty((0, 0), np.float16)
_NO_ROWS = np.empty((0, 0), np.uint8)
