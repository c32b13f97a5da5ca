"""A query to vectors in NumPy: the same weights and the same answer as the torch path, without torch.

A query is a handful of tokens, so that loading torch would cost hundreds of times the arithmetic.
Only the rows of the embedding matrix that a query needs are read from the mapped file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.chunk_vectors import finish_single, normalize_rows
from indexer.encoders.dense import activate, apply_dense, load_dense
from indexer.errors import CheckpointError
from indexer.models.checkpoint import Checkpoint
from indexer.models.pooling import pool_tokens
from indexer.models.tokens import ChunkTokenizer
from indexer.models.weights import TensorFiles
from indexer.records import Float32Array, QueryVectors, TokenizedQuery
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

    def encode(self, query: str, also: Sequence[str] = ()) -> QueryVectors:
        """The vectors of a query; the same object for the same query while it is remembered.

        Those of `also` are computed with it and remembered: by itself a short text costs the reading of all
        weights.
        """
        with self._lock:
            missing = [text for text in dict.fromkeys((query, *also)) if text not in self._cache]
            if query not in missing:
                self._cache.move_to_end(query)
                return self._cache[query]
        vectors = self._compute([self._tokenizer.tokenize_query(text) for text in missing])
        with self._lock:
            self._cache |= zip(missing, vectors, strict=True)
            while len(self._cache) > _CACHED_QUERIES:
                self._cache.popitem(last=False)
        return vectors[0]

    def _compute(self, queries: Sequence[TokenizedQuery]) -> list[QueryVectors]:
        # These products are too small to share: waiting for a second thread costs more than it saves.
        with one_blas_thread():
            every = self._forward(queries)
        if not np.isfinite(every).all():
            raise CheckpointError(
                f"{self._checkpoint.name} gives values that are not numbers; its weights are damaged."
            )
        return [
            self._vectors_of(query, every[place])
            for query, place in zip(queries, _places(queries), strict=True)
        ]

    def _vectors_of(self, query: TokenizedQuery, hidden: Float32Array) -> QueryVectors:
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

    def _forward(self, queries: Sequence[TokenizedQuery]) -> Float32Array:
        """Last hidden states of all tokens, (n, H): layers see them as one text, attention each query alone.

        Tokens from a query's `n_seen` on see the ones before and are not seen.
        """
        a, places = self._checkpoint.architecture, _places(queries)
        ids = np.concatenate([query.input_ids for query in queries])
        n, kinds = len(ids), set(a.layer_is_global)
        thetas = {True: a.global_theta, False: a.local_theta}
        positions = np.concatenate([np.arange(len(query.input_ids)) for query in queries])
        rotations = {kind: _rotation(thetas[kind], a.head_dim, positions, 2 * a.n_heads) for kind in kinds}
        reaches = {True: n, False: a.half_window}
        hidden_keys = {
            kind: [_hidden_keys(len(query.input_ids), query.n_seen, reaches[kind]) for query in queries]
            for kind in kinds
        }
        x = self._tensors.float32_rows(self._checkpoint.tensor_prefix + _EMBEDDINGS, ids)
        x = self._norm(x, "embeddings.norm")
        mixed = np.empty((n, a.n_heads, a.head_dim), np.float32)
        for layer, kind in enumerate(a.layer_is_global):
            name = f"layers.{layer}"
            qkv = self._linear(x if layer == 0 else self._norm(x, f"{name}.attn_norm"), f"{name}.attn.Wqkv")
            qk = _rotate(qkv[:, : 2 * a.hidden_size], rotations[kind], a.head_dim // 2).reshape(
                n, 2, a.n_heads, a.head_dim
            )
            v = qkv[:, 2 * a.hidden_size :].reshape(n, a.n_heads, a.head_dim)
            for place, unseen in zip(places, hidden_keys[kind], strict=True):
                mixed[place] = _attend(qk[place, 0], qk[place, 1], v[place], unseen)
            x += self._linear(mixed.reshape(n, a.hidden_size), f"{name}.attn.Wo")
            wide = self._linear(self._norm(x, f"{name}.mlp_norm"), f"{name}.mlp.Wi")
            gated = activate(wide[:, : a.intermediate_size], a.activation)
            gated *= wide[:, a.intermediate_size :]
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


def _places(queries: Sequence[TokenizedQuery]) -> list[slice]:
    """Where the tokens of each stand among those of all."""
    ends = np.cumsum([len(query.input_ids) for query in queries]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _rotation(
    theta: float, head_dim: int, positions: NDArray[np.integer], n_heads: int
) -> tuple[Float32Array, Float32Array]:
    """For `_rotate`, (n, n_heads * head_dim) each: cosines, and sines, negative for a head's second half."""
    inverse = 1.0 / theta ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))
    angles = positions.astype(np.float32)[:, None] * inverse.astype(np.float32)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.tile(cos, 2 * n_heads), np.tile(np.concatenate([sin, -sin], axis=1), n_heads)


def _rotate(x: Float32Array, rotation: tuple[Float32Array, Float32Array], half: int) -> Float32Array:
    """Heads side by side, (n, heads * head_dim), of which each turns its halves (a, b) as one.

    That is (a cos - b sin, b cos + a sin), with whole rows multiplied at once and halves only added: they are
    too short for NumPy.
    """
    cos, sin = rotation
    out = x * cos
    halves = len(x), -1, 2, half
    out.reshape(halves)[:] += (x * sin).reshape(halves)[:, :, ::-1]
    return out


def _hidden_keys(n: int, n_seen: int, reach: int) -> Float32Array | None:
    """(keys, queries), to be added to scores: -inf for what a token does not see; None where all see all."""
    at = np.arange(n)
    is_seen = (at[:, None] < n_seen) & (np.abs(at[:, None] - at) <= reach)
    return None if is_seen.all() else np.where(is_seen, np.float32(0), np.float32(-np.inf))


def _attend(
    q: Float32Array, k: Float32Array, v: Float32Array, hidden_keys: Float32Array | None
) -> Float32Array:
    """What each token of a text takes from others, (n, heads, head_dim); zeros for one that sees nothing.

    Keys stand before queries: NumPy takes maxima and sums over the first of two axes many times faster.
    """
    scaled = q * np.float32(q.shape[-1] ** -0.5)
    scores = k.transpose(1, 0, 2) @ scaled.transpose(1, 2, 0)  # (heads, keys, queries)
    if hidden_keys is not None:
        scores += hidden_keys
    scores -= np.maximum(scores.max(axis=1, keepdims=True), np.float32(-1e30))
    np.exp(scores, out=scores)
    mixed: Float32Array = scores.transpose(0, 2, 1) @ v.transpose(1, 0, 2)
    mixed /= np.maximum(scores.sum(axis=1), np.float32(1e-30))[:, :, None]
    return mixed.transpose(1, 0, 2)
