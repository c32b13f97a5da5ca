"""Blocks of prepared chunks through the model into the stored embeddings: the second half of a build."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from indexer.embeddings.embedding_store import EmbeddingStore
from indexer.ingest.embed import Embedder
from indexer.ingest.prepare import PreparedChunk

_COMMIT_SECONDS = 5.0
"""Vectors are made durable at least this often, as far as batches end: a kill loses no more."""

OnBatch = Callable[[int, int], None]
"""Called with the chunks and the tokens that a batch has finished."""


def encode_for(
    seconds: float,
    blocks: Iterator[Sequence[PreparedChunk]],
    embedder: Embedder,
    embeddings: EmbeddingStore,
    on_batch: OnBatch,
) -> bool:
    """Encode and store blocks until `seconds` have gone by; False where none are left."""
    started = committed_at = time.monotonic()
    for block in blocks:
        n_tokens = {prepared.key: len(prepared.tokenized.input_ids) for prepared in block}
        for finished in embedder.embed(block):
            for new in finished:
                embeddings.add(new)
            if time.monotonic() - committed_at > _COMMIT_SECONDS:
                embeddings.commit()
                committed_at = time.monotonic()
            on_batch(len(finished), sum(n_tokens[new.key] for new in finished))
        embeddings.commit()
        if time.monotonic() - started > seconds:
            return True
    return False
