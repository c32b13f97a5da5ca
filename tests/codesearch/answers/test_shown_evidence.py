"""Which matches are drawn, by hand."""

from __future__ import annotations

from codesearch.answers.shown_evidence import telling
from indexer.records import WordMatch


def words(*matches):
    found = telling([WordMatch(query, code, 0, 1, similarity) for query, code, similarity in matches])
    return [(match.query_word, match.code_word) for match in found]


def test_function_words_are_left_out_on_either_side():
    assert words(("when", "the", 0.6), ("job", "for", 0.6), ("job", "Job", 0.9)) == [("job", "Job")]


def test_a_long_word_that_is_found_itself_stays():
    assert words(("which", "which", 0.9), ("a", "a", 0.9), ("job", "Job", 0.8)) == [
        ("which", "which"),
        ("job", "Job"),
    ]


def test_a_words_weak_matches_go_when_it_has_a_strong_one():
    assert words(("job", "Job", 0.9), ("job", "task", 0.83), ("job", "int", 0.5)) == [
        ("job", "Job"),
        ("job", "task"),
    ]
    assert words(("job", "int", 0.5)) == [("job", "int")], "a weak match alone is still the best there is"


def test_where_function_words_alone_were_found_those_are_shown_that_found_themselves():
    assert words(("to", "to", 0.9), ("be", "BE", 0.9), ("or", "not", 0.7)) == [("to", "to"), ("be", "BE")]
    assert words(("a", "the", 0.6), ("is", "the", 0.5), ("how", "the", 0.4)) == []


def test_single_signs_of_code_say_nothing():
    assert words(("losing", "s", 0.7), ("losing", "lost", 0.6)) == [("losing", "lost")]


def test_no_matches():
    assert words() == []
