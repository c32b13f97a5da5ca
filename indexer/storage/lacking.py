"""What a published generation lacks by now: searches, of any process, store vectors after it was published.

The index's own count: whoever asks gets the same, and while a build encodes it only falls.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from indexer.embeddings.embedding_store import RowLayout
from indexer.embeddings.other_store import OtherStore, written_at
from indexer.light_dataclasses import dataclass
from indexer.storage.database import MissingChunk

_TRIES = 3
"""A build may write the database while it is read."""


@dataclass(frozen=True, slots=True)
class LackingCount:
    """Chunks of a generation that have no vectors yet."""

    n_chunks: int
    n_tokens: int
    """Of those chunks."""
    n_stored_rows: int = 0
    """Token rows of what was stored since the generation was published."""


class Lacking:
    """Counts anew whenever the store has changed. Nothing is locked: a build would be waited for."""

    def __init__(self, embeddings: Path, published: Sequence[MissingChunk]) -> None:
        """`embeddings` is the store's folder, `published` what the tables of the generation lack."""
        self._embeddings = embeddings
        self._published = published
        self._counted_at: tuple[int, int, int] | None = None
        self._count = LackingCount(len(published), sum(chunk.n_tokens for chunk in published))

    def now(self) -> LackingCount:
        """The count; where the store cannot be read, that of the last time."""
        for _ in range(_TRIES if self._published else 0):
            at = written_at(self._embeddings)
            if at == self._counted_at:
                break
            with suppress(OSError, sqlite3.Error):
                with OtherStore(self._embeddings, RowLayout(0, None)) as store:
                    stored = store.n_rows()
                if written_at(self._embeddings) == at:
                    self._counted_at, self._count = at, self._counted(stored)
                    break
        return self._count

    def _counted(self, stored: Mapping[str, int]) -> LackingCount:
        left = [chunk for chunk in self._published if chunk.embedding_key not in stored]
        n_rows = sum(stored.get(chunk.embedding_key, 0) for chunk in self._published)
        return LackingCount(len(left), sum(chunk.n_tokens for chunk in left), n_rows)
