"""Characters become lines and columns: by hand on small texts, by property on any text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.records import ComponentScores, Evidence, Passage, WordMatch
from tui.text.document import (
    EMPTY,
    MAX_LINE_COLUMNS,
    Document,
    file_document,
    passage_document,
    safe,
    safe_line,
)


def make(text, *matches, path="a.txt", language="text", start_line=1, start_char=0, omitted=(), n_lines=None):
    n_lines = n_lines or max(1, text.count("\n") + (not text.endswith("\n")))
    return Passage(
        path=path,
        start_line=start_line,
        end_line=start_line + n_lines - 1,
        text=text,
        language=language,
        symbol="",
        kind="",
        score=1.0,
        n_tokens=1,
        evidence=Evidence(ComponentScores(), tuple(matches), ()),
        omitted_lines=omitted,
        start_char=start_char,
    )


def match(word, start, line=0, similarity=0.8):
    return WordMatch("query", word, start, start + len(word), similarity, line)


def marked(document: Document) -> list[str]:
    return [document.lines[mark.line].text[mark.start : mark.end] for mark in document.marks]


def test_lines_have_their_numbers_in_the_file():
    document = passage_document(make("b\nc\n", start_line=7))
    assert [(line.number, line.text) for line in document.lines] == [(7, "b"), (8, "c")]


def test_a_mark_is_a_line_and_columns():
    document = passage_document(make("one\ntwo three\n", match("three", 108), start_char=100))
    mark = document.marks[0]
    assert (mark.line, mark.start, mark.end) == (1, 4, 9)


def test_marks_stand_in_reading_order():
    text = "one two\nthree\n"
    document = passage_document(make(text, match("three", 8), match("two", 4), match("one", 0)))
    assert marked(document) == ["one", "two", "three"]


def test_crlf_is_no_part_of_a_line_and_moves_no_mark():
    document = passage_document(make("one\r\ntwo\r\n", match("two", 5)))
    assert [line.text for line in document.lines] == ["one", "two"]
    assert marked(document) == ["two"]


def test_tabs_become_spaces_and_marks_move_along():
    document = passage_document(make("\tif x:\n\t\ty\tz\n", match("z", 11)))
    assert [line.text for line in document.lines] == ["    if x:", "        y   z"]
    assert marked(document) == ["z"]


def test_characters_outside_the_first_plane_count_once():
    document = passage_document(make("🎈 word\n", match("word", 2)))
    assert marked(document) == ["word"]


def test_a_mark_that_runs_over_its_line_is_cut():
    document = passage_document(make("ab\ncd\n", WordMatch("q", "b\nc", 1, 4, 0.5)))
    assert marked(document) == ["b"]


def test_a_mark_outside_the_passage_is_dropped():
    assert passage_document(make("ab\n", match("xyz", 50))).marks == ()
    assert passage_document(make("ab\n", match("xyz", 5), start_char=10)).marks == ()


def test_without_a_known_start_marks_are_found_by_word():
    document = passage_document(make("unworded word\n", match("word", 900), start_char=-1))
    assert (document.marks[0].start, document.marks[0].end) == (9, 13)


def test_omitted_lines_are_one_line_without_a_number():
    text = "def f():\n… 3 lines omitted (2-4) …\n    return word\n"
    document = passage_document(make(text, match("word", 80, line=5), omitted=((2, 4),), n_lines=5))
    assert [line.number for line in document.lines] == [1, 0, 5]
    assert marked(document) == ["word"]


def test_the_file_around_a_passage_knows_where_it_is():
    file = "one\ntwo\nthree\nfour\n"
    document = file_document(file, make("two\nthree\n", match("three", 8), start_line=2, start_char=4))
    assert [line.number for line in document.lines] == [1, 2, 3, 4]
    assert (document.first_inside, document.last_inside) == (1, 2)
    assert marked(document) == ["three"]


def test_in_a_changed_file_marks_are_found_by_word():
    file = "new\none\ntwo\nthree\nfour\n"
    document = file_document(file, make("two\nthree\n", match("three", 8), start_line=2, start_char=4))
    assert marked(document) == []
    moved = file_document("two\nlonger three\n", make("two\nthree\n", match("three", 4)))
    assert marked(moved) == ["three"]


def test_a_file_that_became_shorter_still_has_a_place():
    document = file_document("one\n", make("x\ny\n", start_line=90))
    assert 0 <= document.first_inside < len(document.lines)


def test_the_line_index_of_an_omitted_line_is_the_next_one():
    text = "a\n… 3 lines omitted (2-4) …\nb\n"
    document = passage_document(make(text, omitted=((2, 4),), n_lines=5))
    assert (document.line_index(1), document.line_index(3), document.line_index(99)) == (0, 2, 2)


def test_syntax_runs_are_columns_of_their_line():
    document = passage_document(make('x = """a\nb"""  # c\n', path="a.py", language="python"))
    kinds = [
        [(line.text[run.start : run.end], run.kind) for run in line.runs if run.kind in ("string", "comment")]
        for line in document.lines
    ]
    assert kinds == [
        [('"""', "string"), ("a", "string")],
        [("b", "string"), ('"""', "string"), ("# c", "comment")],
    ]


def test_prose_wraps_and_code_does_not():
    for language in ("markdown", "epub", "asciidoc", "pdf"):
        assert passage_document(make("a\n", language=language)).wraps
    assert not passage_document(make("a\n", language="python")).wraps


def test_control_characters_become_signs_one_for_one():
    text = "a\x1b[2Jb\x07\x7f\x9b\u202e\u200bc"
    assert safe(text) == "a␛[2Jb␇␡���c"
    assert len(safe(text)) == len(text)
    assert safe_line("a\r\nb\tc") == "a  b c"


def test_an_enormous_line_is_cut():
    document = passage_document(make("x" * 100_000 + "\n"))
    assert len(document.lines[0].text) == MAX_LINE_COLUMNS + 1


def test_nothing_is_a_document_too():
    assert passage_document(make("")).lines == (passage_document(make("\n")).lines)
    assert EMPTY.line_index(3) == 0


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(["python", "markdown", "go", "text", "no-such-language"]))
def test_any_text_has_its_lines_and_nothing_a_terminal_obeys(text, language):
    document = passage_document(make(text, language=language))
    expected = text.split("\n")
    if len(expected) > 1 and not expected[-1]:
        expected.pop()
    assert len(document.lines) == len(expected)
    for line in document.lines:
        assert all(character.isprintable() or ord(character) >= 0xA0 for character in line.text)
        assert all(0 <= run.start < run.end <= max(len(line.text), 1) for run in line.runs)


@settings(deadline=None)
@given(st.text(alphabet="ab\t\n\r é🎈", max_size=60), st.data())
def test_a_mark_covers_the_characters_it_names(text, data):
    start = data.draw(st.integers(0, max(0, len(text) - 1)))
    end = data.draw(st.integers(start, len(text)))
    word = text[start:end]
    document = passage_document(make(text, WordMatch("q", word, start, end, 0.5)))
    for mark in document.marks:
        shown = document.lines[mark.line].text[mark.start : mark.end]
        assert (
            shown.replace(" ", "") in word.replace("\t", "").replace(" ", "").replace("\r", "␍")
            or not shown.strip()
        )
