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
from pathlib import Path
from typing import Any

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Float32Array, Int32Array, Int64Array
from indexer.storage.bm25 import TableStatistics, is_beginning, match_of
from indexer.storage.postings import HIGHEST, TOKENIZER, BestRows, PostingTable, Query
from indexer.storage.stored_postings import StoredPostings, load_postings, save_postings
from indexer.words import last_name, spelled_out

REGIONS = "lexical_regions"
SYMBOLS = "lexical_symbols"
_COLUMNS = {REGIONS: ("path", "symbol", "body"), SYMBOLS: ("leaf", "full")}

_STORED_WORDS = "postings.npy"
_COUNTED_AT_ONCE = 500
"""Values of a statement: SQLite before 3.32 takes 999."""
_WEIGHTINGS = {REGIONS: ((3, 5, 3), (0, 0, 1)), SYMBOLS: ((2, 1),)}
"""bm25 weights of the columns: of all of them, and of regions' bodies alone."""


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
            f" tokenize='{TOKENIZER}')"
        )
    connection.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {REGIONS}_terms USING fts5vocab('{REGIONS}', 'row')"
    )


def _values(rows: Sequence[LexicalRow]) -> list[tuple[int | str, ...]]:
    spelled: dict[str, str] = {}
    """Of all columns but the last, which regions of a file and of a symbol share."""
    for row in rows:
        for text in row.columns[:-1]:
            if text not in spelled:
                spelled[text] = spelled_out(text)
    return [
        (row.row_id, *map(spelled.__getitem__, row.columns[:-1]), spelled_out(row.columns[-1]))
        for row in rows
    ]


def add_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Index rows."""
    columns = _COLUMNS[table]
    marks = ", ".join("?" * (1 + len(columns)))
    connection.executemany(
        f"INSERT INTO {table}(rowid, {', '.join(columns)}) VALUES ({marks})", _values(rows)
    )


def add_bags(connection: sqlite3.Connection, rows: Sequence[LexicalRow]) -> None:
    """Index regions with the words of their bodies in alphabetical order: they score the same, and where a
    word stood in its region is not told."""
    columns = _COLUMNS[REGIONS]
    connection.executemany(
        f"INSERT INTO {REGIONS}(rowid, {', '.join(columns)}) VALUES (?, {', '.join('?' * len(columns))})",
        [(*values, " ".join(sorted(str(body).split()))) for *values, body in _values(rows)],
    )


def remove_all_rows(connection: sqlite3.Connection) -> None:
    """Empty the tables."""
    for table in _COLUMNS:
        connection.execute(f"INSERT INTO {table}({table}) VALUES ('delete-all')")


def remove_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Take rows out again; they must be what was added, to the letter."""
    columns = _COLUMNS[table]
    marks = ", ".join("?" * (1 + len(columns)))
    connection.executemany(
        f"INSERT INTO {table}({table}, rowid, {', '.join(columns)}) VALUES ('delete', {marks})",
        _values(rows),
    )


def search_regions(query: Query, query_words: Sequence[str], limit: int) -> LexicalMatches:
    """The best regions for any of the words, all with limit -1; ids as `REGION_BITS` makes them."""
    return _search(query, REGIONS, query_words, limit)


def search_symbols(query: Query, query_words: Sequence[str], limit: int) -> LexicalMatches:
    """The best symbols for any of the words; row ids are span ids."""
    return _search(query, SYMBOLS, query_words, limit)


def _search(query: Query, table: str, query_words: Sequence[str], limit: int) -> LexicalMatches:
    rows: list[tuple[Any, ...]] = []
    if query_words:
        match = " OR ".join(map(match_of, query_words))
        weightings = _WEIGHTINGS[table]
        score, body = (f"-bm25({table}, {', '.join(map(str, w))})" for w in (weightings[0], weightings[-1]))
        rows = query(
            f"SELECT rowid, {score} AS score, {body} FROM {table}"
            f" WHERE {table} MATCH ? ORDER BY score DESC, rowid LIMIT ?",
            (match, limit),
        )
    table_of = np.array(rows, np.float64).reshape(-1, 3)
    return LexicalMatches(
        np.array([row[0] for row in rows], np.int64),
        table_of[:, 1].astype(np.float32),
        table_of[:, 2].astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """How often the words of a query occur, over one index or several."""

    regions: TableStatistics
    symbols: TableStatistics

    def __add__(self, other: TextStatistics) -> TextStatistics:
        """Of both together."""
        return TextStatistics(self.regions + other.regions, self.symbols + other.symbols)


def postings_of(query: Query, table: str, stored: StoredPostings | None = None) -> PostingTable:
    """The words of one of the tables as arrays."""
    return PostingTable(query, table, _COLUMNS[table], _WEIGHTINGS[table], stored)


def save_words(folder: Path, query: Query) -> None:
    """Write where the words of a generation stand beside its database, where that is soon done."""
    tables = [every for table in _COLUMNS if (every := postings_of(query, table).every_word())]
    if len(tables) == len(_COLUMNS):
        save_postings(folder / _STORED_WORDS, tables)


class TextPostings:
    """The full text of one index as arrays, to be asked together with those of others."""

    def __init__(self, query: Query, folder: Path | None = None) -> None:
        """`folder` is the generation's, for what `save_words` wrote. Raises IndexCorruptError."""
        stored = load_postings(folder / _STORED_WORDS, len(_COLUMNS)) if folder is not None else None
        regions, symbols = stored or (None, None)
        self.regions, self.symbols = (
            postings_of(query, REGIONS, regions),
            postings_of(query, SYMBOLS, symbols),
        )

    def statistics(self, words: Sequence[str]) -> TextStatistics:
        """How often words occur here, to be added to what other indexes have; reads where they stand."""
        return TextStatistics(self.regions.statistics(words), self.symbols.statistics(words))


def matches_of(best: BestRows) -> LexicalMatches:
    """Rows of one of the tables as `search_regions` and `search_symbols` give them."""
    scores = best.scores.astype(np.float32)
    return LexicalMatches(best.row_ids, scores[0], scores[-1])


def counts(query: Query, stems: Iterable[str]) -> dict[str, int]:
    """How many regions hold each stemmed word."""
    found = dict.fromkeys(stems, 0)
    whole = [stem for stem in found if not is_beginning(stem)]
    for at in range(0, len(whole), _COUNTED_AT_ONCE):
        part = whole[at : at + _COUNTED_AT_ONCE]
        marks = ",".join("?" * len(part))
        found |= dict(query(f"SELECT term, doc FROM {REGIONS}_terms WHERE term IN ({marks})", part))
    for stem in found.keys() - set(whole):
        sql = f"SELECT max(doc) FROM {REGIONS}_terms WHERE term >= ? AND term <= ?"
        ((n_with,),) = query(sql, (stem, stem + HIGHEST))
        found[stem] = n_with or 0
    return found


def rarity(n_with: int, n_regions: int) -> float:
    """How telling a word is that so many of all regions hold."""
    return math.log(1.0 + n_regions / (1.0 + n_with))
