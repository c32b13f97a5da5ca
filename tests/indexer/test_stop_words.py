"""Words of form are told from words of topic, where a question speaks of talk and nowhere else."""

from __future__ import annotations

from indexer.retrieve.query_shape import query_shape
from indexer.stop_words import topic_words


def test_what_a_question_about_talk_is_about() -> None:
    assert topic_words("summarize discussion remote control".split()) == ["remote", "control"]
    assert topic_words("group opinion costs".split()) == ["costs"]


def test_a_question_to_code_keeps_all_its_words() -> None:
    words = "group present reason introduced topic".split()
    assert topic_words(words) == words


def test_nothing_but_form_is_kept() -> None:
    assert topic_words(["summarize", "discussion"]) == ["summarize", "discussion"]


def test_neither_full_text_nor_rarity_sees_form() -> None:
    shape = query_shape("What did the manager say about costs in the discussion?", "repository")
    assert shape.words == ("manager", "costs")
    assert shape.stems == {"manag", "cost"}
