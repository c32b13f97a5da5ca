"""What every search structure over vectors offers, and which one a number of rows asks for.

Values, protocols and one choice: nothing here computes. `exact.py`, `faiss_index.py` and
`plaid_index.py` implement the protocols; `build.py` and `search.py` hold to them.

Ids are the caller's 64-bit integers, 0 or more. They must outlive a generation (a place in the
embedding store does, a row number of one generation does not), because an index that is added to
and removed from carries them over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.records import Float32Array, Int64Array


class VectorKind(StrEnum):
    """The families of search structures, as settings name them."""

    EXACT = "exact"
    FAISS = "faiss"
    PLAID = "plaid"


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

    def search(self, query: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The k nearest to a query (D,); only among the ids in `allowed` where that is given."""


class MultiIndex(Protocol):
    """Nearest documents of token rows by late interaction."""

    @property
    def n_documents(self) -> int:
        """Documents stored."""

    def search(self, query_rows: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The k documents nearest to query rows (Q, D); only those in `allowed` where that is given."""


@dataclass(frozen=True, slots=True)
class VectorChoice:
    """Which structure serves each family in one generation."""

    single: VectorKind
    """`exact` or `faiss`."""
    multi: VectorKind
    """`exact`: rows of candidates, or of all, are scored as stored. `plaid`: an index names candidates."""


def choose(n_single_rows: int, n_token_rows: int, wanted: str = "auto") -> VectorChoice:
    """The structures for a collection's size, or those that `wanted` forces.

    `exact` and `auto` are what they say; `faiss` forces FAISS for single vectors and leaves token
    rows exact; `plaid` forces PLAID for token rows and leaves single vectors to their number.
    Raises InputError for another word.
    """
    by_size = VectorKind.FAISS if n_single_rows > MAX_EXACT_SINGLE_ROWS else VectorKind.EXACT
    match wanted:
        case "auto":
            multi = VectorKind.PLAID if n_token_rows > MAX_EXACT_TOKEN_ROWS else VectorKind.EXACT
            return VectorChoice(by_size, multi)
        case VectorKind.EXACT:
            return VectorChoice(VectorKind.EXACT, VectorKind.EXACT)
        case VectorKind.FAISS:
            return VectorChoice(VectorKind.FAISS, VectorKind.EXACT)
        case VectorKind.PLAID:
            return VectorChoice(by_size, VectorKind.PLAID)
    raise InputError(f"vectors must be auto, exact, faiss or plaid, not {wanted!r}.")


MAX_EXACT_SINGLE_ROWS = 50_000
"""More single vectors than this are searched through FAISS."""

MAX_EXACT_TOKEN_ROWS = 20_000_000
"""More token rows than this get a PLAID index; fewer are scored for candidates as they are stored."""


def top_k(scores: Float32Array, k: int) -> NDArray[np.int64]:
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
