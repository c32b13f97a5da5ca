"""Windows to packed batches without padding, and a batch's vectors back to single sequences.

Greedy best fit, longest first: a window goes to the fullest lane that still has room. Where whole
sequences are compared with each other in a rectangle, a lane of short ones is to be short too. The same
windows give the same batches. Not the encoder: nothing here computes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

import numpy as np

from indexer.records import Int64Array, PackedBatch, SequenceVectors, TokenVectors, Window


def pack(windows: Sequence[Window], batch_tokens: int, short_lane_tokens: int = 0) -> list[PackedBatch]:
    """Batches of at most `batch_tokens` tokens; a longer window gets a batch of its own.

    A batch is one lane, or as many of `short_lane_tokens` as it holds: those take windows of at most half
    their length that fit no longer lane. Sequences of a lane are ordered by falling length.
    """
    order = sorted(range(len(windows)), key=lambda i: (-len(windows[i].input_ids), i))
    lanes: list[list[Window]] = []
    n_long = 0
    room: list[tuple[int, int]] = []  # (tokens left, number of the lane), sorted
    for i in order:
        n = len(windows[i].input_ids)
        at = bisect_left(room, (n, -1))
        if at == len(room):
            is_short = 2 * n <= short_lane_tokens
            n_long += not is_short
            lanes.append([])
            left, number = short_lane_tokens if is_short else max(batch_tokens, n), len(lanes) - 1
        else:
            left, number = room.pop(at)
        lanes[number].append(windows[i])
        if left > n:
            insort(room, (left - n, number))
    n_together = max(1, batch_tokens // short_lane_tokens) if short_lane_tokens else 1
    short = range(n_long, len(lanes), n_together)  # windows fall in length: short lanes were opened last
    groups = [[lane] for lane in lanes[:n_long]] + [lanes[first : first + n_together] for first in short]
    return [_batch(group) for group in groups]


def count_slots(batches: Sequence[PackedBatch], block: int) -> int:
    """Slots of batches as rectangles, whose lanes are as wide as the longest, a multiple of `block`."""
    lanes = (np.diff(batch.cu_seqlens[batch.cu_lanes]) for batch in batches)
    return sum(len(tokens) * -(-int(tokens.max()) // block) * block for tokens in lanes)


def utilisation(batches: Sequence[PackedBatch], block: int) -> float:
    """Tokens over `count_slots`, 0 to 1; 1 for no batches."""
    n_slots = count_slots(batches, block)
    return sum(len(batch.input_ids) for batch in batches) / n_slots if n_slots else 1.0


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


def _batch(lanes: Sequence[Sequence[Window]]) -> PackedBatch:
    members = [window for lane in lanes for window in lane]
    lengths = [len(window.input_ids) for window in members]
    return PackedBatch(
        input_ids=np.concatenate([window.input_ids for window in members]).astype(np.int64),
        position_ids=np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
        cu_seqlens=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        max_seqlen=max(lengths),
        sequence_ids=np.array([window.window_id for window in members], dtype=np.int64),
        cu_lanes=np.cumsum([0, *map(len, lanes)]).astype(np.int32),
    )
