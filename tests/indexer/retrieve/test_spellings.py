from __future__ import annotations

import pytest

from indexer.records import Mode, SearchRequest
from indexer.retrieve.query_shape import query_shape, stem
from indexer.retrieve.spellings import other_spelling, with_other_spellings
from indexer.search import Searcher


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("colour", "color"), ("behavioural", "behavioral"), ("neighbours", "neighbors"),
        ("centred", "centered"), ("serialiser", "serializer"), ("initialisation", "initialization"),
        ("analysing", "analyzing"), ("grey", "gray"), ("licences", "licenses"),
    ],
)  # fmt: skip
def test_words_have_another_spelling_both_ways(british, american):
    assert (other_spelling(british), other_spelling(american)) == (american, british)


@pytest.mark.parametrize("word", ["promise", "size", "exercise", "four", "hour", "enter", "wise", "raise"])
def test_words_that_only_look_so_have_none(word):
    assert other_spelling(word) is None


def shape_of(query, **n_with):
    asked = []

    def counts(stems):
        asked.append(set(stems))
        known = {stem(word): n for word, n in n_with.items()}
        return {each: known.get(each, 0) for each in stems}

    return with_other_spellings(query_shape(query, "x"), counts), asked


def test_what_nobody_wrote_is_asked_for_as_it_is_written():
    shape, asked = shape_of("the colour of a lamp", color=3)
    assert shape.words == ("color", "lamp")
    assert shape.stems == {"color", "lamp"}
    assert asked == [{"color", "colour"}]


def test_the_common_spelling_comes_beside_the_rarer_one_and_never_the_rarer_beside_it():
    assert shape_of("colour lamp", color=3, colour=1)[0].words == ("colour", "color", "lamp")
    plain = query_shape("color lamp", "x")
    assert shape_of("color lamp", color=3, colour=1)[0] == plain
    assert shape_of("color lamp", color=3, colour=3)[0] == plain


def test_a_query_without_such_words_asks_for_no_counts():
    shape, asked = shape_of("who promises a lamp")
    assert (shape, asked) == (query_shape("who promises a lamp", "x"), [])


@pytest.mark.usefixtures("one_encoder")
def test_the_index_is_asked_for_the_spelling_that_it_has(task_queue):
    with Searcher.open(task_queue) as searcher:
        american, british = (
            searcher.search(SearchRequest(f"{word} jobs", k=5, mode=Mode.LEXICAL)).hits
            for word in ("honoured", "honored")
        )
    assert american
    assert british == american
