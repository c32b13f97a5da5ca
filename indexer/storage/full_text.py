"""BM25 over SQLite's FTS5: a table of regions (path, symbol, body) and one of symbols (leaf, full name).

The tables hold split words (`words.py`), which stand between spaces in one spelling and lower case, so
that FTS5 only stems them; they have no content of their own: a row is removed by handing
FTS5 the same words again, which the row functions make from the stored text. Not ranking: scores
leave here as BM25 gives them, sign turned so that higher is better.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.records import Chunk, Float32Array, Int32Array, Int64Array
from indexer.storage.bm25 import Query, TableStatistics, is_beginning, match_of, scores_within
from indexer.words import last_name, spelled_out

REGIONS = "lexical_regions"
SYMBOLS = "lexical_symbols"
_COLUMNS = {REGIONS: ("path", "symbol", "body"), SYMBOLS: ("leaf", "full")}

REGION_WEIGHTS = (3.0, 5.0, 3.0)
"""bm25 weights of path, symbol and body."""
SYMBOL_WEIGHTS = (2.0, 1.0)
"""bm25 weights of a symbol's last name and its full name."""

_HIGHEST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class LexicalRow:
    """One FTS5 row before splitting."""

    row_id: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LexicalMatches:
    """M rows that hold any of the words, best first."""

    row_ids: Int64Array
    """(M,)"""
    scores: Float32Array
    """(M,) BM25 over all columns."""
    body_scores: Float32Array
    """(M,) BM25 over the last column alone."""


def region_rows(chunk: Chunk, regions: Int32Array, first_row_id: int) -> list[LexicalRow]:
    """The rows of a chunk's regions; a region's symbols are the spans that it shows a part of.

    `regions` is (R, >=2): characters from the start of the chunk.
    """
    rows = []
    for ordinal, (start, end) in enumerate(regions[:, :2].tolist()):
        low, high = start + chunk.start_char, end + chunk.start_char
        symbols = " ".join(
            span.name for span in chunk.spans if span.start_char < high and span.end_char > low
        )
        rows.append(LexicalRow(first_row_id + ordinal, (chunk.path, symbols, chunk.text[start:end])))
    return rows


def symbol_rows(names: Iterable[tuple[int, str]]) -> list[LexicalRow]:
    """The rows of symbols, from (span_id, dotted name)."""
    return [LexicalRow(span_id, (last_name(name), name)) for span_id, name in names]


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the full-text tables; no error if they exist."""
    for table, columns in _COLUMNS.items():
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5({', '.join(columns)}, content='',"
            " tokenize='porter ascii')"
        )
    connection.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {REGIONS}_terms USING fts5vocab('{REGIONS}', 'row')"
    )


def _values(rows: Sequence[LexicalRow]) -> list[tuple[int | str, ...]]:
    return [(row.row_id, *map(spelled_out, row.columns)) for row in rows]


def add_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Index rows."""
    columns = _COLUMNS[table]
    marks = ", ".join("?" * (1 + len(columns)))
    connection.executemany(
        f"INSERT INTO {table}(rowid, {', '.join(columns)}) VALUES ({marks})", _values(rows)
    )


def remove_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Take rows out again; they must be what was added, to the letter."""
    columns = _COLUMNS[table]
    marks = ", ".join("?" * (1 + len(columns)))
    connection.executemany(
        f"INSERT INTO {table}({table}, rowid, {', '.join(columns)}) VALUES ('delete', {marks})",
        _values(rows),
    )


def search_regions(
    query: Query, query_words: Sequence[str], limit: int, whole: TableStatistics | None = None
) -> LexicalMatches:
    """The best regions for any of the words, all with limit -1; ids as `REGION_BITS` makes them.

    `whole` has the statistics of several indexes, by which their scores can be compared.
    """
    return _search(query, REGIONS, query_words, (REGION_WEIGHTS, (0.0, 0.0, 1.0)), limit, whole)


def search_symbols(
    query: Query, query_words: Sequence[str], limit: int, whole: TableStatistics | None = None
) -> LexicalMatches:
    """The best symbols for any of the words; row ids are span ids."""
    return _search(query, SYMBOLS, query_words, (SYMBOL_WEIGHTS, SYMBOL_WEIGHTS), limit, whole)


def _search(
    query: Query,
    table: str,
    query_words: Sequence[str],
    weights: tuple[tuple[float, ...], tuple[float, ...]],
    limit: int,
    whole: TableStatistics | None,
) -> LexicalMatches:
    rows: list[tuple[Any, ...]] = []
    if query_words:
        match = " OR ".join(map(match_of, query_words))
        score, body = (f"-bm25({table}, {', '.join(map(str, w))})" for w in weights)
        rows = query(
            f"SELECT rowid, {score} AS score, {body} FROM {table}"
            f" WHERE {table} MATCH ? ORDER BY score DESC, rowid LIMIT ?",
            (match, limit),
        )
    row_ids = np.array([row[0] for row in rows], np.int64)
    if whole is not None and len(rows):
        scores = scores_within(whole, query, table, weights, row_ids)
        order = np.lexsort((row_ids, -scores[0]))
        return LexicalMatches(row_ids[order], *scores[:, order].astype(np.float32))
    table_of = np.array(rows, np.float64).reshape(-1, 3)
    return LexicalMatches(
        row_ids,
        table_of[:, 1].astype(np.float32),
        table_of[:, 2].astype(np.float32),
    )


def counts(query: Query, stems: Iterable[str]) -> dict[str, int]:
    """How many regions hold each stemmed word."""
    found = {}
    for stem in stems:
        last = stem + _HIGHEST if is_beginning(stem) else stem
        rows = query(f"SELECT max(doc) FROM {REGIONS}_terms WHERE term >= ? AND term <= ?", (stem, last))
        found[stem] = rows[0][0] or 0
    return found


def rarity(n_with: int, n_regions: int) -> float:
    """How telling a word is that so many of all regions hold."""
    return math.log(1.0 + n_regions / (1.0 + n_with))
