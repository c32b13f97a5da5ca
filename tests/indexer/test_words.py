from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import words as module
from indexer.words import (
    MAX_WORD_CHARS,
    STOP_WORDS,
    identifiers,
    joined,
    last_name,
    query_words,
    split_identifier,
    words,
)


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("route", ["route"]),
        ("getUserName", ["get", "user", "name"]),
        ("get_user_name", ["get", "user", "name"]),
        ("HTTPServer2", ["http", "server", "2"]),
        ("parseHTTP", ["parse", "http"]),
        ("MAX_RETRIES", ["max", "retries"]),
        ("iPhone", ["i", "phone"]),
        ("utf8", ["utf", "8"]),
        ("größeMessen", ["größe", "messen"]),
        ("привет2Мир", ["привет", "2", "мир"]),
    ],
)
def test_identifiers_split_where_people_see_words(identifier, parts):
    assert split_identifier(identifier) == parts


def test_a_text_becomes_its_words_and_its_whole_identifiers():
    assert list(identifiers("self._add_route(path)  # x-y")) == ["self", "add_route", "path", "x", "y"]
    assert words("getUserName(id)") == ["get", "user", "name", "getusername", "id"]


def test_the_three_spellings_share_their_words():
    spellings = ["getUserName", "get_user_name", "get user name"]
    assert {"get", "user", "name"} <= set.intersection(*(set(words(text)) for text in spellings))
    assert words("getUserName")[-1] == words("get_user_name")[-1] == joined("getUserName") == "getusername"


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("Router.add_route", "add_route"),
        ("run", "run"),
        ("Guide > Install", "Install"),
        ("Guide > Release 2.1", "Release 2.1"),
        ("3.2 The model", "3.2 The model"),
    ],
)
def test_the_own_name_of_a_symbol_or_heading(name, last):
    assert last_name(name) == last


def test_hashes_are_no_words():
    long = "a" * (MAX_WORD_CHARS + 1)
    assert words(f"key {long} value") == ["key", "value"]
    assert words("b" * MAX_WORD_CHARS) == ["b" * MAX_WORD_CHARS]


def test_what_is_no_word_is_not_remembered():
    before = module._words_of.cache_info().misses
    assert module.words("y" * 100_000) == []
    assert module._words_of.cache_info().misses == before


def test_questions_lose_the_words_that_only_ask():
    assert query_words("how are the routes of a router added?") == ["routes", "router", "added"]
    assert query_words("retry retry Retry") == ["retry"]
    assert query_words("how does this do it") == ["how", "does", "this", "do", "it"]
    assert query_words("?!") == []
    assert all(word == word.lower() and words(word) == [word] for word in STOP_WORDS)


@given(st.from_regex(r"[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)*", fullmatch=True))
def test_no_letter_is_lost(identifier):
    assert list(identifiers(identifier)) == [identifier]
    assert "".join(split_identifier(identifier)) == joined(identifier)


@given(st.text())
def test_words_of_any_text_are_lower_case_and_never_empty(text):
    for word in words(text):
        assert word
        assert word == word.lower()
        assert not any(c.isspace() for c in word)
