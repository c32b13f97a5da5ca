"""A query to vectors in NumPy: the same weights and the same answer as the torch path, without torch.

A query is a handful of tokens, so that loading torch would cost hundreds of times the arithmetic.
Only the rows of the embedding matrix that a query needs are read from the mapped file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.chunk_vectors import finish_single, normalize_rows
from indexer.encoders.dense import activate, apply_dense, load_dense
from indexer.errors import CheckpointError
from indexer.models.checkpoint import Checkpoint
from indexer.models.pooling import pool_tokens
from indexer.models.tokens import ChunkTokenizer
from indexer.models.weights import TensorFiles
from indexer.records import Float32Array, Int32Array, QueryVectors, TokenizedQuery
from indexer.vectors.cores import one_blas_thread
from indexer.vectors.products import times_blocks, weight_blocks

_CACHED_QUERIES = 256
_EMBEDDINGS = "embeddings.tok_embeddings.weight"


class QueryEncoder:
    """Encodes queries with one checkpoint; remembers the last ones. Thread-safe."""

    def __init__(self, checkpoint: Checkpoint, tokenizer: ChunkTokenizer | None = None) -> None:
        self._checkpoint = checkpoint
        self._tokenizer = tokenizer or ChunkTokenizer(checkpoint)
        self._tensors = TensorFiles(checkpoint.weight_files)
        names = checkpoint.architecture.expected_shapes().keys() - {_EMBEDDINGS}
        weights = {name: self._tensors.float32(checkpoint.tensor_prefix + name) for name in names}
        self._vectors = {name: weight for name, weight in weights.items() if weight.ndim == 1}
        self._blocks = {name: weight_blocks(weight) for name, weight in weights.items() if weight.ndim == 2}
        self._row_dense = load_dense(checkpoint.rows.dense) if checkpoint.rows else ()
        self._single_dense = load_dense(checkpoint.single.dense) if checkpoint.single else ()
        self._cache: OrderedDict[str, QueryVectors] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, query: str) -> QueryVectors:
        """The vectors of a query; the same object for the same query while it is remembered."""
        with self._lock:
            if query in self._cache:
                self._cache.move_to_end(query)
                return self._cache[query]
        vectors = self._compute(self._tokenizer.tokenize_query(query))
        with self._lock:
            self._cache[query] = vectors
            while len(self._cache) > _CACHED_QUERIES:
                self._cache.popitem(last=False)
        return vectors

    def _compute(self, query: TokenizedQuery) -> QueryVectors:
        # These products are too small to share: waiting for a second thread costs more than it saves.
        with one_blas_thread():
            hidden = self._forward(query.input_ids, query.n_seen)
        if not np.isfinite(hidden).all():
            raise CheckpointError(
                f"{self._checkpoint.name} gives values that are not numbers; its weights are damaged."
            )
        single, head = None, self._checkpoint.single
        if head is not None:
            skipped = 0 if head.include_prompt or not self._checkpoint.query_prompt else query.n_prompt
            pooled = pool_tokens(head.pooling, hidden[: query.n_seen], skipped)
            single = finish_single(pooled[None, :], self._single_dense, head.dim)[0]
        rows = (
            normalize_rows(apply_dense(hidden, self._row_dense))
            if self._checkpoint.rows is not None
            else None
        )
        return QueryVectors(single, rows, query.tokens)

    def _forward(self, ids: Int32Array, n_seen: int) -> Float32Array:
        """Last hidden states, (n, H). Tokens from `n_seen` on see the ones before and are not seen."""
        a, n = self._checkpoint.architecture, len(ids)
        positions = np.arange(n)
        is_seen = np.broadcast_to(positions[None, :] < n_seen, (n, n))
        is_near = is_seen & (np.abs(positions[:, None] - positions[None, :]) <= a.half_window)
        masks = {is_global: is_seen if is_global else is_near for is_global in set(a.layer_is_global)}
        thetas = {True: a.global_theta, False: a.local_theta}
        rotations = {is_global: _rotation(thetas[is_global], a.head_dim, n) for is_global in masks}
        x = self._tensors.float32_rows(self._checkpoint.tensor_prefix + _EMBEDDINGS, ids)
        x = self._norm(x, "embeddings.norm")
        for layer, is_global in enumerate(a.layer_is_global):
            name = f"layers.{layer}"
            qkv = self._linear(x if layer == 0 else self._norm(x, f"{name}.attn_norm"), f"{name}.attn.Wqkv")
            qkv = qkv.reshape(n, 3, a.n_heads, a.head_dim).transpose(1, 2, 0, 3)  # (3, heads, n, head_dim)
            q, k = _rotate(qkv[:2], rotations[is_global])
            scores = (q @ k.transpose(0, 2, 1)) * np.float32(a.head_dim**-0.5)
            mixed = _softmax(scores, masks[is_global]) @ qkv[2]
            x += self._linear(mixed.transpose(1, 0, 2).reshape(n, a.hidden_size), f"{name}.attn.Wo")
            wide = self._linear(self._norm(x, f"{name}.mlp_norm"), f"{name}.mlp.Wi")
            gated = activate(wide[:, : a.intermediate_size], a.activation) * wide[:, a.intermediate_size :]
            x += self._linear(gated, f"{name}.mlp.Wo")
        return self._norm(x, "final_norm")

    def _linear(self, x: Float32Array, name: str) -> Float32Array:
        out = times_blocks(x, self._blocks[f"{name}.weight"])
        bias = self._vectors.get(f"{name}.bias")
        return out if bias is None else out + bias

    def _norm(self, x: Float32Array, name: str) -> Float32Array:
        size = np.float32(x.shape[-1])
        out: Float32Array = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("nh,nh->n", out, out)[:, None] / size
        out /= np.sqrt(variance + np.float32(self._checkpoint.architecture.norm_eps))
        out *= self._vectors[f"{name}.weight"]
        bias = self._vectors.get(f"{name}.bias")
        return out if bias is None else out + bias


def _rotation(theta: float, head_dim: int, n: int) -> Float32Array:
    """Cosines and sines, (2, n, head_dim / 2)."""
    inverse = 1.0 / theta ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))
    angles = np.arange(n, dtype=np.float32)[:, None] * inverse.astype(np.float32)
    return np.stack([np.cos(angles), np.sin(angles)])


def _rotate(x: Float32Array, rotation: Float32Array) -> Float32Array:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    cos, sin = rotation
    out = np.empty(x.shape, np.float32)
    np.subtract(a * cos, b * sin, out=out[..., :half])
    np.add(b * cos, a * sin, out=out[..., half:])
    return out


def _softmax(scores: Float32Array, mask: NDArray[np.bool_]) -> Float32Array:
    """Over the last axis where `mask` (n, n) allows; a row that sees nothing is all zeros."""
    out: Float32Array = np.where(mask, scores, np.float32(-np.inf))
    out -= np.maximum(out.max(axis=-1, keepdims=True), np.float32(-1e30))
    np.exp(out, out=out)
    out /= np.maximum(out.sum(axis=-1, keepdims=True), np.float32(1e-30))
    return out
