"""BM25 over SQLite's FTS5: one table of files, one of regions, each with path, symbol and body columns.

The tables hold split words (`words.py`) and no content of their own: a row is removed by handing
FTS5 the same words again, which `region_words` makes from the stored text. Not ranking: scores leave
here as BM25 gives them, sign turned so that higher is better.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.records import Chunk, Int32Array
from indexer.words import words

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

FILE_WEIGHTS = (3.0, 2.0, 1.0)
REGION_WEIGHTS = (1.0, 3.0, 1.0)
"""bm25 weights of path, symbol and body."""

_COMMON_SHARE = 0.25
"""A word in more rows than this share is not looked up while a rarer one is in the query."""


@dataclass(frozen=True, slots=True)
class LexicalRow:
    """One FTS5 row before splitting."""

    row_id: int
    path: str
    symbol: str
    body: str


def file_row(file_id: int, path: str, text: str, symbols: Sequence[str]) -> LexicalRow:
    """The row of a whole file."""
    return LexicalRow(file_id, path, " ".join(symbols), text)


def region_rows(chunk: Chunk, regions: Int32Array, first_row_id: int) -> list[LexicalRow]:
    """The rows of a chunk's regions; a region's symbols are the spans that it shows a part of.

    `regions` is (R, >=2): characters from the start of the chunk.
    """
    rows = []
    for ordinal, (start, end) in enumerate(regions[:, :2].tolist()):
        low, high = start + chunk.start_char, end + chunk.start_char
        symbols = [span.name for span in chunk.spans if span.start_char < high and span.end_char > low]
        rows.append(LexicalRow(first_row_id + ordinal, chunk.path, " ".join(symbols), chunk.text[start:end]))
    return rows


def create_tables(connection: sqlite3.Connection) -> None:
    """Create both full-text tables; no error if they exist."""
    for table in ("lexical_files", "lexical_regions"):
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5(path, symbol, body, content='',"
            " tokenize='porter unicode61 remove_diacritics 2')"
        )
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {table}_terms USING fts5vocab('{table}', 'row')"
        )


def _split(row: LexicalRow) -> tuple[int, str, str, str]:
    return (row.row_id, *(" ".join(words(text)) for text in (row.path, row.symbol, row.body)))


def add_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Index rows."""
    connection.executemany(
        f"INSERT INTO {table}(rowid, path, symbol, body) VALUES (?, ?, ?, ?)",
        [_split(row) for row in rows],
    )


def remove_rows(connection: sqlite3.Connection, table: str, rows: Sequence[LexicalRow]) -> None:
    """Take rows out again; they must be what was added, to the letter."""
    connection.executemany(
        f"INSERT INTO {table}({table}, rowid, path, symbol, body) VALUES ('delete', ?, ?, ?, ?)",
        [_split(row) for row in rows],
    )


def search_rows(
    query: Query, table: str, query_words: Sequence[str], weights: tuple[float, float, float], limit: int
) -> dict[int, float]:
    """The best rows for any of the words: row id to BM25, higher is better, best first."""
    if not query_words:
        return {}
    path, symbol, body = weights
    match = " OR ".join('"' + word.replace('"', '""') + '"' for word in query_words)
    rows = query(
        f"SELECT rowid, -bm25({table}, {path}, {symbol}, {body}) AS score FROM {table}"
        f" WHERE {table} MATCH ? ORDER BY score DESC LIMIT ?",
        (match, limit),
    )
    return {int(row_id): float(score) for row_id, score in rows}
