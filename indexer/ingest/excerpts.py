"""Excerpts: the regions of a long chunk that words point at, read as one text behind the chunk's header.

A question from nothing has time for a few long chunks or for the telling parts of many. An excerpt has a key
of its own, for its tokens have not seen the rest of the chunk; the regions that are stored with it say which
they are. There is one a chunk at most. Pure: nothing here stores or encodes.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.chunking.regions import Regions
from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.ingest.prepare import PreparedChunk
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int32Array, Int64Array
from indexer.vectors.ragged import run_places

EXCERPT_TOKENS = 800
"""Tokens of a chunk that are read of it: as many from 650 on find as much in context, fewer find less."""
LEAST_SAVED = 3.5
"""A chunk of at most so many times the tokens of an excerpt is read whole: words point at a part of it."""


def pick_regions(worth: Float32Array, n_tokens: NDArray[np.floating]) -> tuple[int, ...]:
    """The best regions of a chunk that an excerpt has room for, in their order; at least the best one.

    `worth` is (R,), 0 for a region that holds no word; `n_tokens` is (R,), of each region. Among equals those
    next to the best one: an excerpt is filled, for a region that is read alone is more alike to any query.
    """
    distance = np.abs(np.arange(len(worth)) - int(worth.argmax()))
    picked: list[int] = []
    left = float(EXCERPT_TOKENS)
    for at in np.lexsort((distance, -np.round(worth, 3))).tolist():
        if picked and n_tokens[at] > left:
            break
        picked.append(at)
        left -= float(n_tokens[at])
    return tuple(sorted(picked))


def excerpt_key(key: str) -> str:
    """Under which the excerpt of a chunk is stored, from the chunk's own key."""
    return hashlib.sha256(f"excerpt {key}".encode()).hexdigest()


def excerpt_of(whole: PreparedChunk, ordinals: tuple[int, ...]) -> PreparedChunk:
    """These regions of a chunk, numbered from 0 and in order, ready for the model."""
    tokenized, chars = whole.tokenized, whole.regions.chars
    first, stop = tokenized.n_header, len(tokenized.input_ids) - tokenized.n_tail
    starts = tokenized.token_chars[first:stop, 0]
    borders = np.searchsorted(starts, chars[1:, 0] + whole.chunk.start_char) + first
    borders = np.concatenate([[first], borders, [stop]])
    picked = np.array(ordinals)
    body = run_places(borders[picked], borders[picked + 1] - borders[picked])
    kept = np.concatenate([np.arange(first), body, np.arange(stop, len(tokenized.input_ids))])
    return PreparedChunk(
        whole.chunk,
        replace(tokenized, input_ids=tokenized.input_ids[kept], token_chars=tokenized.token_chars[kept]),
        Regions(chars[picked], np.empty((0, 2), np.int32)),
        excerpt_key(whole.key),
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """An excerpt's vectors as those of its whole chunk, of which most regions have none."""

    single: NDArray[np.float16]
    """(1 + R, H): zeros for regions that were not read."""
    regions: Int32Array
    """(R, 3) as `StoredEmbedding` has them; regions that were not read have no rows."""
    unread: Int64Array
    """Numbers of those regions."""


def spread(stored: StoredEmbedding, single: NDArray[np.float16], chunk_regions: Int32Array) -> Spread:
    """The vectors of an excerpt over all regions (R, 3) of its chunk; `single` are its own (1 + r, H)."""
    n = len(chunk_regions)
    at = np.searchsorted(chunk_regions[:, 0], stored.regions[:, 0])
    counts = np.zeros(n, np.int64)
    counts[at] = np.diff(np.concatenate([[stored.n_header_rows], stored.regions[:, 2]]))
    regions = np.array(chunk_regions)
    regions[:, 2] = stored.n_header_rows + np.cumsum(counts)
    all_ = np.zeros((1 + n if len(single) else 0, single.shape[1]), np.float16)
    if len(single):
        all_[np.concatenate([[0], 1 + at])] = single
    return Spread(all_, regions, np.setdiff1d(np.arange(n), at))
