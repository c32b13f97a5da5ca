"""Spans: what each language's query finds, exact characters, limits, and texts made to break a parser.

`symbols/<language>.sample` is held against `symbols/<language>.spans`, a list for people to check.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.languages import LANGUAGES
from indexer.reading.grammar_worker import query_text
from indexer.reading.parse import parse
from indexer.records import SourceFile, Span

SAMPLES = sorted((Path(__file__).parent / "symbols").glob("*.sample"))
GRAMMARS = [row.name for row in LANGUAGES.values() if row.grammar]
KINDS = frozenset(
    "function method class interface struct trait impl enum module constant type macro section table".split()
)
SECONDS = 20.0
seeded = settings(derandomize=True, database=None, deadline=None)


def source(text: str, language: str = "python") -> SourceFile:
    return SourceFile("a", text, language, "0" * 64, len(text.encode("utf-8", "surrogatepass")))


def spans(text: str, language: str = "python") -> tuple[Span, ...]:
    parsed = parse(source(text, language), SECONDS)
    assert parsed.problem == ""
    return parsed.spans


def names(text: str, language: str = "python") -> list[str]:
    return [span.name for span in spans(text, language)]


def test_a_dollar_is_a_letter_where_the_language_says_so() -> None:
    text = "interface $ZodType { _zod: any }\nconst user$ = () => 1\nfunction $() {}\n"
    assert names(text, "typescript") == ["$ZodType", "user$", "$"]
    assert names("a$f <- function(x) 1\n", "r") == ["a.f"]


def assert_sound(text: str, found: tuple[Span, ...]) -> None:
    """Spans lie in the text, nest, are sorted, and count lines right."""
    open_ends: list[int] = []
    last = (-1, 0)
    for span in found:
        assert 0 <= span.start_char < span.end_char <= len(text)
        assert span.start_line == text.count("\n", 0, span.start_char) + 1
        assert span.end_line == text.count("\n", 0, span.end_char - 1) + 1
        assert span.name
        assert span.kind in KINDS
        assert (span.start_char, -span.end_char) >= last
        last = (span.start_char, -span.end_char)
        while open_ends and open_ends[-1] <= span.start_char:
            open_ends.pop()
        assert not open_ends or span.end_char <= open_ends[-1]
        open_ends.append(span.end_char)


# --- languages -------------------------------------------------------------------------------


def test_there_is_a_sample_for_every_grammar() -> None:
    assert [sample.stem for sample in SAMPLES] == sorted(GRAMMARS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_symbols_of_a_language(sample: Path) -> None:
    text = sample.read_text()
    found = spans(text, sample.stem)
    lines = [f"{span.start_line}-{span.end_line} {span.kind} {span.name}" for span in found]
    assert lines == sample.with_suffix(".spans").read_text().splitlines()
    assert_sound(text, found)


@pytest.mark.parametrize("language", GRAMMARS)
def test_queries_hold_to_their_conventions(language: str) -> None:
    text = re.sub(r'"(?:[^"\\]|\\.)*"|;.*', "", query_text(LANGUAGES[language].grammar))
    assert not re.search(r"#(?!set!)", text), (
        "tree-sitter's own predicates crash here; see grammars/README.md"
    )
    captures = {capture.removesuffix(".clause") for capture in re.findall(r"@([a-z_.]+)", text)}
    known = KINDS | {"name", "title", "scope", "doc", "replaces"}
    assert {capture for capture in captures if capture[0] != "_"} <= known


@pytest.mark.parametrize("language", ["json", "yaml", "toml", "html", "css", "text", "vue"])
def test_the_other_languages_are_text_without_a_complaint(language: str) -> None:
    assert spans('{"def f()": 1}\n', language) == ()


VUE = """\
<template>
  <p>function not() {}</p>
</template>
<script lang="ts">
export interface Größe { a: number }
</script>
<script setup lang="ts">
// Adds.
function add(a: number) { return a }
</script>
"""


def test_the_scripts_of_components_have_symbols_where_they_stand() -> None:
    found = spans(VUE, "vue")
    assert [(span.kind, span.name, span.start_line, span.end_line) for span in found] == [
        ("interface", "Größe", 5, 5),
        ("function", "add", 8, 9),
    ]
    assert VUE[found[1].start_char : found[1].end_char].startswith("// Adds.\nfunction add")
    assert_sound(VUE, found)
    svelte = (
        "<!-- <script>function no() {}</script> -->\n<script>\nfunction go() {}\n</script>\n<h1>{go}</h1>\n"
    )
    assert names(svelte, "svelte") == ["go"]
    astro = "---\nconst f = (x: number) => x;\n---\n<A/>\n<script>\nfunction h(): void {}\n</script>\n"
    assert names(astro, "astro") == ["f", "h"]
    assert spans('<script type="application/json">{"a": 1}</script>\n', "vue") == ()


def test_type_aliases_of_python_are_symbols() -> None:
    text = "type Json = dict[str, int]\ntype Pair[T] = tuple[T, T]\n"
    assert [(span.kind, span.name) for span in spans(text)] == [("type", "Json"), ("type", "Pair")]


# --- what belongs to a symbol ----------------------------------------------------------------


def test_comments_and_decorators_directly_above_belong_to_the_symbol() -> None:
    text = "x = 1  # of x\n\n# One.\n# Two.\n@deco\n# Three.\ndef f():\n    pass\n"
    (span,) = spans(text)
    assert text[span.start_char : span.end_char] == text[text.index("# One") :].rstrip()


def test_a_blank_line_or_code_parts_a_comment_from_the_symbol() -> None:
    for text in (
        "# Apart.\n\ndef f(): pass\n",
        "x = 1  # behind\ndef f(): pass\n",
        "# Apart.\nx = 1\ndef f(): pass\n",
    ):
        (span,) = spans(text)
        assert text[span.start_char : span.end_char] == "def f(): pass"


def test_a_comment_inside_stays_inside() -> None:
    text = "class A:\n    # of f\n    def f(self):\n        pass\n    # loose end\n"
    outer, inner = spans(text)
    assert text[inner.start_char :].startswith("# of f")
    assert outer.start_char == 0


def test_doc_comments_with_windows_line_ends() -> None:
    text = "/// One.\r\n/// Two.\r\nfn f() {}\r\n"
    (span,) = spans(text, "rust")
    assert (span.start_char, span.end_char, span.start_line, span.end_line) == (0, len(text) - 2, 1, 3)


# --- characters ------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "é", "日本語", "👩‍👩‍👧 ", "e\u0301", "𝔘", "\u2028", "\x0b", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_positions_are_characters_not_bytes(before: str, line_end: str) -> None:
    function = f"def größe(x):{line_end}    return '🎉' + x"
    text = f"# {before}{line_end}{line_end}{function}{line_end}{line_end}y = '{before}'{line_end}"
    (span,) = spans(text)
    assert text[span.start_char : span.end_char] == function
    assert span.name == "größe"
    assert (span.start_line, span.end_line) == (3, 4)


@seeded
@given(
    st.lists(
        st.sampled_from(["é", "🎉", "x", "\n", "\r\n", "# c", "def f(): pass\n", "class A:\n  x=1\n", " "])
    )
)
def test_random_texts_give_sound_spans(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = spans(text)
    assert_sound(text, found)
    assert sum(span.kind == "class" for span in found) <= text.count("class A")


def test_a_text_with_lone_surrogates_is_parsed() -> None:
    text = "x = '\ud800'\ndef f(): pass\n"
    (span,) = spans(text)
    assert text[span.start_char : span.end_char] == "def f(): pass"


# --- sections --------------------------------------------------------------------------------


def test_sections_nest_and_are_named_by_their_chain() -> None:
    text = "intro\n# Guide\ntext\n## Install\n### Linux\napt\n\n## Use\nrun\n\n# Notes\nend\n"
    found = spans(text, "markdown")
    assert [(span.name, span.start_line, span.end_line) for span in found] == [
        ("Guide", 2, 9),
        ("Guide > Install", 4, 6),
        ("Guide > Install > Linux", 5, 6),
        ("Guide > Use", 8, 9),
        ("Notes", 11, 12),
    ]
    assert_sound(text, found)


def test_rst_sections() -> None:
    text = "Guide\n=====\n\ntext\n\nInstall 🎉\n----------\n\nrun\n"
    found = spans(text, "rst")
    assert [(span.name, span.start_line, span.end_line) for span in found] == [
        ("Guide", 1, 9),
        ("Guide > Install 🎉", 6, 9),
    ]
    assert_sound(text, found)


@seeded
@given(
    st.lists(
        st.sampled_from(["# a\n", "## b\n", "### c\n", "text 🎉\n", "\n", "T\n===\n", "```\n", "=====\n"])
    )
)
def test_random_prose_gives_sound_sections(pieces: list[str]) -> None:
    text = "".join(pieces)
    for language in ("markdown", "rst"):
        assert_sound(text, spans(text, language))


# --- limits and damage -----------------------------------------------------------------------


@pytest.mark.parametrize("language", GRAMMARS)
def test_no_time_gives_no_spans_and_says_why(language: str) -> None:
    parsed = parse(source("def f(): pass\n" * 10, language), seconds=0.0)
    assert parsed.spans == ()
    assert f"parsing as {language} took more than 0 s" in parsed.problem


def test_the_next_file_is_parsed_whole_after_one_that_took_too_long() -> None:
    parse(source("def f(a):\n    return a\n" * 50_000), seconds=0.01)
    assert names("def g(): pass\n") == ["g"]


@pytest.mark.parametrize("language", GRAMMARS)
@pytest.mark.parametrize("brackets", ["()", "[]", "{}"])
def test_ten_thousand_brackets_overflow_nothing(language: str, brackets: str) -> None:
    deep = "x = " + brackets[0] * 10_000 + brackets[1] * 10_000 + "\n"
    parsed = parse(source(deep, language), seconds=0.2)
    assert_sound(deep, parsed.spans)
    unclosed = parse(source(brackets[0] * 10_000, language), seconds=0.2)
    assert_sound(brackets[0] * 10_000, unclosed.spans)


def test_functions_in_functions_hundreds_deep() -> None:
    text = "".join(" " * i + f"def f{i}():\n" for i in range(300)) + " " * 300 + "pass\n"
    found = spans(text)
    assert len(found) == 300
    assert_sound(text, found)
    assert found[-1].name.endswith(".f298.f299")
    assert len(found[-1].name) <= 600


@pytest.mark.parametrize(
    "piece", ["/* c */", "/* c */ function f(){}", "/* c */\n", "x=()=>{", "//", "function f(){"]
)
def test_odd_texts_take_little_more_than_their_parse(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    started = time.monotonic()
    parse(source(text, "javascript"), seconds=1.0)
    assert time.monotonic() - started < 20


def test_ten_thousand_functions_in_each_other() -> None:
    text = "function f(){" * 10_000 + "}" * 10_000
    started = time.monotonic()
    found = spans(text, "javascript")
    assert time.monotonic() - started < 20
    assert len(found) == 10_000
    assert found[-1].end_char == text.index("}") + 1


def test_broken_syntax_keeps_the_sound_parts() -> None:
    text = (
        "def good():\n    return 1\n\ndef broken(:\n    return ((\n\nclass Also:\n    def fine(self): pass\n"
    )
    assert {"good"} <= set(names(text))


@pytest.mark.parametrize("language", GRAMMARS)
def test_cut_samples_never_fail(language: str) -> None:
    text = (Path(__file__).parent / "symbols" / f"{language}.sample").read_text()
    for end in range(0, len(text), max(1, len(text) // 12)):
        for piece in (text[:end], text[end:]):
            assert_sound(piece, spans(piece, language))


@pytest.mark.parametrize("text", ["", "\n", " ", "\ufeff", "\r", "\0", "é"])
@pytest.mark.parametrize("language", [*GRAMMARS, "markdown", "rst", "text"])
def test_texts_without_symbols(language: str, text: str) -> None:
    assert spans(text, language) == ()
