"""Chunks of a database whose vectors are not stored yet, ready for the model, in blocks.

What was just prepared is at hand while memory allows; the rest is prepared again from the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from indexer.embeddings.embedding_store import EmbeddingStore
from indexer.errors import IndexCorruptError
from indexer.ingest.prepare import PreparedChunk, Preparer
from indexer.light_dataclasses import dataclass
from indexer.storage.database import MissingChunk, StoreReader

BLOCK_TOKENS = 65_536
"""Chunks are encoded in blocks of about this many tokens: enough to pack well, little to lose."""
_KEPT_TOKENS = 2_000_000
"""Tokens of prepared chunks that are kept: some 40 MB with their text and what holds them."""
_TOKENS_OF_A_CHUNK = 80
"""What a chunk takes beside its text and tokens, 1.5 KB of objects, in tokens of 20 bytes."""
_KEYS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Missing:
    """Chunks without vectors, one for each content, in the order in which they are to be encoded."""

    chunks: tuple[MissingChunk, ...]

    @property
    def n_tokens(self) -> int:
        """What the model has to read."""
        return sum(chunk.n_tokens for chunk in self.chunks)


class Backlog:
    """Prepared chunks between the database and the model."""

    def __init__(self, preparer: Preparer, embeddings: EmbeddingStore) -> None:
        self._preparer = preparer
        self._embeddings = embeddings
        self._kept: dict[str, PreparedChunk] = {}
        self._n_kept_tokens = 0

    def keep(self, chunks: Iterable[PreparedChunk]) -> None:
        """Have chunks at hand that were just prepared, if they are to be encoded and memory allows."""
        new = {chunk.key: chunk for chunk in chunks if chunk.key and chunk.key not in self._kept}
        for key in new.keys() - self._embeddings.known(new):
            n_tokens = _weight(new[key])
            if self._n_kept_tokens + n_tokens <= _KEPT_TOKENS:
                self._kept[key] = new[key]
                self._n_kept_tokens += n_tokens

    def at_hand(self) -> list[PreparedChunk]:
        """What `keep` was given and has kept."""
        return list(self._kept.values())

    def missing(self, chunks: Iterable[MissingChunk]) -> Missing:
        """Those of a database's chunks whose vectors are not stored, in the order given."""
        wanted: dict[str, MissingChunk] = {}
        for chunk in chunks:
            wanted.setdefault(chunk.embedding_key, chunk)
        keys = list(wanted)
        for at in range(0, len(keys), _KEYS_AT_ONCE):
            for key in self._embeddings.known(keys[at : at + _KEYS_AT_ONCE]):
                del wanted[key]
        return Missing(tuple(wanted.values()))

    def blocks(self, missing: Missing, store: StoreReader) -> Iterator[list[PreparedChunk]]:
        """The missing chunks prepared, in blocks of about BLOCK_TOKENS. Raises IndexCorruptError."""
        block: list[MissingChunk] = []
        n_tokens = 0
        for chunk in missing.chunks:
            block.append(chunk)
            n_tokens += chunk.n_tokens
            if n_tokens >= BLOCK_TOKENS:
                yield self.prepared(block, store)
                block, n_tokens = [], 0
        if block:
            yield self.prepared(block, store)

    def prepared(self, chunks: Sequence[MissingChunk], store: StoreReader) -> list[PreparedChunk]:
        """These chunks, each once, in the order given. Raises IndexCorruptError."""
        absent = [chunk.chunk_id for chunk in chunks if chunk.embedding_key not in self._kept]
        stored = store.chunks(absent)
        again = {p.key: p for p in self._preparer.prepare_chunks(list(stored.values()))} if stored else {}
        found = []
        for chunk in chunks:
            prepared = self._kept.pop(chunk.embedding_key, None)
            if prepared is not None:
                self._n_kept_tokens -= _weight(prepared)
            prepared = prepared or again.get(chunk.embedding_key)
            if prepared is None:
                raise IndexCorruptError(
                    "The text of the index is not what its keys were made of; make it anew with"
                    " `codesearch index --rebuild`."
                )
            found.append(prepared)
        return found


def _weight(prepared: PreparedChunk) -> int:
    """What a kept chunk counts for, in tokens."""
    return len(prepared.tokenized.input_ids) + _TOKENS_OF_A_CHUNK
