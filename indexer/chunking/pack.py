"""Windows to packed batches without padding, and a batch's vectors back to single sequences.

Greedy best fit, longest first: a window goes to the fullest batch that still has room. The same
windows give the same batches. Not the encoder: nothing here computes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

import numpy as np

from indexer.records import Int64Array, PackedBatch, SequenceVectors, TokenVectors, Window


def pack(windows: Sequence[Window], batch_tokens: int) -> list[PackedBatch]:
    """Batches of at most `batch_tokens` tokens; a longer window gets a batch of its own.

    Sequences of a batch are ordered by falling length, so that equal lengths lie side by side.
    """
    order = sorted(range(len(windows)), key=lambda i: (-len(windows[i].input_ids), i))
    bins: list[list[Window]] = []
    room: list[tuple[int, int]] = []  # (tokens left, number of the bin), sorted
    for i in order:
        n = len(windows[i].input_ids)
        at = bisect_left(room, (n, -1))
        if at == len(room):
            bins.append([])
            left, number = max(batch_tokens, n), len(bins) - 1
        else:
            left, number = room.pop(at)
        bins[number].append(windows[i])
        if left > n:
            insort(room, (left - n, number))
    return [_batch(members) for members in bins]


def utilisation(batches: Sequence[PackedBatch], batch_tokens: int) -> float:
    """Tokens over capacity, 0 to 1; 1 for no batches."""
    capacity = sum(max(batch_tokens, len(batch.input_ids)) for batch in batches)
    return sum(len(batch.input_ids) for batch in batches) / capacity if capacity else 1.0


def unpack(batches: Iterable[PackedBatch]) -> dict[int, Int64Array]:
    """The token ids of every sequence by its `window_id`, in rising order: what `pack` was given."""
    found = {}
    for batch in batches:
        borders = batch.cu_seqlens.tolist()
        for b, window_id in enumerate(batch.sequence_ids.tolist()):
            found[window_id] = batch.input_ids[borders[b] : borders[b + 1]]
    return dict(sorted(found.items()))


def split_vectors(vectors: TokenVectors) -> list[SequenceVectors]:
    """The vectors of each sequence of a batch, in the batch's order; views, not copies."""
    borders = vectors.cu_seqlens.tolist()
    rows = vectors.rows
    return [
        SequenceVectors(
            window_id,
            vectors.hidden[borders[b] : borders[b + 1]],
            None if rows is None else rows[borders[b] : borders[b + 1]],
        )
        for b, window_id in enumerate(vectors.sequence_ids.tolist())
    ]


def _batch(members: Sequence[Window]) -> PackedBatch:
    lengths = [len(window.input_ids) for window in members]
    return PackedBatch(
        input_ids=np.concatenate([window.input_ids for window in members]).astype(np.int64),
        position_ids=np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
        cu_seqlens=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        max_seqlen=max(lengths),
        sequence_ids=np.array([window.window_id for window in members], dtype=np.int64),
    )
