from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.retrieve.query_shape import query_shape, stem, stems_of


def shape(query, repository="millrace"):
    return query_shape(query, repository)


def test_words_and_stems_of_a_question():
    found = shape("how are the routes of a router added?")
    assert found.words == ("routes", "router", "added")
    assert found.stems == {"rout", "router", "ad"}
    assert not found.identifiers
    assert (found.is_identifier, found.wants_tests, found.wants_documents) == (False, False, False)


@pytest.mark.parametrize(
    ("query", "identifiers"),
    [
        ("where is getUserName called", {"getusername"}),
        ("what does parse_header do", {"parseheader"}),
        ("call of HttpServer2 here", {"httpserver2"}),
        ("std::vector or Router.add_route", {"std", "vector", "router", "addroute"}),
        ("the `flush` step", {"flush"}),
        ("flush", {"flush"}),
        ("why is the Worker stopped", {"worker"}),
        ("Why is it stopped", set()),
    ],
)
def test_what_looks_like_code_is_an_identifier(query, identifiers):
    assert shape(query).identifiers == identifiers


def test_one_word_is_an_identifier_and_two_are_not():
    assert shape("flush").is_identifier
    assert not shape("flush buffer").is_identifier


def test_neighbouring_words_may_be_one_name():
    assert {"retrylater", "latertoday", "retrylatertoday"} <= shape("retry later today").grams


def test_the_name_of_the_repository_tells_nothing_in_it():
    assert shape("millrace worker loop").words == ("worker", "loop")
    assert shape("millrace").words == ("millrace",)


def test_what_a_question_asks_to_see():
    assert shape("tests of the backoff").wants_tests
    assert shape("guide to the graveyard").wants_documents


def test_stems():
    assert stem("routes") == stem("routing") == "rout"
    assert stems_of("getUserNames") == {"get", "user", "name"}


@given(st.text(max_size=80))
def test_any_query_has_a_shape(query):
    found = shape(query)
    assert len(found.words) <= 48
    assert all(word == word.lower() for word in found.words)


@pytest.mark.parametrize(
    "query", ["a" * 60_000, "Ab" * 30_000, "A" * 60_000, "a_" * 30_000, "a." * 30_000, "`a" * 30_000]
)
def test_a_pasted_blob_costs_no_more_than_its_length(query):
    started = time.process_time()
    shape(query)
    assert time.process_time() - started < 2
