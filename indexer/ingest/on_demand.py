"""Vectors for chunks of an open index that have none yet, or for excerpts, computed when a search names them.

What is computed serves the searches of this process from memory at once, and is stored for all others
where no other process is writing: nobody waits for a lock, and nothing is computed twice.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from indexer.ingest.excerpts import excerpt_key, excerpt_of, spread
from indexer.ingest.prepare import PreparedChunk, Preparer
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.records import Int32Array, Int64Array
from indexer.settings import BuildSettings
from indexer.storage.database import MissingChunk, StoreReader
from indexer.storage.generations import EMBEDDINGS
from indexer.storage.manifest import Manifest

_FIRST_TOKENS = 8_192
"""So much is thought to be possible before it is known how fast this machine is."""
_LOT_TOKENS = 4_096
"""So much is prepared together: enough to fill batches, little enough to choose anew by how fast it goes."""
_LEAST_SHARE = 0.5
"""The first chunk is begun where so much of it fits the time left: one ends late as another ends early."""
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


@dataclass(frozen=True, slots=True)
class Reading:
    """What is wanted of a chunk: its vectors, or those of an excerpt."""

    chunk_id: int
    regions: Int32Array
    """(R, 3) as in the tables."""
    picked: tuple[int, ...] = ()
    """Numbers of the excerpt's regions; none for the whole chunk."""
    best: int = 0
    """The one of them that is wanted most."""
    n_tokens: int = 0
    """Of the excerpt."""

    def is_answered_by(self, stored: StoredEmbedding) -> bool:
        """Whether what is stored, a chunk's or an excerpt's, holds the region that is wanted most."""
        return not self.picked or self.regions[self.best, 0] in stored.regions[:, 0]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Where the vectors of some regions of a chunk lie."""

    stored: StoredEmbedding
    """As of the whole chunk; regions that were not read have no rows."""
    unread: Int64Array
    """Numbers of those regions."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Where vectors lie, by chunk_id; no chunk is in both."""

    whole: dict[int, StoredEmbedding]
    excerpts: dict[int, Excerpt]


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one key stands for."""

    chunk: MissingChunk
    reading: Reading

    @property
    def key(self) -> str:
        key = self.chunk.embedding_key
        return excerpt_key(key) if self.reading.picked else key

    @property
    def n_tokens(self) -> int:
        return self.reading.n_tokens if self.reading.picked else self.chunk.n_tokens


class OnDemand:
    """Encodes chunks of one open generation. One thread at a time."""

    def __init__(self, index: OpenIndex, checkpoint: Checkpoint, embedder: Embedder) -> None:
        """Loads no model; the first chunk does. Whoever else has the embedder waits for its turn."""
        self._index = index
        self._preparer = Preparer(index.root, BuildSettings(), checkpoint, index.manifest)
        self._embedder = embedder
        self._n_held = 0
        self._n_tokens = 0.0
        self._seconds = 0.0
        self.load_seconds = 0.0
        """How long searches waited for the model, of their time for encoding."""

    @property
    def tokens_per_second(self) -> float:
        """As measured so far, the loading of the model left out; 0 where nothing was encoded."""
        return self._n_tokens / self._seconds if self._seconds else 0.0

    def encode(self, readings: Sequence[Reading], others: Sequence[int], seconds: float) -> Encoded:
        """Where the vectors of these chunks lie, as many as `seconds` allow; best first.

        A chunk of which an excerpt is stored that lacks the region asked for most is read whole. What other
        processes have stored costs nothing of the time, and is found for `others`, chunk_ids, too.
        """
        started = time.monotonic()
        chunks = self._index.store.missing_chunks([*(each.chunk_id for each in readings), *others])
        found: dict[str, StoredEmbedding] = {}
        with suppress(*_NOT_NOW), self._embeddings() as embeddings:
            found |= embeddings.load([chunk.embedding_key for chunk in chunks])
            found |= embeddings.load([_Piece(*each).key for each in zip(chunks, readings, strict=False)])
        pieces = []
        for chunk, reading in zip(chunks, readings, strict=False):
            piece = _Piece(chunk, reading)
            lacks_best = piece.key in found and not reading.is_answered_by(found[piece.key])
            pieces.append(_Piece(chunk, replace(reading, picked=())) if lacks_best else piece)
        todo = [each for each in pieces if found.keys().isdisjoint((each.chunk.embedding_key, each.key))]
        computed: list[NewEmbedding] = []
        if todo:
            begun = time.monotonic()
            ahead = self._embedder.encoded_ahead()
            self.load_seconds += time.monotonic() - begun
            keys = dict.fromkeys(each.chunk.embedding_key for each in todo)
            for new in (ahead[key] for key in keys if key in ahead):
                found[new.key] = self._hold(new.single, new.rows, new)
                computed.append(new)
            todo = [each for each in todo if each.chunk.embedding_key not in found]
        by_key: dict[str, _Piece] = {}
        for each in todo:
            by_key.setdefault(each.key, each)
        for new in self._encoded([*by_key.values()], started + seconds):
            found[new.key] = self._hold(new.single, new.rows, new)
            computed.append(new)
        if computed:
            with suppress(*_NOT_NOW), self._embeddings() as embeddings:
                for new in computed:
                    embeddings.add(new)
        whole = {each.chunk_id: found[each.embedding_key] for each in chunks if each.embedding_key in found}
        return Encoded(
            whole,
            {
                each.chunk.chunk_id: self._spread(found[each.key], each.reading.regions)
                for each in pieces
                if each.reading.picked and each.key in found and each.chunk.chunk_id not in whole
            },
        )

    def room(self, seconds: float) -> float:
        """Tokens that this time is enough for, as far as is known."""
        return self.tokens_per_second * seconds if self._seconds else _FIRST_TOKENS

    def _encoded(self, todo: Sequence[_Piece], until: float) -> Iterator[NewEmbedding]:
        """Vectors of these pieces, as many as there is time for.

        What comes next is chosen and prepared while the last batches are computed: no core waits for it.
        """
        if not todo or time.monotonic() >= until:
            return
        self._embedder.load_ahead()  # beside what is prepared first
        lots = self._lots(todo, until)
        first = next(lots, None)
        if first is None:
            return
        begun = time.monotonic()
        self._embedder.load()
        last, n_computed = time.monotonic(), self._embedder.n_computed
        self.load_seconds += last - begun
        for finished in self._embedder.embed_lots(chain([first], lots)):
            now, n_now = time.monotonic(), self._embedder.n_computed
            self._seconds += now - last
            self._n_tokens += n_now - n_computed
            last, n_computed = now, n_now
            yield from finished

    def _lots(self, todo: Sequence[_Piece], until: float) -> Iterator[list[PreparedChunk]]:
        n_before, n_begun = self._embedder.n_computed, 0
        while todo:
            n_in_flight = n_begun - (self._embedder.n_computed - n_before)
            n_next = self._n_fitting([each.n_tokens for each in todo], until - time.monotonic(), n_in_flight)
            if not n_next:
                return
            prepared = self._prepared(todo[:n_next])
            todo = todo[n_next:]
            n_begun += sum(len(each.tokenized.input_ids) for each in prepared)
            yield prepared

    def _n_fitting(self, n_tokens: Sequence[int], seconds: float, n_in_flight: float = 0) -> int:
        """How many of the first pieces, of a lot, this time is enough for.

        None is passed over for a shorter one: a file that was read whole would rank above a better one that
        was too long. All are short enough until the first batch has shown how fast this machine is.
        """
        if seconds <= 0:
            return 0
        room = self.room(seconds) - n_in_flight if self._seconds else math.inf
        in_lot = 0
        for at, n in enumerate(n_tokens):
            if in_lot >= _LOT_TOKENS or n * (_LEAST_SHARE if at == 0 else 1.0) > room:
                return at
            room -= n
            in_lot += n
        return len(n_tokens)

    def _prepared(self, pieces: Sequence[_Piece]) -> list[PreparedChunk]:
        stored = self._index.store.chunks([each.chunk.chunk_id for each in pieces])
        picked = {each.chunk.embedding_key: each.reading.picked for each in pieces}
        return [
            excerpt_of(whole, picked[whole.key]) if picked[whole.key] else whole
            for whole in self._preparer.prepare_chunks(list(stored.values()))
            if whole.key in picked
        ]

    def _spread(self, stored: StoredEmbedding, regions: Int32Array) -> Excerpt:
        """An excerpt as its whole chunk, served from memory."""
        segments = self._index.segments
        single = segments.single(stored.segment, stored.single_start, stored.n_single)
        rows = segments.rows(stored.segment, stored.rows_start, stored.n_rows)
        over = spread(stored, single, regions)
        wide = np.empty((0, 2), np.int32)
        return Excerpt(
            self._hold(over.single, rows, replace(stored, regions=over.regions, wide=wide)), over.unread
        )

    def _hold(
        self,
        single: NDArray[np.floating],
        rows: NDArray[np.uint8],
        divided: NewEmbedding | StoredEmbedding,
    ) -> StoredEmbedding:
        """Serve vectors from memory, as if they were stored, divided into regions as these are."""
        segment = _FIRST_SEGMENT + self._n_held
        self._n_held += 1
        single = np.ascontiguousarray(single, dtype=np.float16)
        self._index.segments.hold(segment, single, rows)
        return StoredEmbedding(
            segment, 0, len(single), 0, len(rows), divided.regions, divided.wide, divided.n_header_rows
        )

    @contextmanager
    def _embeddings(self) -> Iterator[EmbeddingStore]:
        """The stored embeddings, to be read and added to; what prevents that is `_NOT_NOW`."""
        state = self._index.state
        with write_lock(state), EmbeddingStore(state / EMBEDDINGS, self._index.layout) as embeddings:
            yield embeddings
