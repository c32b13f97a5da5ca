"""Which shards a question goes to, where there are more than it can be put to at once.

Of each shard two things are known to whoever asks: the mean of its chunks' single vectors, and which rare
words it holds. A question's words count by how few shards have them, its vector by cosine; the best shards of
both are asked. What that loses is measured in `tests/benchmarks/cluster.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np

from indexer.open_generation import OpenGeneration
from indexer.records import Float32Array, Int64Array
from indexer.storage.full_text import REGIONS
from indexer.vectors.row_codec import float16_to_float32

MAX_WORDS = 8192
"""Of a sketch: 64 KB a shard."""
_COSINE_WEIGHT = 4.0
"""A cosine that stands out by one spread weighs as so many nats of rarity."""


def centroid_of(generation: OpenGeneration) -> Float32Array:
    """(H,) unit mean of the single vectors of a shard's chunks; empty where the model makes none."""
    tables, sums = generation.tables, None
    for at in np.flatnonzero(tables.n_single > 0).tolist():
        first = int(tables.single_start[at])
        row = float16_to_float32(generation.segments.single(int(tables.segment[at]), 0, first + 1)[first])
        sums = row.astype(np.float64) if sums is None else sums + row
    if sums is None:
        return np.empty(0, np.float32)
    return (sums / max(float(np.linalg.norm(sums)), 1e-9)).astype(np.float32)


def sketch_of(generation: OpenGeneration) -> Int64Array:
    """(S,) ascending hashes of a shard's rarest MAX_WORDS stems, those of more than one region first."""
    rows = generation.store.query(f"SELECT term, doc FROM {REGIONS}_terms ORDER BY doc > 1 DESC, doc", ())
    hashes = {word_hash(str(term)) for term, _ in rows[:MAX_WORDS]}
    return np.array(sorted(hashes), np.int64)


def word_hash(stem: str) -> int:
    """63 bits of a stem."""
    raw = hashlib.blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little") >> 1


class Prefilter:
    """Which of many shards a question is put to. Made once a catalogue; threads may share it."""

    def __init__(
        self, names: Sequence[str], sketches: Sequence[Int64Array], centroids: Sequence[Float32Array]
    ) -> None:
        """One sketch and one centroid (H,) a shard; centroids may be empty."""
        self._at = {name: at for at, name in enumerate(names)}
        owner = np.repeat(np.arange(len(names)), [len(each) for each in sketches])
        hashes = np.concatenate([*sketches, np.empty(0, np.int64)])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._owner = hashes[order], owner[order]
        sizes = {len(each) for each in centroids}
        self._centroids = np.stack(centroids) if len(sizes) == 1 and sizes != {0} else None

    def choose(
        self, names: Sequence[str], stems: Iterable[str], vector: Float32Array | None, n_wanted: int
    ) -> list[str]:
        """The most promising of these shards, in the order given; all where they are no more."""
        if len(names) <= n_wanted:
            return list(names)
        own = np.array([self._at[name] for name in names])
        scores = np.zeros(len(self._at))
        for stem in set(stems):
            first, last = np.searchsorted(self._hashes, [word_hash(stem), word_hash(stem) + 1])
            if last > first:
                scores[self._owner[first:last]] += math.log(1.0 + len(self._at) / (last - first))
        if vector is not None and self._centroids is not None:
            cosines = self._centroids @ vector
            scores += _COSINE_WEIGHT * (cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)
        best = set(np.argsort(-scores[own], kind="stable")[:n_wanted].tolist())
        return [name for at, name in enumerate(names) if at in best]
