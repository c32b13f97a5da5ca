from __future__ import annotations

from dataclasses import replace

from codesearch.render.vimgrep import vimgrep_text
from indexer.records import ComponentScores, Evidence, Passage, WordMatch

TEXT = "def größe(x):\n    return größe_of(x)\n    # \x1b[31m größe_of\n"


def passage(*matches, best_line=2, **changes):
    evidence = Evidence(ComponentScores(), tuple(matches), ())
    return replace(
        Passage("a b.py", 1, 3, TEXT, "python", "größe", "function", 1.0, 9, evidence, best_line=best_line),
        **changes,
    )


def match(query_word, code_word, line, **changes):
    return replace(WordMatch(query_word, code_word, 0, 0, 0.9, line), **changes)


def test_the_best_line_and_the_byte_where_its_word_begins():
    assert vimgrep_text([passage()]) == "a b.py:2:5:    return größe_of(x)\n"
    found = passage(match("size", "größe_of", 2), match("the", "x", 3))
    assert vimgrep_text([found]) == "a b.py:2:12:    return größe_of(x)\n"
    assert vimgrep_text([passage(match("size", "return", 2))]).startswith("a b.py:2:5:")  # it tells nothing
    bytes_before = len("    return größe_of(".encode()) + 1
    assert vimgrep_text([passage(match("input", "(x", 2))]).startswith(f"a b.py:2:{bytes_before - 1}:")


def test_each_line_that_matched_to_the_letter():
    found = passage(
        match("größe", "größe", 1, is_literal=True),
        match("größe", "größe_of", 3, is_literal=True),
        match("größe", "of", 3, is_literal=True),
    )
    assert vimgrep_text([found]) == "a b.py:1:5:def größe(x):\na b.py:3:13:    # ␛[31m größe_of\n"


def test_a_line_that_is_not_shown_is_not_named():
    cut = passage(text="def größe(x):\n… 2 lines omitted (2-3) …\n", omitted_lines=((2, 3),))
    assert vimgrep_text([cut]) == "a b.py:1:1:def größe(x):\n"


def test_a_path_is_one_line():
    assert vimgrep_text([passage(path="a\nb.py")]).count("\n") == 1
