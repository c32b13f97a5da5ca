"""BM25 over several tables is that of one table with all their rows."""

from __future__ import annotations

import random
import sqlite3

import pytest

from indexer.storage.bm25 import table_statistics
from indexer.storage.full_text import (
    REGIONS,
    LexicalRow,
    add_rows,
    create_tables,
    remove_rows,
    search_regions,
)

WORDS = [f"w{number}" for number in range(60)]


@pytest.fixture
def table():
    """`table(rows)`: a query over a full-text table of these rows; one that came and went is forgotten."""
    connections = []

    def made(rows):
        connection = sqlite3.connect(":memory:")
        connections.append(connection)
        create_tables(connection)
        gone = [LexicalRow(10_000, ("w1", "w1", "w1 " * 500))]
        add_rows(connection, REGIONS, [*rows, *gone])
        connection.commit()
        remove_rows(connection, REGIONS, gone)
        connection.commit()
        return lambda sql, values=(): connection.execute(sql, values).fetchall()

    yield made
    for connection in connections:
        connection.close()


def test_scores_of_two_tables_are_those_of_one(table):
    draw = random.Random(5)
    rows = [
        LexicalRow(
            number,
            (
                " ".join(draw.choices(WORDS, k=2)),
                draw.choice(WORDS),
                # A word that most rows have weighs next to nothing; 字 stands for any pair that it begins.
                " ".join(
                    ["common"] * (draw.random() < 0.8)
                    + draw.choices([*WORDS, "字典"], k=draw.randint(0, 300))
                ),
            ),
        )
        for number in range(1, 250)
    ]
    query = ["w1", "w5", "common", "字", "nowhere"]
    whole, *parts = (table(part) for part in (rows, rows[:60], rows[60:]))
    statistics = table_statistics(parts[0], REGIONS, query) + table_statistics(parts[1], REGIONS, query)
    assert statistics == table_statistics(whole, REGIONS, query)
    expected = search_regions(whole, query, -1)
    found = [search_regions(part, query, -1, statistics) for part in parts]
    scores = {
        row_id: (score, body)
        for part in found
        for row_id, score, body in zip(part.row_ids.tolist(), part.scores, part.body_scores, strict=True)
    }
    assert len(scores) == len(expected.row_ids) > 200
    for row_id, score, body in zip(
        expected.row_ids.tolist(), expected.scores, expected.body_scores, strict=True
    ):
        assert scores[row_id] == pytest.approx((score, body), rel=1e-5, abs=1e-9)
    assert all((part.scores[:-1] >= part.scores[1:]).all() for part in found)
