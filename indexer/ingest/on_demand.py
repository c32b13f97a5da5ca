"""Vectors for chunks of an open index that have none yet, computed when a search names them.

What is computed serves the searches of this process from memory at once, and is stored for all others
where no other process is writing: nobody waits for a lock, and nothing is computed twice.
"""

from __future__ import annotations

import sqlite3
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path

import numpy as np

from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_store import (
    EmbeddingStore,
    NewEmbedding,
    RowLayout,
    SegmentReader,
    StoredEmbedding,
)
from indexer.errors import CodesearchError
from indexer.ingest.embed import Embedder
from indexer.ingest.prepare import Preparer
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.settings import BuildSettings
from indexer.storage.database import MissingChunk, StoreReader
from indexer.storage.generations import EMBEDDINGS
from indexer.storage.manifest import Manifest

_FIRST_TOKENS = 8_192
"""So much is encoded before it is known how fast this machine is."""
_LEAST_SHARE = 0.5
"""A chunk of which less than this fits the time left is not begun."""
_NOT_NOW = (CodesearchError, OSError, sqlite3.OperationalError)
"""Another process writes, none may write here, or the disk is full: vectors serve from memory alone."""
_FIRST_SEGMENT = 1 << 20
"""Segments from this number on are in memory; a store has a few."""


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """What is known of the index that chunks are encoded for."""

    root: Path
    state: Path
    manifest: Manifest
    layout: RowLayout
    store: StoreReader
    segments: SegmentReader


class OnDemand:
    """Encodes chunks of one open generation. One thread at a time."""

    def __init__(self, index: OpenIndex, checkpoint: Checkpoint, embedder: Embedder) -> None:
        """Loads no model; the first chunk does. Whoever else has the embedder waits for its turn."""
        self._index = index
        self._preparer = Preparer(index.root, BuildSettings(), checkpoint, index.manifest)
        self._embedder = embedder
        self._n_held = 0
        self._n_tokens = 0
        self._seconds = 0.0

    @property
    def tokens_per_second(self) -> float:
        """As measured so far, the loading of the model left out; 0 where nothing was encoded."""
        return self._n_tokens / self._seconds if self._seconds else 0.0

    def encode(
        self, chunk_ids: Sequence[int], others: Sequence[int], seconds: float
    ) -> dict[int, StoredEmbedding]:
        """Where the vectors of these chunks lie, by chunk_id, as many as `seconds` allow; best first.

        What other processes have stored costs nothing of that time, and is found for `others` too.
        """
        started = time.monotonic()
        wanted = self._index.store.missing_chunks(chunk_ids)
        known = [*wanted, *self._index.store.missing_chunks(others)]
        found: dict[str, StoredEmbedding] = {}
        with suppress(*_NOT_NOW), self._embeddings() as embeddings:
            found |= embeddings.load([chunk.embedding_key for chunk in known])
        computed: list[NewEmbedding] = []
        todo = [chunk for chunk in wanted if chunk.embedding_key not in found]
        while step := self._step(todo, started + seconds - time.monotonic()):
            todo = todo[len(step) :]
            for new in self._encoded(step):
                found[new.key] = self._hold(new)
                computed.append(new)
        if computed:
            with suppress(*_NOT_NOW), self._embeddings() as embeddings:
                for new in computed:
                    embeddings.add(new)
        return {chunk.chunk_id: found[chunk.embedding_key] for chunk in known if chunk.embedding_key in found}

    def _step(self, chunks: Sequence[MissingChunk], seconds: float) -> Sequence[MissingChunk]:
        """The first chunks, as many as this time is enough for: cores idle at the end of each step."""
        if seconds <= 0 or not chunks:
            return []
        speed = self.tokens_per_second
        room = speed * seconds if speed else _FIRST_TOKENS
        n_whole = bisect_right(list(accumulate(chunk.n_tokens for chunk in chunks)), room)
        if n_whole or not speed or chunks[0].n_tokens * _LEAST_SHARE <= room:
            return chunks[: max(1, n_whole)]
        return []

    def _encoded(self, chunks: Sequence[MissingChunk]) -> Iterator[NewEmbedding]:
        stored = self._index.store.chunks([chunk.chunk_id for chunk in chunks])
        keys = {chunk.embedding_key for chunk in chunks}
        prepared = [p for p in self._preparer.prepare_chunks(list(stored.values())) if p.key in keys]
        self._embedder.load()
        started = time.monotonic()
        for finished in self._embedder.embed(prepared):
            yield from finished
        self._seconds += time.monotonic() - started
        self._n_tokens += sum(len(p.tokenized.input_ids) for p in prepared)

    def _hold(self, new: NewEmbedding) -> StoredEmbedding:
        """Serve a chunk's vectors from memory, as if they were stored."""
        segment = _FIRST_SEGMENT + self._n_held
        self._n_held += 1
        single = np.ascontiguousarray(new.single, dtype=np.float16)
        self._index.segments.hold(segment, single, new.rows)
        return StoredEmbedding(
            segment, 0, len(single), 0, len(new.rows), new.regions, new.wide, new.n_header_rows
        )

    @contextmanager
    def _embeddings(self) -> Iterator[EmbeddingStore]:
        """The stored embeddings, to be read and added to; what prevents that is `_NOT_NOW`."""
        state = self._index.state
        with write_lock(state), EmbeddingStore(state / EMBEDDINGS, self._index.layout) as embeddings:
            yield embeddings
