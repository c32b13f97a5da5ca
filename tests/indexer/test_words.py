from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import words as module
from indexer.stop_words import STOP_WORDS
from indexer.words import (
    MAX_WORD_CHARS,
    identifiers,
    joined,
    last_name,
    names,
    query_words,
    spelled_out,
    split_identifier,
    word_at,
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
        ("parse_configом", ["parse", "config", "ом"]),
        ("端口被占", ["端口", "口被", "被占"]),
        ("锁", ["锁"]),
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
    before = module._parts_and_whole.cache_info().misses
    assert module.words("y" * 100_000) == []
    assert module._parts_and_whole.cache_info().misses == before


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("调用parse_config函数", ["调用", "parse_config", "函数"]),
        ("端口8080被占用时报错EADDRINUSE错误", ["端口", "8080", "被占用时报错", "EADDRINUSE", "错误"]),
        ("設定loadConfigを呼ぶ", ["設定", "loadConfig", "を呼ぶ"]),
        ("parse_config를", ["parse_config", "를"]),
        ("โหลดconfigไฟล์", ["โหลด", "config", "ไฟล์"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ＥＡＤＤＲ x² ﬁle", ["EADDR", "x2", "file"]),
    ],
)
def test_an_identifier_is_found_inside_any_script(text, found):
    assert list(identifiers(text)) == found


@pytest.mark.parametrize("text", ["café", "パーサー", "한국어", "Ёлка", "naïve_größe"])
def test_both_spellings_of_an_accented_letter_are_one_word(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert words(composed) == words(decomposed)
    assert query_words(composed) == query_words(decomposed)
    assert joined(composed) == joined(decomposed)


@given(st.text(alphabet="错误端口被占用ab_é "), st.text(alphabet="错误端口被占用", min_size=1))
def test_what_stands_in_a_text_of_a_script_without_spaces_is_found(before, run):
    found = words(before + run)
    asked = query_words(run)
    assert all(any(word.startswith(each) for word in found) for each in asked)
    assert len(run) == 1 or set(asked) <= set(found)


def test_the_word_at_a_place_ends_where_the_script_does():
    text = "调用parse_config函数 cafe\u0301_x"
    assert [text[slice(*word_at(text, at))] for at in (0, 1, 2, 13, 14, 15, 16, 17, 22)] == [
        "调用", "调用", "parse_config", "parse_config", "函数", "函数", "", "cafe\u0301_x", "cafe\u0301_x",
    ]  # fmt: skip
    assert [match.group() for match in names("用parse2(函数, 9)")] == ["用", "parse2", "函数"]


@given(st.text(alphabet=st.sampled_from("aB_9 .é端口\n"), max_size=200))
def test_words_are_spelled_out_as_they_are_found(text):
    assert spelled_out(text) == " ".join(words(text))
