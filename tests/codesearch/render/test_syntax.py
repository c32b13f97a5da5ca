"""Which characters have which kind; the lexers are Pygments' own and not tested here."""

from __future__ import annotations

import pytest

from codesearch.render.syntax import KINDS, MAX_CHARS, pieces_of
from tui.theme import DARK, LIGHT, code_styles


def kinds(text, language, path="a"):
    return {text[piece.start : piece.end]: piece.kind for piece in pieces_of(text, language, path)}


def test_python():
    found = kinds('class A:\n    def f(self):  # why\n        return "x" + 1\n', "python", "a.py")
    assert (found["class"], found["A"], found["f"], found["# why"]) == (
        "keyword",
        "class",
        "function",
        "comment",
    )
    assert (found["return"], found["1"]) == ("keyword", "number")


@pytest.mark.parametrize(
    "language", ["csharp", "tsx", "rst", "proto", "bash", "kotlin", "zig", "elixir", "sql"]
)
def test_languages_whose_lexer_has_another_name(language):
    assert pieces_of("# x\nclass A { }\n/* y */ 'text'", language, "a")


def test_the_file_name_decides_where_the_language_is_unknown():
    assert kinds("def f(): pass", "no-such-language", "a.py")["def"] == "keyword"


def test_plain_and_enormous_texts_have_no_syntax():
    assert pieces_of("def f(): pass", "text", "README") == []
    assert pieces_of("x = 1\n" * (MAX_CHARS // 6 + 1), "python", "a.py") == []


def test_every_kind_has_a_style_in_every_theme():
    for theme in (DARK, LIGHT):
        for no_color in (False, True):
            styles = code_styles(theme.background, theme.foreground, theme.dark, no_color)
            missing = set(KINDS) - set(styles.syntax)
            assert missing == set()
