"""Token vectors of one chunk to what is stored of it: a vector for it and each area, a row a kept token.

Late chunking: an area's vector is the mean of its own tokens, each of which has seen the whole pass.
Not the projection of rows, which the encoder does for a whole batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.dense import LoadedDense, apply_dense, load_dense
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.pooling import pool_tokens
from indexer.records import Float32Array, Int32Array, SequenceVectors, TokenizedChunk


@dataclass(frozen=True, slots=True)
class PoolRecipe:
    """How one checkpoint pools; made once by `pool_recipe`."""

    pooling: str | None
    """One of POOLINGS; None: no single vectors."""
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


@dataclass(frozen=True, slots=True)
class PooledChunk:
    """What is stored of one chunk, before rows are coded."""

    single: Float32Array
    """(1 + A, D), unit norm: the chunk, then its areas; (0, 0) where the checkpoint has no such use."""
    rows: Float32Array
    """(n, D), unit norm, one a kept token; (0, 0) where it has no such head."""
    row_chars: Int32Array
    """(n, 2): characters of each row's token from the start of the chunk; (0, 0) for specials and header."""

    @property
    def n_header(self) -> int:
        """Leading rows of specials and header."""
        in_text = self.row_chars[:, 1] > 0
        return int(np.argmax(in_text)) if in_text.any() else len(in_text)

    @property
    def _body(self) -> Int32Array:
        """First characters of the rows that stand in the text."""
        in_text = self.row_chars[:, 1] > 0
        n_tail = int(np.argmax(in_text[::-1])) if in_text.any() else 0
        return self.row_chars[self.n_header : len(in_text) - n_tail, 0]

    def end_rows(self, regions: Int32Array) -> NDArray[np.int64]:
        """(R,) the row, half-open, at which each region ends; `regions` is (R, 2) and tiles the chunk."""
        ends = np.searchsorted(self._body, regions[:, 1]) + self.n_header
        ends[-1] = len(self.rows)
        return ends

    def starts_within(self, regions: Int32Array, nowhere: int) -> NDArray[np.int64]:
        """(n,) where each row's token begins in its region; `nowhere` for what is not in the text."""
        body = self._body
        starts = np.full(len(self.rows), nowhere)
        region = np.searchsorted(regions[:-1, 1], body, "right")
        starts[self.n_header : self.n_header + len(body)] = body - regions[region, 0]
        return starts


def pool_chunk(
    tokenized: TokenizedChunk,
    start_char: int,
    areas: Int32Array,
    vectors: SequenceVectors,
    recipe: PoolRecipe,
) -> PooledChunk:
    """Everything stored of a chunk, from its tokens' vectors.

    `start_char` is the chunk's place in its file; `areas` is (A, 2), characters from the start of the chunk.
    """
    single = _pool_single(tokenized, areas + np.int32(start_char), vectors.hidden, recipe)
    if vectors.rows is None:
        return PooledChunk(single, np.empty((0, 0), np.float32), np.empty((0, 2), np.int32))
    kept = recipe.is_kept[tokenized.input_ids]
    chars = tokenized.token_chars[kept]
    # Specials and header are at no place of the text: their rows cover (0, 0).
    chars = np.where(chars < 0, np.int32(0), chars - np.int32(start_char)).astype(np.int32)
    return PooledChunk(single, np.ascontiguousarray(vectors.rows[kept]), chars)


def _pool_single(
    tokenized: TokenizedChunk, areas: Int32Array, hidden: Float32Array, recipe: PoolRecipe
) -> Float32Array:
    """(1 + A, D); `areas` count from the start of the file."""
    if recipe.pooling is None:
        return np.empty((0, 0), np.float32)
    n_left_out = min(recipe.n_left_out, len(hidden) - 1)
    whole = pool_tokens(recipe.pooling, hidden, n_left_out)
    pooled = np.empty((1 + len(areas), hidden.shape[1]), np.float32)
    pooled[0] = whole
    first, last = tokenized.n_header, len(tokenized.input_ids) - tokenized.n_tail
    borders = np.searchsorted(tokenized.token_chars[first:last, 0], areas) + first
    for number, (begin, end) in enumerate(borders.tolist(), start=1):
        # An area without a token of its own (white space, say) is as near to the chunk as can be said.
        pooled[number] = hidden[begin:end].mean(axis=0) if end > begin else whole
    return finish_single(pooled, recipe.dense, recipe.single_dim)


def finish_single(pooled: Float32Array, dense: tuple[LoadedDense, ...], dim: int) -> Float32Array:
    """Pooled vectors (V, H) through the layers behind the pooling, cut to `dim`, unit norm: (V, dim)."""
    return normalize_rows(apply_dense(pooled, dense)[:, :dim])


def normalize_rows(vectors: Float32Array) -> Float32Array:
    """Unit norm along the last axis; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: Float32Array = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return out
