"""What every search structure over vectors offers; `index_choice.py` chooses one.

Values and protocols: `exact.py`, `faiss_index.py` and
`plaid_index.py` implement the protocols; builds and searches hold to them.

Ids are the caller's 64-bit integers, 0 or more. They must outlive a generation (a place in the
embedding store does, a row number of one generation does not), because an index that is added to
and removed from carries them over.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of the stored vectors, best first; equal scores by ascending id."""

    ids: Int64Array
    """(k,), fewer where fewer are stored or allowed."""
    scores: Float32Array
    """(k,): inner products; for documents of token rows, the sum over query rows of the best row."""


class SingleIndex(Protocol):
    """Nearest single vectors by inner product."""

    @property
    def n_rows(self) -> int:
        """Vectors stored."""

    def search(
        self, query: Float32Array, k: int, allowed: Int64Array | None = None, least: float = -math.inf
    ) -> Neighbours:
        """The k nearest to a query (D,), less those below the score `least`.

        Only among the ids in `allowed` where that is given.
        """


class MultiIndex(Protocol):
    """Nearest documents of token rows by late interaction."""

    @property
    def n_documents(self) -> int:
        """Documents stored."""

    def search(self, query_rows: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The k documents nearest to query rows (Q, D); only those in `allowed` where that is given."""


def top_k(scores: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Positions of the k largest of (n,) scores, best first; equal scores by ascending position."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    if k < len(scores):
        # Everything above the k-th score, and of those equal to it the first ones.
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > least)
        chosen = np.concatenate([above, np.flatnonzero(scores == least)[: k - len(above)]])
    else:
        chosen = np.arange(len(scores))
    return chosen[np.lexsort((chosen, -scores[chosen]))]


class BestScores:
    """The k largest scores of several structures that are asked for the same, one after the other."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._scores: NDArray[np.floating] = np.empty(0, np.float32)

    @property
    def least(self) -> float:
        """What a score must reach to be among them; minus infinity while there are fewer than k."""
        return float(self._scores[-1]) if len(self._scores) == self._k else -math.inf

    def add(self, scores: NDArray[np.floating]) -> None:
        """Take the scores (n,) of one more structure into account."""
        if not len(scores):
            return
        every = np.concatenate([self._scores, scores])
        self._scores = every[top_k(every, self._k)]
