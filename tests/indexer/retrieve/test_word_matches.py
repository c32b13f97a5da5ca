from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.embeddings.embedding_store import NOWHERE, stored_rows
from indexer.records import Chunk, QueryToken, QueryVectors, WordMatch
from indexer.retrieve import word_matches
from indexer.retrieve.word_matches import EvidenceFinder, words_of
from indexer.vectors.row_codec import row_codec

TEXT = "def add_route(self, path):\n    self.routes.append(path)\n"
PARTS = [("add", 4), ("route", 8), ("self", 14), ("path", 20), ("append", 43)]
"""Tokens of the text, and where they start."""
ROW_STARTS = np.array([start for _, start in PARTS])


def query_tokens(query):
    """A token a word, between two specials."""
    words = [QueryToken(m.group(), m.start(), m.end()) for m in re.finditer(r"\S+", query)]
    return (QueryToken("", 0, 0), *words, QueryToken("", 0, 0))


def match_words(query, tokens, similarities, text, row_starts, start_char):
    """The matches, given a row of similarities for every token."""
    words = words_of(query, tokens)
    of_words = similarities[words.rows].T
    return word_matches.match_words(query, words, of_words, text, row_starts, start_char)


def match(query, best, start_char=0):
    """Matches where each word's best row and its cosine are given."""
    tokens = query_tokens(query)
    similarities = np.full((len(tokens), len(PARTS)), 0.1, np.float32)
    similarities[0] = similarities[-1] = 1.0
    for q, (row, score) in enumerate(best, 1):
        similarities[q, row] = score
    return match_words(query, tokens, similarities, TEXT, ROW_STARTS, start_char)


def test_each_query_word_is_shown_the_word_that_answers_it():
    assert match("register url", [(0, 0.8), (3, 0.61234)], start_char=1000) == (
        WordMatch("register", "add_route", 1004, 1013, 0.8),
        WordMatch("url", "path", 1020, 1024, 0.6123),
    )


def test_a_word_without_an_answer_is_left_out():
    assert match("register bananas", [(0, 0.8), (2, 0.3)]) == (
        WordMatch("register", "add_route", 4, 13, 0.8),
    )


def test_parts_of_one_word_count_once_with_the_best_of_them():
    query = "addRoute"
    tokens = (QueryToken("add", 0, 3), QueryToken("Route", 3, 8))
    similarities = np.array([[0.5, 0, 0, 0, 0], [0, 0.9, 0, 0, 0]], np.float32)
    matches = match_words(query, tokens, similarities, TEXT, ROW_STARTS, 0)
    assert matches == (WordMatch("addRoute", "add_route", 4, 13, 0.9),)


def test_of_equal_rows_the_first_answers_and_of_equal_parts_the_first_is_asked():
    tokens = (QueryToken("add", 0, 3), QueryToken("Route", 3, 8), QueryToken("x", 9, 10))
    similarities = np.array([[0.1, 0.9, 0.9, 0, 0], [0.9, 0.1, 0, 0, 0], [0, 0, 0, 0.5, 0.5]], np.float32)
    assert match_words("addRoute x", tokens, similarities, TEXT, ROW_STARTS, 0) == (
        WordMatch("addRoute", "add_route", 4, 13, 0.9),
        WordMatch("x", "path", 20, 24, 0.5),
    )


def test_a_word_ends_where_its_script_does():
    query, text = "报错parse_config", "// 调用parse_config时报错"
    tokens = (QueryToken("报错", 0, 2), QueryToken("config", 8, 14))
    starts = np.array([5, 17, 19])
    similarities = np.array([[0.2, 0.3, 0.9], [0.9, 0, 0]], np.float32)
    assert match_words(query, tokens, similarities, text, starts, 0) == (
        WordMatch("报错", "报错", 18, 20, 0.9),
        WordMatch("parse_config", "parse_config", 5, 17, 0.9),
    )


def test_marks_and_specials_of_the_query_match_nothing():
    assert match("?! ->", [(0, 0.9), (1, 0.9)]) == ()


def test_rows_that_show_nothing_match_nothing():
    blank = np.array([len(TEXT) - 1])
    similarities = np.ones((3, 1), np.float32)
    assert match_words("x", query_tokens("x"), similarities, TEXT, blank, 0) == ()
    assert match_words("x", query_tokens("x"), np.ones((3, 0), np.float32), TEXT, blank[:0], 0) == ()


@given(
    st.text(min_size=1, max_size=30),
    st.text(min_size=1, max_size=60),
    st.integers(0, 2**32 - 1),
    st.integers(0, 500),
)
def test_words_are_where_they_are_said_to_be(query, text, seed, offset):
    rng = np.random.default_rng(seed)
    row_starts = np.sort(rng.integers(0, len(text) + 1, 6))
    tokens = query_tokens(query)
    similarities = rng.uniform(-1, 1, (len(tokens), 6)).astype(np.float32)
    for found in match_words(query, tokens, similarities, text, row_starts, offset):
        assert text[found.start_char - offset : found.end_char - offset] == found.code_word
        assert found.code_word.strip() == found.code_word != ""
        assert found.query_word in query
        assert 0.35 <= found.similarity <= 1


def test_rows_are_those_of_the_region_and_stand_where_they_are_noted():
    text, offset, n_header = "alpha beta\ngamma == delta\n", 30, 3
    words = {"alpha": (0, 0), "beta": (0, 5), "gamma": (1, 0), "=": (1, 6), "delta": (1, 9)}
    border = text.index("gamma")
    starts = [NOWHERE] * n_header + [start for _, start in words.values()] + [NOWHERE]
    rows = np.eye(16, dtype=np.float32)[: len(starts)]
    codec = row_codec("float16", 16)
    stored = stored_rows(codec.encode(rows), np.array(starts))
    tables = SimpleNamespace(
        regions=np.array([[0, border, n_header + 2], [border, len(text), len(rows)]]),
        region_start=np.array([0, 2]),
        n_header_rows=np.array([n_header]),
        segment=np.array([0]),
        rows_start=np.array([0]),
    )
    segments = SimpleNamespace(
        codes=lambda segment, start, n: stored[start : start + n, :-2],
        row_starts=lambda segment, start, n: stored[start : start + n, -2:].copy().view("<u2").ravel(),
    )
    chunk = Chunk(1, "a", "", "text", text, offset, offset + len(text), 1, 2, 9, (), "a")
    finder = EvidenceFinder(tables, segments, codec)
    found = {}
    for number in range(len(rows)):
        vectors = QueryVectors(None, rows[number][None], (QueryToken("q", 0, 1),))
        for region in (0, 1):
            for match in finder.find("q", vectors, chunk, 0, region):
                assert text[match.start_char - offset : match.end_char - offset] == match.code_word
                found[number - n_header] = (match.code_word, region)
    assert found == {number: (word, region) for number, (word, (region, _)) in enumerate(words.items())}
