"""The rows that hold a word, as arrays: full text for questions to several indexes at once.

FTS5's `bm25()` is called for each row, takes two microseconds, and gives scores that hold within one table;
over fifty tables that was nine tenths of a question. Here FTS5's vocabulary table is asked once for where a
word stands, or all words are stored; the answer is kept, and scores of all rows by the statistics of all
tables are one sum in NumPy.
The words that cost most, those of many rows, are the ones that questions share.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array
from indexer.storage.bm25 import TableStatistics, is_beginning, saturated
from indexer.storage.stored_postings import MAX_PLACES, StoredPostings
from indexer.vectors.base import BestScores, top_k

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

TOKENIZER = "porter ascii"
"""FTS5's: words are split before they come to it, it stems them."""
HIGHEST = "\U0010ffff"
"""Sorts behind every character of a word."""

_KEPT_BYTES = 3 << 20
"""Of each table: twenty words that each stand in a third of 20,000 rows."""
_COLUMN_BITS = 7
_ABOVE_NOTHING = np.nextafter(0.0, 1.0)
_MOST_TIMES = np.iinfo(np.uint16).max


@dataclass(slots=True)
class Postings:
    """The M rows that hold a word."""

    rows: NDArray[np.int32]
    """(M,) ascending positions among the table's rows."""
    n_times: NDArray[np.uint16]
    """(W, M) how often each has it, by each weighting of the columns."""
    lengths: NDArray[np.int32]
    """(M,) tokens of each."""
    _kept: tuple[float, NDArray[np.float64]] | None = None

    def shares(self, mean_length: float) -> NDArray[np.float64]:
        """(W, M) what the word would add to each row's score if its rarity were 1; kept for the next time."""
        kept = self._kept
        if kept is None or kept[0] != mean_length:
            kept = mean_length, saturated(self.n_times, self.lengths, mean_length)
            self._kept = kept
        return kept[1]

    @property
    def n_bytes(self) -> int:
        """What they hold in memory, shares included."""
        return self.rows.nbytes + 5 * self.n_times.nbytes + self.lengths.nbytes


@dataclass(frozen=True, slots=True)
class BestRows:
    """The M best rows of a table, best first."""

    row_ids: Int64Array
    """(M,)"""
    scores: NDArray[np.float64]
    """(W, M) by each weighting of the columns."""


class PostingTable:
    """One full-text table of an open database that never changes. Threads may share it."""

    def __init__(
        self,
        query: Query,
        table: str,
        columns: Sequence[str],
        weightings: Sequence[Sequence[int]],
        stored: StoredPostings | None = None,
    ) -> None:
        """`weightings` hold a weight of each column; rows are ordered by the first, whose are all above 0.

        Columns must differ in their first letters. `stored` is what `every_word` gave of the table.
        """
        self._query = query
        self._stored = stored
        self._table = table
        self._n_columns = len(columns)
        self._weights = np.zeros((len(weightings), 1 << _COLUMN_BITS), np.int64)
        for column, *weights in zip(columns, *weightings, strict=True):
            self._weights[:, ord(column[0])] = weights
        self._kept: OrderedDict[str, Postings] = OrderedDict()
        self._n_kept_bytes = 0
        self._lock = threading.Lock()

    def statistics(self, words: Sequence[str]) -> TableStatistics:
        """How often each word occurs, to be added to what other tables have."""
        lengths = self._lengths
        n_with = {word: len(self.of(word).rows) for word in words}
        return TableStatistics(len(lengths), int(lengths.sum(dtype=np.int64)), n_with)

    def scores(self, words: Sequence[str], whole: TableStatistics) -> NDArray[np.float64]:
        """(N,) BM25 of every row by the first weighting; 0 for those without any of the words."""
        total = np.zeros(len(self._lengths))
        for word in words:
            found = self.of(word)
            total[found.rows] += whole.rarity(word) * found.shares(whole.mean_length)[0]
        return total

    def best(
        self, rows: Int64Array, scores: NDArray[np.float64], words: Sequence[str], whole: TableStatistics
    ) -> BestRows:
        """Rows (M,) with their scores (M,) by the first weighting, and those by the others."""
        every = np.zeros((len(self._weights), len(rows)))
        every[0] = scores
        if len(every) > 1 and len(rows):
            for word in words:
                found = self.of(word)
                if len(found.rows):
                    at = found.rows.searchsorted(rows)
                    at[at == len(found.rows)] = 0
                    has = found.rows[at] == rows
                    shares = found.shares(whole.mean_length)[1:, at]
                    every[1:] += whole.rarity(word) * has * shares
        return BestRows(self._row_ids[rows], every)

    def of(self, word: str) -> Postings:
        """Where a word stands."""
        with self._lock:
            kept = self._kept.get(word)
            if kept is not None:
                self._kept.move_to_end(word)
                return kept
        found = self._read(word)
        with self._lock:
            if word not in self._kept:
                self._kept[word] = found
                self._n_kept_bytes += found.n_bytes
            while self._n_kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
                self._n_kept_bytes -= self._kept.popitem(last=False)[1].n_bytes
        return found

    def _read(self, word: str) -> Postings:
        term = term_of(word)
        last = term + HIGHEST if is_beginning(word) else term
        if self._stored is not None:
            return self._of_stored(self._stored, self._stored.pairs_of(term, last), is_several=last != term)
        # One text of numbers: a tuple for each place takes three times as long.
        ((places,),) = self._query(
            f"SELECT group_concat((doc << {_COLUMN_BITS}) | unicode(col)) FROM {self._places}"
            " WHERE term >= ? AND term <= ?",
            (term, last),
        )
        place = np.fromstring(places or "", np.int64, sep=",")
        doc = place >> _COLUMN_BITS
        if is_beginning(word):
            order = np.argsort(doc, kind="stable")
            place, doc = place[order], doc[order]
        first = np.flatnonzero(np.diff(doc, prepend=-1))
        n_times = np.add.reduceat(self._weights[:, place & ((1 << _COLUMN_BITS) - 1)], first, axis=1)
        rows = np.searchsorted(self._row_ids, doc[first])
        return Postings(
            rows.astype(np.int32), np.minimum(n_times, _MOST_TIMES).astype(np.uint16), self._lengths[rows]
        )

    def _of_stored(self, stored: StoredPostings, pairs: slice, *, is_several: bool) -> Postings:
        rows, n_times = stored.rows[pairs], stored.n_times[:, pairs]
        if is_several:
            rows, owner = np.unique(rows, return_inverse=True)
            sums = np.zeros((len(n_times), len(rows)), np.int64)
            for own, times in zip(sums, n_times, strict=True):
                np.add.at(own, owner, times)
            n_times = np.minimum(sums, _MOST_TIMES).astype(np.uint16)
        return Postings(rows, n_times, self._lengths[rows])

    def every_word(self) -> StoredPostings | None:
        """Where all words stand, to be stored; None for a table of more than MAX_PLACES."""
        ((averages,),) = self._query(f"SELECT block FROM {self._table}_data WHERE id = 1", ())
        if _varints(averages)[1:].sum() > MAX_PLACES:
            return None
        name = f"temp.{self._table}_words"
        self._query(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5vocab(main, {self._table}, row)", ()
        )
        words = self._query(f"SELECT term, cnt FROM {name}", ())
        terms = [term.encode() for term, _ in words]
        # Both list terms in order of their bytes, and places of a term in order of their rows.
        ((places,),) = self._query(
            f"SELECT group_concat((doc << {_COLUMN_BITS}) | unicode(col)) FROM {self._places}", ()
        )
        place = np.fromstring(places or "", np.int64, sep=",")
        term = np.repeat(np.arange(len(terms)), [n for _, n in words])
        doc = place >> _COLUMN_BITS
        first = np.flatnonzero((np.diff(term, prepend=-1) != 0) | (np.diff(doc, prepend=-1) != 0))
        n_times = np.add.reduceat(self._weights[:, place & ((1 << _COLUMN_BITS) - 1)], first, axis=1)
        return StoredPostings(
            self._row_ids,
            self._lengths,
            np.cumsum([len(each) for each in terms], dtype=np.int64),
            np.cumsum(np.bincount(term[first], minlength=len(terms)), dtype=np.int64),
            np.searchsorted(self._row_ids, doc[first]).astype(np.int32),
            np.minimum(n_times, _MOST_TIMES).astype(np.uint16),
            np.frombuffer(b"".join(terms), np.uint8),
        )

    @cached_property
    def _places(self) -> str:
        """The name of a table of every place of every word, which FTS5 makes of what it has."""
        name = f"temp.{self._table}_places"
        self._query(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5vocab(main, {self._table}, instance)", ()
        )
        return name

    @property
    def _row_ids(self) -> Int64Array:
        """(N,) ascending."""
        return self._sizes[0]

    @property
    def _lengths(self) -> NDArray[np.int32]:
        """(N,) tokens of each row."""
        return self._sizes[1]

    @cached_property
    def _sizes(self) -> tuple[Int64Array, NDArray[np.int32]]:
        if self._stored is not None:
            return self._stored.row_ids, self._stored.lengths
        rows = self._query(f"SELECT id, sz FROM {self._table}_docsize ORDER BY id", ())
        row_ids = np.array([row[0] for row in rows], np.int64)
        numbers = _varints(b"".join([row[1] for row in rows])).reshape(len(rows), self._n_columns)
        return row_ids, numbers.sum(axis=1).astype(np.int32)


def best_of_tables(
    tables: Sequence[PostingTable],
    words: Sequence[Sequence[str]],
    whole: TableStatistics,
    limit: int,
    is_limited: Sequence[bool],
) -> list[BestRows]:
    """The rows with most of the words: the best `limit` of the limited tables together, all of the others.

    `words` are those that each table is asked for, `whole` the statistics of all tables. Of equal rows
    those of the tables before come first, then those with lower ids, as in one table with all rows.
    """
    rows, scores = [], []
    known = BestScores(limit)
    for table, own_words, limited in zip(tables, words, is_limited, strict=True):
        every = table.scores(own_words, whole)
        # What is not among the best of the tables before is not among the best of all.
        least = max(known.least, _ABOVE_NOTHING) if limited else _ABOVE_NOTHING
        rows.append(np.flatnonzero(every >= least))
        scores.append(every[rows[-1]])
        if limited:
            known.add(scores[-1])
    of_limited = [own for own, limited in zip(scores, is_limited, strict=True) if limited]
    best = top_k(np.concatenate([*of_limited, np.empty(0)]), limit)
    ends = np.cumsum([len(own) for own in of_limited])
    owner = np.searchsorted(ends, best, "right")
    found, number = [], 0
    for table, own_words, at, own, limited in zip(tables, words, rows, scores, is_limited, strict=True):
        if limited:
            chosen = best[owner == number] - (ends[number] - len(at))
            number += 1
        else:
            chosen = np.argsort(-own, kind="stable")
        found.append(table.best(at[chosen], own[chosen], own_words, whole))
    return found


@lru_cache(maxsize=4096)
def term_of(word: str) -> str:
    """A word as FTS5 keeps it; empty for one of separators alone.

    Its Porter stems `technology` to `technolog`, where others make `technologi` of it: FTS5 itself is asked.
    """
    return _stemming().term(word)


class _Stemming:
    """An empty full-text table that shows what becomes of a word."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE words USING fts5(word, content='', tokenize='{TOKENIZER}')"
        )
        self._connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, row)")

    def term(self, word: str) -> str:
        execute = self._connection.execute
        with self._lock:
            execute("INSERT INTO words(rowid, word) VALUES (1, ?)", (word,))
            found = execute("SELECT term FROM terms").fetchone()
            execute("INSERT INTO words(words) VALUES ('delete-all')")
        return str(found[0]) if found else ""


@cache
def _stemming() -> _Stemming:
    return _Stemming()


def _varints(block: bytes) -> Int64Array:
    """The numbers of SQLite's variable-length integers, of at most eight bytes each."""
    each = np.frombuffer(block, np.uint8).astype(np.int64)
    last = np.flatnonzero(each < 0x80)
    if not len(last):
        return np.empty(0, np.int64)
    behind = np.repeat(last, np.diff(last, prepend=-1)) - np.arange(len(each))
    starts = np.concatenate([np.zeros(1, np.int64), last[:-1] + 1])
    numbers: Int64Array = np.add.reduceat((each & 0x7F) << (7 * behind), starts)
    return numbers
