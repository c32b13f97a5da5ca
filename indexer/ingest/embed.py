"""Prepared chunks become the vectors that are stored of them: windows, packed batches, the model, pooling.

Pure but for the model that it holds: nothing is stored, and the same chunks give the same vectors in any
process. Importing this loads no model library; the first chunk does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexer.chunking.pack import count_slots, pack, split_vectors
from indexer.chunking.windows import cut_section_windows, cut_windows, join_windows
from indexer.embeddings.embedding_store import NOWHERE, NewEmbedding, stored_rows
from indexer.encoders import loading
from indexer.encoders.chunk_vectors import PoolRecipe, pool_chunk, pool_recipe
from indexer.ingest.prepare import PreparedChunk, sections_of
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import PackedBatch, SequenceVectors, Window
from indexer.vectors.row_codec import RowCodec

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What is made before it is asked for."""

    vectors: Future[dict[str, NewEmbedding]]
    """By key."""
    encoder: Future[Encoder]
    """The model that makes them."""


_encoding: dict[str, _Ahead] = {}
"""By the model's fingerprint."""


def encode_ahead(
    checkpoint: Checkpoint, reader: Reader, codec: RowCodec | None, chunks: Sequence[PreparedChunk]
) -> None:
    """Begin to encode a few chunks for the search that follows, in a thread, if a model is loaded ahead."""
    encoder = loading.take(checkpoint) if chunks else None
    if encoder is None:
        return

    def encode() -> dict[str, NewEmbedding]:
        embedder = Embedder(checkpoint, reader, codec, 0, encoder)
        return {new.key: new for finished in embedder.embed(chunks) for new in finished}

    _encoding[checkpoint.fingerprint] = _Ahead(loading.in_thread(encode), encoder)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A chunk that is computed window by window."""

    chunk: PreparedChunk
    windows: list[Window]
    parts: dict[int, SequenceVectors]
    """Of the windows that are done, by their ids."""


class Reader(Protocol):
    """What made the chunks, or has the same tokenizer."""

    @property
    def tokenizer(self) -> ChunkTokenizer:
        """The checkpoint's; may be loaded when first asked for."""


class Embedder:
    """One model, loaded when the first chunk comes."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        reader: Reader,
        codec: RowCodec | None,
        max_memory_bytes: int,
        begun: Future[Encoder] | None = None,
    ) -> None:
        """`codec` is None where the checkpoint makes no token rows; `begun` is the model, being loaded."""
        self._checkpoint = checkpoint
        self._reader = reader
        self._codec = codec
        self._max_memory_bytes = max_memory_bytes
        self._n_tokens = self._n_slots = 0
        self.n_computed = 0.0
        """Tokens of chunks so far; of one of which some windows are computed, its share."""
        self._begun = begun

    @property
    def utilisation(self) -> float:
        """Tokens over the slots of all packed rows so far, 0 to 1; 1 before the first."""
        return self._n_tokens / self._n_slots if self._n_slots else 1.0

    @cached_property
    def _encoder(self) -> Encoder:
        begun, self._begun = self._begun or loading.take(self._checkpoint), None
        return begun.result() if begun else loading.load_encoder(self._checkpoint, self._max_memory_bytes)

    @cached_property
    def _recipe(self) -> PoolRecipe:
        tokenizer = self._reader.tokenizer
        return pool_recipe(self._checkpoint, tokenizer.skip_ids(), tokenizer.n_document_prompt)

    def load_ahead(self) -> None:
        """Begin to load tokenizer and model in a thread; `release` lets go what nothing needed."""

        def load() -> Encoder:
            _ = self._reader.tokenizer  # the first that is waited for
            return loading.load_encoder(self._checkpoint, self._max_memory_bytes)

        has_it = "_encoder" in vars(self) or self._begun is not None
        if not has_it and not loading.is_loading(self._checkpoint):
            self._begun = loading.in_thread(load)

    def load(self) -> None:
        """Load the model, if it is not there yet."""
        _ = self._encoder

    def encoded_ahead(self) -> dict[str, NewEmbedding]:
        """What `encode_ahead` was given, by key, once it is done, and its model for what comes.

        Empty where there was nothing, or it failed: who encodes it again meets the error.
        """
        ahead = _encoding.pop(self._checkpoint.fingerprint, None)
        if ahead is None:
            return {}
        has_failed = ahead.vectors.exception() is not None
        self._begun = self._begun or ahead.encoder
        return {} if has_failed else ahead.vectors.result()

    def embed(self, chunks: Sequence[PreparedChunk]) -> Iterator[list[NewEmbedding]]:
        """After each batch, the chunks of which it held the last window; each chunk comes once."""
        if chunks:
            yield from self.embed_lots([chunks])

    def embed_lots(self, lots: Iterable[Sequence[PreparedChunk]]) -> Iterator[list[NewEmbedding]]:
        """The same, lot after lot: the next is asked for while the last batches of one are computed."""
        encoder = self._encoder
        begun: dict[int, _Begun] = {}
        """By the windows that are not computed yet."""

        def batches() -> Iterator[PackedBatch]:
            n_windows = 0
            for lot in lots:
                windows: list[Window] = []
                for prepared in lot:
                    cut = chunk_windows(prepared, self._checkpoint, n_windows + len(windows))
                    begun.update(dict.fromkeys((each.window_id for each in cut), _Begun(prepared, cut, {})))
                    windows += cut
                n_windows += len(windows)
                packed = pack(windows, encoder.batch_tokens, encoder.short_lane_tokens)
                self._n_tokens += sum(len(window.input_ids) for window in windows)
                self._n_slots += count_slots(packed, encoder.block_tokens)
                yield from packed

        for vectors in encoder.encode_all(batches()):
            done = []
            for part in split_vectors(vectors):
                owner = begun.pop(part.sequence_id)
                owner.parts[part.sequence_id] = part
                self.n_computed += len(owner.chunk.tokenized.input_ids) / len(owner.windows)
                if len(owner.parts) == len(owner.windows):
                    parts = [owner.parts[window.window_id] for window in owner.windows]
                    joined = join_windows(owner.chunk.chunk.chunk_id, owner.windows, parts)
                    done.append(self._pooled(owner.chunk, joined))
            yield done

    def release(self) -> None:
        """Let the model go, and the memory that its library keeps."""
        begun, self._begun = self._begun, None
        if vars(self).pop("_encoder", begun) is not None:
            from indexer.encoders.cpu_memory import release_memory

            release_memory()

    def _pooled(self, prepared: PreparedChunk, vectors: SequenceVectors) -> NewEmbedding:
        """One chunk's vectors as they are stored: single rows for chunk, regions and wide spans."""
        regions = prepared.regions
        areas = np.concatenate([regions.chars, regions.wide_chars])
        pooled = pool_chunk(prepared.tokenized, prepared.chunk.start_char, areas, vectors, self._recipe)
        end_rows = pooled.end_rows(regions.chars)
        stored = np.empty((0, 0), np.uint8)
        if self._codec is not None and len(pooled.rows):
            starts = pooled.starts_within(regions.chars, NOWHERE)
            stored = stored_rows(self._codec.encode(pooled.rows), starts)
        return NewEmbedding(
            key=prepared.key,
            single=pooled.single,
            rows=stored,
            regions=np.column_stack([regions.chars, end_rows]).astype(np.int32),
            wide=regions.wide_chars if len(pooled.single) else np.empty((0, 2), np.int32),
            n_header_rows=pooled.n_header,
        )


def chunk_windows(prepared: PreparedChunk, checkpoint: Checkpoint, first_window_id: int) -> list[Window]:
    """A document is read section by section where the checkpoint wants it, all else in long strides."""
    tokenized, window_tokens = prepared.tokenized, checkpoint.window_tokens
    sections = sections_of(prepared.chunk)
    chars = prepared.regions.chars + np.int32(prepared.chunk.start_char)
    if checkpoint.section_tokens and len(sections):
        windows = cut_section_windows(
            tokenized, chars, sections, checkpoint.section_tokens, window_tokens, first_window_id
        )
        if all(len(window.input_ids) <= window_tokens for window in windows):
            return windows
    return cut_windows(tokenized, window_tokens, checkpoint.overlap_tokens, first_window_id)
