from __future__ import annotations

import math
import random
import sqlite3
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.records import Chunk, Span
from indexer.retrieve.query_shape import stem
from indexer.storage.full_text import (
    REGIONS,
    SYMBOLS,
    LexicalRow,
    add_rows,
    counts,
    create_tables,
    rarity,
    region_rows,
    remove_rows,
    search_regions,
    search_symbols,
    symbol_rows,
)
from indexer.words import query_words, words

ROWS = [
    LexicalRow(
        1, ("app/router.py", "Router.add_route", "def add_route(self, path): self.routes.append(path)")
    ),
    LexicalRow(2, ("app/server.py", "Server", "class Server: runs the router")),
    LexicalRow(7, ("docs/guide.md", "Guide", "How to write a migration.")),
]


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:")
    create_tables(connection)
    yield connection
    connection.close()


def reading(connection):
    return lambda sql, values=(): connection.execute(sql, values).fetchall()


def found(connection, text, limit=10):
    """Row ids, best first."""
    return search_regions(reading(connection), query_words(text), limit).row_ids.tolist()


def weighed(connection, stems):
    """Rarity by stem, of eight regions."""
    return {each: rarity(n, 8) for each, n in counts(reading(connection), stems).items()}


def check(connection, table=REGIONS):
    connection.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")


def test_each_column_is_found(connection):
    add_rows(connection, REGIONS, ROWS)
    assert found(connection, "append") == [1]
    assert found(connection, "guide") == [7]
    assert set(found(connection, "router")) == {1, 2}
    assert found(connection, "?!") == []


def test_the_body_has_a_score_of_its_own(connection):
    add_rows(connection, REGIONS, [*ROWS, LexicalRow(8, ("migration.py", "", "nothing of it"))])
    matches = search_regions(reading(connection), ["migration"], 10)
    bodies = dict(zip(matches.row_ids.tolist(), matches.body_scores.tolist(), strict=True))
    assert bodies[7] > 0
    assert bodies[8] == 0
    assert (matches.scores > 0).all()
    assert matches.scores.dtype == matches.body_scores.dtype == np.float32


def test_spellings_and_word_forms_meet(connection):
    add_rows(connection, REGIONS, ROWS)
    for text in ("addRoute", "add_route", "add a route", "adding routes", "ADD ROUTES"):
        assert found(connection, text)[0] == 1, text
    assert found(connection, "migrations") == [7]


def test_best_first_and_no_more_than_asked_for(connection):
    rows = [LexicalRow(i, ("", "", "word " * i + "filler " * 50)) for i in range(1, 30)]
    add_rows(connection, REGIONS, rows)
    matches = search_regions(reading(connection), ["word"], 5)
    assert matches.row_ids.tolist() == [29, 28, 27, 26, 25]
    assert matches.scores.tolist() == sorted(matches.scores.tolist(), reverse=True)


def test_symbols_are_found_by_their_last_name_first(connection):
    names = [(5, "Router.add"), (6, "add.Router"), (9, "Guide > Known routes")]
    add_rows(connection, SYMBOLS, symbol_rows(names))
    assert search_symbols(reading(connection), ["router"], 10).row_ids.tolist() == [6, 5]
    assert set(search_symbols(reading(connection), ["routes"], 10).row_ids.tolist()) == {9}
    remove_rows(connection, SYMBOLS, symbol_rows(names[:2]))
    check(connection, SYMBOLS)
    assert search_symbols(reading(connection), ["router"], 10).row_ids.tolist() == []
    assert search_symbols(reading(connection), ["add"], 10).row_ids.tolist() == []


def test_rare_words_tell_more(connection):
    rows = [LexicalRow(i, ("", "", "common routing" if i else "common rare")) for i in range(8)]
    add_rows(connection, REGIONS, rows)
    rarities = weighed(connection, ["common", "rout", "rare", "unknown"])
    assert rarities["common"] < rarities["rout"] < rarities["rare"] < rarities["unknown"]
    assert rarities["rare"] == pytest.approx(math.log(1 + 8 / 2))


def test_a_word_with_diacritics_is_as_rare_as_it_is(connection):
    add_rows(connection, REGIONS, [LexicalRow(i, ("", "", "café" if i else "cafe über")) for i in range(8)])
    of_cafe, of_over = (stem(word) for word in query_words("café über"))
    rarities = weighed(connection, [of_cafe, of_over])
    assert rarities[of_cafe] == pytest.approx(math.log(1 + 8 / 9))
    assert rarities[of_over] == pytest.approx(math.log(1 + 8 / 2))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "# 端口8080被占用时报错EADDRINUSE错误",
            ["EADDRINUSE", "端口", "被占用", "报错", "8080", "误", "占"],
        ),
        ("请调用parse_config函数", ["parse_config", "config", "函数", "调用"]),
        ("設定ファイルをload_configで読む", ["load_config", "ファイル", "設定", "読"]),
        ("parse_config를 호출하지 않으면", ["parse_config", "호출", "않으면"]),
        ("อ่านไฟล์config", ["config", "ไฟล์"]),
        ("यह हिन्दी है", ["हिन्दी"]),
        ("für die Größe café", [unicodedata.normalize("NFD", "größe"), "cafe", "CAFÉ"]),
        (unicodedata.normalize("NFD", "パーサー 한국어 Größe"), ["パーサー", "한국", "größe", "Größe"]),
    ],
)
def test_words_of_every_script_are_found_and_counted(connection, text, asked):
    add_rows(connection, REGIONS, [LexicalRow(1, ("a.py", "", text)), LexicalRow(2, ("b.py", "", "else"))])
    for query in asked:
        assert found(connection, query) == [1], query
        assert set(counts(reading(connection), map(stem, query_words(query))).values()) == {1}, query
    remove_rows(connection, REGIONS, [LexicalRow(1, ("a.py", "", text))])
    check(connection)
    assert not any(found(connection, query) for query in asked)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=20))
@example("s as IS ed ing")
@example("walks" * 13)
def test_our_stems_are_those_of_the_full_text_index(text):
    connection = sqlite3.connect(":memory:")
    create_tables(connection)
    add_rows(connection, REGIONS, [LexicalRow(1, ("", "", text))])
    terms = {row[0] for row in connection.execute(f"SELECT term FROM {REGIONS}_terms")}
    connection.close()
    assert terms == {stem(word) for word in words(text)}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
@example('"')
@example("NEAR(a b)")
@example("body: x* OR ^y AND NOT (z)")
@example("² ª ⅷ ゛ \u0300")
def test_a_query_is_words_and_never_syntax(text):
    connection = sqlite3.connect(":memory:")
    create_tables(connection)
    add_rows(connection, REGIONS, [*ROWS, LexicalRow(9, ("a", "b", text))])
    search_regions(reading(connection), query_words(text), 10)
    search_symbols(reading(connection), query_words(text), 10)
    check(connection)
    connection.close()


def test_removed_rows_leave_the_table_whole(connection):
    """Random additions and removals against a table built at once from what is left."""
    rng = random.Random(5)
    vocabulary = ["route", "Router", "getUserName", "naïve", "世界", "x_1", "²", "e\u0301", "HTTPServer"]

    def row(row_id):
        columns = tuple(" ".join(rng.choices(vocabulary, k=rng.randrange(6))) for _ in range(3))
        return LexicalRow(row_id, columns)

    live: dict[int, LexicalRow] = {}
    for step in range(300):
        if live and rng.random() < 0.4:
            remove_rows(connection, REGIONS, [live.pop(rng.choice(sorted(live)))])
        else:
            live[step] = row(step)
            add_rows(connection, REGIONS, [live[step]])
    check(connection)
    fresh = sqlite3.connect(":memory:")
    create_tables(fresh)
    add_rows(fresh, REGIONS, list(live.values()))
    for text in vocabulary:
        ours, wanted = (search_regions(reading(c), query_words(text), 1000) for c in (connection, fresh))
        assert dict(zip(ours.row_ids, ours.scores, strict=True)) == (
            dict(zip(wanted.row_ids, wanted.scores, strict=True))
        )
    terms = f"SELECT * FROM {REGIONS}_terms ORDER BY term"
    assert connection.execute(terms).fetchall() == fresh.execute(terms).fetchall()
    fresh.close()


def test_a_region_has_its_text_and_the_symbols_it_shows_part_of():
    text = "import x\n\ndef one():\n    pass\n\ndef two():\n    pass\n"
    at = 100
    spans = (
        Span("function", "one", at + 10, at + 29, 3, 4),
        Span("function", "two", at + 31, at + 50, 6, 7),
    )
    chunk = Chunk(3, "m.py", "", "python", text, at, at + len(text), 1, 7, 20, spans, "m.py")
    rows = region_rows(chunk, np.array([[0, 10, 4], [10, 31, 9], [31, 51, 15]], np.int32), 3 << 12)
    assert [row.row_id for row in rows] == [12288, 12289, 12290]
    assert [row.columns[1] for row in rows] == ["", "one", "two"]
    assert "".join(row.columns[2] for row in rows) == text
    assert {row.columns[0] for row in rows} == {"m.py"}
