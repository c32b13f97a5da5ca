"""How often words occur in a full-text table, and BM25 by the statistics of several tables together.

FTS5's own `bm25()` weighs a word by its rarity in its table and a row by the mean length of that table's
rows, so that scores of two tables cannot be compared. From a word's score alone follows how often it
stands in a row; with that, the row's length and the sums over all tables, the score is what one table
with all their rows would give. https://sqlite.org/fts5.html#the_bm25_function has the formula.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.records import Int64Array
from indexer.words import is_unspaced

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

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


def match_of(word: str) -> str:
    """A word as FTS5 is asked for it."""
    return f'"{word}"{"*" if is_beginning(word) else ""}'


def is_beginning(word: str) -> bool:
    """Whether a word is one character of a script without spaces: any pair that it begins has it."""
    return len(word) == 1 and is_unspaced(word)


def table_statistics(query: Query, table: str, query_words: Sequence[str]) -> TableStatistics:
    """How often each word occurs in a table."""
    averages = query(f"SELECT block FROM {table}_data WHERE id = 1", ())
    n_rows, *lengths = _varints(averages[0][0]) if averages and averages[0][0] else (0,)
    n_with = {}
    for word in query_words:
        ((n_with[word],),) = query(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", (match_of(word),))
    return TableStatistics(n_rows, sum(lengths), n_with)


def scores_within(
    whole: TableStatistics,
    query: Query,
    table: str,
    weights: Sequence[Sequence[float]],
    row_ids: Int64Array,
) -> NDArray[np.float64]:
    """(W, M) BM25 of rows by each of W weightings of the columns, as a table of all rows would give it."""
    own = table_statistics(query, table, tuple(whole.n_with))
    ids = json.dumps(row_ids.tolist())
    among = "IN (SELECT value FROM json_each(?))"
    sizes = query(f"SELECT id, sz FROM {table}_docsize WHERE id {among}", (ids,))
    length_of = {row_id: sum(_varints(sizes_of)) for row_id, sizes_of in sizes}
    lengths = np.array([length_of[row_id] for row_id in row_ids.tolist()], np.float64)
    damping, own_damping = (
        _K1 * (1.0 - _B + _B * lengths / each.mean_length) for each in (whole, own)
    )  # (M,) each
    order = np.argsort(row_ids)
    scores = np.zeros((len(weights), len(row_ids)))
    columns = ", ".join(f"-bm25({table}, {', '.join(map(str, each))})" for each in weights)
    for word in whole.n_with:
        if not own.n_with[word]:
            continue
        # `+rowid`: FTS5 reads its list of the word once, not once for each of the rows.
        rows = query(
            f"SELECT rowid, {columns} FROM {table} WHERE {table} MATCH ? AND +rowid {among}",
            (match_of(word), ids),
        )
        if not rows:
            continue
        found = np.array([row[1:] for row in rows], np.float64).T  # (W, n)
        at = order[np.searchsorted(row_ids, np.array([row[0] for row in rows], np.int64), sorter=order)]
        share = found / own.rarity(word)
        n_times = share * own_damping[at] / (_K1 + 1.0 - share)
        scores[:, at] += whole.rarity(word) * n_times * (_K1 + 1.0) / (n_times + damping[at])
    return scores


def _varints(block: bytes) -> tuple[int, ...]:
    """The numbers of a record of SQLite's variable-length integers."""
    numbers, value, n_bytes = [], 0, 0
    for byte in block:
        n_bytes += 1
        if n_bytes == 9:
            value = (value << 8) | byte
        else:
            value = (value << 7) | (byte & 0x7F)
            if byte & 0x80:
                continue
        numbers.append(value)
        value = n_bytes = 0
    return tuple(numbers)
