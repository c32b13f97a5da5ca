"""The view's rows, layers and words, without an application where that is possible."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from tui.widgets.passage_view import layered, wrapped


def test_wrapped_at_blanks_and_within_words_where_it_must():
    assert wrapped("aaa bbb ccc", 8) == [(0, 8), (8, 11)]
    assert wrapped("aaaaaaaaaa", 4) == [(0, 4), (4, 8), (8, 10)]
    assert wrapped("abc", 8) == [(0, 3)]


@settings(deadline=None)
@given(st.text(alphabet="ab ", max_size=80), st.integers(2, 20))
def test_wrapped_pieces_tile_the_line(text, width):
    pieces = wrapped(text, width)
    assert "".join(text[start:end] for start, end in pieces) == text
    assert all(end - start <= width for start, end in pieces)
    assert all(left[1] == right[0] for left, right in pairwise(pieces))


def test_layers_lie_over_each_other_in_order():
    base, bold, red = Style(), Style(bold=True), Style(color="red")
    segments = layered("abcdef", 0, 6, base, [(1, 4, bold), (3, 5, red)])
    assert [(segment.text, segment.style) for segment in segments] == [
        ("a", base), ("bc", base + bold), ("d", base + bold + red), ("e", base + red), ("f", base),
    ]  # fmt: skip


def test_a_row_is_a_part_of_the_line():
    segments = layered("abcdef", 2, 5, Style(), [(0, 3, Style(bold=True))])
    assert [segment.text for segment in segments] == ["c", "de"]


async def test_the_word_under_the_cursor(drive):
    async with drive() as driver:
        await driver.ask(focus="passage")
        view = driver.passage
        line = view.document.lines[0].text
        for column, word in ((0, "def"), (5, "def"), (8, "light_with_retries"), (len(line), "now")):
            view.cursor_line, view.cursor_column = 0, column
            assert view.word == word


async def test_long_lines_can_be_walked_to_their_end(drive):
    async with drive(size=(80, 24)) as driver:
        await driver.ask(focus="results")
        Path("lighthouse/keeper.py").write_text("x = '" + "y" * 300 + " end'\n")
        await driver.press("f", "enter", "end", "left")
        view = driver.passage
        view._put_cursor(0, 303)
        await driver.pilot.pause()
        assert view.scroll_offset.x > 200
        assert "end" in driver.text_of(view)


async def test_an_enormous_file_opens_at_its_passage(drive):
    original = Path("lighthouse/keeper.py").read_text()
    Path("lighthouse/keeper.py").write_text(original + "z = 1\n" * 60_000)
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("f")
        assert len(driver.passage.document.lines) > 60_000
        assert "def light_with_retries" in driver.text_of(driver.passage)
        await driver.press("enter", "end")
        assert driver.passage.line_number == len(driver.passage.document.lines)
