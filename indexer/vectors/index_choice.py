"""Which search structure a number of rows asks for, or a setting forces. Nothing here computes."""

from __future__ import annotations

from enum import StrEnum

from indexer.errors import InputError
from indexer.light_dataclasses import dataclass


class VectorKind(StrEnum):
    """The families of search structures, as settings name them."""

    EXACT = "exact"
    FAISS = "faiss"
    PLAID = "plaid"


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
