"""BM25 as FTS5 counts it, by the statistics of one full-text table or of several together.

FTS5's own `bm25()` weighs a word by its rarity in its table and a row by the mean length of that table's
rows, so that scores of two tables cannot be compared. https://sqlite.org/fts5.html#the_bm25_function has
the formula.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.words import is_unspaced

_K1 = 1.2
_B = 0.75
_LEAST_RARITY = 1e-6
"""FTS5's, of a word that more than half of the rows have."""


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """Of a table, or of several together."""

    n_rows: int
    n_tokens: int
    """Of all columns."""
    n_with: Mapping[str, int]
    """Rows that hold each word asked for."""

    def __add__(self, other: TableStatistics) -> TableStatistics:
        """Of both together, over the words of both."""
        n_with = {word: n + other.n_with[word] for word, n in self.n_with.items()}
        return TableStatistics(self.n_rows + other.n_rows, self.n_tokens + other.n_tokens, n_with)

    @property
    def mean_length(self) -> float:
        """Tokens a row."""
        return self.n_tokens / self.n_rows if self.n_rows else 1.0

    def rarity(self, word: str) -> float:
        """The weight that BM25 gives a word."""
        n = self.n_with[word]
        return max(math.log((self.n_rows - n + 0.5) / (n + 0.5)), _LEAST_RARITY)


def saturated(
    n_times: NDArray[np.uint16], lengths: NDArray[np.int32], mean_length: float
) -> NDArray[np.float64]:
    """(W, M) what a word of rarity 1 adds to rows that hold it (W, M) times, of (M,) tokens each.

    In the order that FTS5 computes it, to the last digit.
    """
    times = n_times.astype(np.float64)
    damping = _K1 * (1.0 - _B + _B * lengths / mean_length)
    return times * (_K1 + 1.0) / (times + damping)


def match_of(word: str) -> str:
    """A word as FTS5 is asked for it."""
    return f'"{word}"{"*" if is_beginning(word) else ""}'


def is_beginning(word: str) -> bool:
    """Whether a word is one character of a script without spaces: any pair that it begins has it."""
    return len(word) == 1 and is_unspaced(word)
