"""BM25 over the postings of several tables is that of FTS5 over one table with all their rows."""

from __future__ import annotations

import random
import sqlite3

import numpy as np
import pytest

from indexer.errors import IndexCorruptError
from indexer.storage import postings
from indexer.storage.full_text import (
    REGIONS,
    LexicalRow,
    add_rows,
    create_tables,
    matches_of,
    postings_of,
    remove_rows,
    search_regions,
)
from indexer.storage.postings import best_of_tables, term_of
from indexer.storage.stored_postings import load_postings, save_postings

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


@pytest.fixture
def rows():
    draw = random.Random(5)
    return [
        LexicalRow(
            number,
            (
                " ".join(draw.choices(WORDS, k=2)),
                draw.choice(WORDS),
                # A word that most rows have weighs next to nothing; 字 stands for any pair that it begins.
                " ".join(
                    ["common"] * (draw.random() < 0.8)
                    + draw.choices([*WORDS, "technology", "字典", "字母"], k=draw.randint(0, 300))
                ),
            ),
        )
        for number in range(1, 250)
    ]


QUERY = ("w1", "w5", "technologies", "common", "字", "nowhere")


def stored(query, folder):
    """A table as it is opened again after its words were written."""
    every, path = postings_of(query, REGIONS).every_word(), folder / f"{len(list(folder.iterdir()))}.npy"
    save_postings(path, [every, every])
    return postings_of(query, REGIONS, load_postings(path, 2)[1])


@pytest.mark.parametrize(("limit", "is_stored"), [(-1, False), (40, False), (40, True)])
def test_the_best_rows_of_two_tables_are_those_of_one(table, rows, limit, is_stored, tmp_path, monkeypatch):
    monkeypatch.setattr(postings, "_KEPT_BYTES", 2_000)  # what is no longer kept is read again
    whole, *parts = (table(part) for part in (rows, rows[:60], rows[60:]))
    tables = [stored(part, tmp_path) if is_stored else postings_of(part, REGIONS) for part in parts]
    statistics = tables[0].statistics(QUERY) + tables[1].statistics(QUERY)
    assert statistics == postings_of(whole, REGIONS).statistics(QUERY)
    expected = search_regions(whole, QUERY, limit)
    found = best_of_tables(tables, [QUERY, QUERY], statistics, abs(limit), [limit > 0] * 2)
    scores = {
        row_id: (score, body)
        for part in map(matches_of, found)
        for row_id, score, body in zip(part.row_ids.tolist(), part.scores, part.body_scores, strict=True)
    }
    assert len(scores) == len(expected.row_ids) == (limit if limit > 0 else len(expected.row_ids)) >= 40
    for row_id, score, body in zip(
        expected.row_ids.tolist(), expected.scores, expected.body_scores, strict=True
    ):
        assert scores[row_id] == (score, body)  # to the last digit
    assert all((part.scores[0, :-1] >= part.scores[0, 1:]).all() for part in found)


def test_of_every_word_what_is_stored_is_what_fts5_says(table, rows, tmp_path, monkeypatch):
    query = table(rows)
    asked, kept = postings_of(query, REGIONS), stored(query, tmp_path)
    for word in (*WORDS, "technology", "common", "字典", "字", "母", "nowhere", "zzz", ""):
        one, other = asked.of(word), kept.of(word)
        for name in ("rows", "n_times", "lengths"):
            left, right = getattr(one, name), getattr(other, name)
            assert np.array_equal(left, right)
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
    assert len(kept.of("字").rows) > 100
    nothing = stored(table([]), tmp_path)
    assert len(nothing.of("w1").rows) == 0
    assert nothing.statistics(("w1",)) == postings_of(table([]), REGIONS).statistics(("w1",))
    monkeypatch.setattr(postings, "MAX_PLACES", 1000)
    assert asked.every_word() is None


def test_stored_words_that_are_damaged_are_a_sentence(table, rows, tmp_path):
    path = tmp_path / "0.npy"
    assert load_postings(path, 2) is None
    stored(table(rows), tmp_path)
    content = path.read_bytes()
    for damaged in (content[:-8], content[:300], b"", content[:128] + b"\xff" * 8 + content[136:]):
        path.write_bytes(damaged)
        with pytest.raises(IndexCorruptError, match=r"words of the index in .* cannot be read"):
            load_postings(path, 2)


def test_a_table_that_is_asked_for_no_words_names_none(table, rows):
    tables = [postings_of(table(part), REGIONS) for part in (rows[:60], rows[60:], [])]
    first, *others = (each.statistics(("w1",)) for each in tables)
    whole = sum(others, start=first)
    found = best_of_tables(tables, [(), ("w1",), ("w1",)], whole, 400, [True] * 3)
    assert [len(part.row_ids) > 0 for part in found] == [False, True, False]


def test_words_are_stemmed_as_fts5_stems_them():
    assert [term_of(word) for word in ("technologies", "retries", "字典", "possibly")] == [
        "technolog",
        "retri",
        "字典",
        "possibl",
    ]
