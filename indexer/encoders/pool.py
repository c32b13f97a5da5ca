"""Token vectors of one chunk to what is stored of it: a vector for it and each span, a row a kept token.

Late chunking: a span's vector is the mean of its own tokens, each of which has seen the whole pass.
Not the projection of rows, which the encoder does for a whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.dense import LoadedDense, apply_dense, load_dense
from indexer.models.checkpoint import Checkpoint
from indexer.records import Chunk, ChunkEmbedding, Embedding, Float32Array, Int32Array, TokenizedChunk


@dataclass(frozen=True, slots=True)
class PoolRecipe:
    """How one checkpoint pools; made once by `pool_recipe`."""

    pooling: str | None
    """`mean` or `cls`; None: no single vectors."""
    n_left_out: int
    """Leading tokens that the chunk's mean leaves out."""
    dense: tuple[LoadedDense, ...]
    single_dim: int
    is_kept: NDArray[np.bool_]
    """(vocabulary,): True where a token gets a row."""


def pool_recipe(checkpoint: Checkpoint, skip_ids: Int32Array, n_document_prompt: int) -> PoolRecipe:
    """The recipe of a checkpoint; the last two come from its `ChunkTokenizer`."""
    is_kept = np.ones(checkpoint.architecture.vocab_size, dtype=np.bool_)
    is_kept[skip_ids] = False
    single = checkpoint.single
    if single is None:
        return PoolRecipe(None, 0, (), 0, is_kept)
    n_left_out = 0 if single.include_prompt or not checkpoint.document_prompt else n_document_prompt
    return PoolRecipe(single.pooling, n_left_out, load_dense(single.dense), single.dim, is_kept)


def pool_chunk(
    chunk: Chunk,
    tokenized: TokenizedChunk,
    hidden: Float32Array,
    rows: Float32Array | None,
    recipe: PoolRecipe,
) -> ChunkEmbedding:
    """Everything stored of a chunk, from its tokens' vectors: hidden (n, H), rows (n, D) or None."""
    return ChunkEmbedding(
        single=None if recipe.pooling is None else _pool_single(chunk, tokenized, hidden, recipe),
        multi=None if rows is None else _keep_rows(chunk, tokenized, rows, recipe),
    )


def _pool_single(
    chunk: Chunk, tokenized: TokenizedChunk, hidden: Float32Array, recipe: PoolRecipe
) -> Embedding:
    whole = (
        hidden[0]
        if recipe.pooling == "cls"
        else hidden[min(recipe.n_left_out, len(hidden) - 1) :].mean(axis=0)
    )
    pooled = np.empty((1 + len(chunk.spans), hidden.shape[1]), np.float32)
    pooled[0] = whole
    chars = np.empty((len(pooled), 2), np.int32)
    chars[0] = (0, len(chunk.text))
    first, last = tokenized.n_header, len(tokenized.input_ids) - tokenized.n_tail
    starts = tokenized.token_chars[first:last, 0]
    for number, span in enumerate(chunk.spans, start=1):
        begin, end = np.searchsorted(starts, [span.start_char, span.end_char]) + first
        # A span without a token of its own (white space, say) is as near to the chunk as can be said.
        pooled[number] = hidden[begin:end].mean(axis=0) if end > begin else whole
        chars[number] = (span.start_char - chunk.start_char, span.end_char - chunk.start_char)
    return Embedding(finish_single(pooled, recipe.dense, recipe.single_dim), chars)


def _keep_rows(chunk: Chunk, tokenized: TokenizedChunk, rows: Float32Array, recipe: PoolRecipe) -> Embedding:
    kept = recipe.is_kept[tokenized.input_ids]
    chars = tokenized.token_chars[kept]
    # Specials and header stand at no place of the text: their rows cover (0, 0).
    chars = np.where(chars < 0, np.int32(0), chars - np.int32(chunk.start_char)).astype(np.int32)
    return Embedding(np.ascontiguousarray(rows[kept]), chars)


def finish_single(pooled: Float32Array, dense: tuple[LoadedDense, ...], dim: int) -> Float32Array:
    """Pooled vectors (V, H) through the layers behind the pooling, cut to `dim`, unit norm: (V, dim)."""
    return normalize_rows(apply_dense(pooled, dense)[:, :dim])


def normalize_rows(vectors: Float32Array) -> Float32Array:
    """Unit norm along the last axis; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: Float32Array = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return out
