"""A model in memory, one for all open generations of all indexes that were built with it.

Its weights as float32 are tens of megabytes and take a search's time or two to read: neither an index that
is brought up to date every few seconds nor sixteen of them at once may hold them twice. Held weakly: a model
goes with the last generation that has it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from indexer.embeddings.embedding_store import RowLayout, row_layout
from indexer.encoders.loading import load_ahead
from indexer.encoders.query_encoder import QueryEncoder
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.settings import BuildSettings

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder
    from indexer.ingest.embed import Embedder

_lock = threading.Lock()
_models: WeakValueDictionary[str, OpenModel] = WeakValueDictionary()
"""By fingerprint: equal means equal vectors, wherever the files lie."""


class OpenModel:
    """A model and what encodes with it, each part made when first needed. Threads may share it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.encoding = threading.Lock()
        """Held by who encodes chunks: an embedder serves one at a time, with all cores."""
        self._embedders: WeakValueDictionary[str, Embedder] = WeakValueDictionary()

    @cached_property
    def tokenizer(self) -> ChunkTokenizer:
        """Its tokenizer."""
        return ChunkTokenizer(self.checkpoint)

    @cached_property
    def query_encoder(self) -> QueryEncoder:
        """What encodes queries with it."""
        return QueryEncoder(self.checkpoint, self.tokenizer)

    def layout(self, codec: str) -> RowLayout:
        """How its vectors are stored by a codec."""
        return row_layout(self.checkpoint.single_dim, self.checkpoint.row_dim, codec)

    def held_embedder(self, codec: str) -> Embedder | None:
        """What encodes chunks with it, where some generation has one."""
        return self._embedders.get(codec)

    def embedder(self, codec: str) -> Embedder:
        """What encodes chunks with it; the compiled model is loaded with the first chunk."""
        from indexer.ingest.embed import Embedder

        with _lock:
            known = self._embedders.get(codec)
            if known is None:
                max_memory_bytes = BuildSettings().max_memory_bytes
                row_codec = self.layout(codec).codec
                known = Embedder(self.checkpoint, self, row_codec, max_memory_bytes)
                self._embedders[codec] = known
            return known


def held_model(fingerprint: str) -> OpenModel | None:
    """The model of a fingerprint, where some generation has it open."""
    return _models.get(fingerprint)


def open_model(name_or_folder: str, fingerprint: str) -> OpenModel | None:
    """The model of a fingerprint; None where another one lies under that name.

    Raises CheckpointError.
    """
    with _lock:
        known = _models.get(fingerprint)
        if known is None:
            checkpoint = open_checkpoint(name_or_folder)
            if checkpoint.fingerprint != fingerprint:
                return None
            known = _models[fingerprint] = OpenModel(checkpoint)
        return known


def load_model_ahead(settings: BuildSettings, *, is_brief: bool = False) -> Future[Encoder]:
    """Begin to load what encodes chunks, in a thread beside a build of words after which searches encode.

    `is_brief` where these are to encode a file or two. It stays loaded for as long as what is returned is
    held. Raises CheckpointError.
    """
    return load_ahead(open_checkpoint(settings.model), settings.max_memory_bytes, is_brief)
