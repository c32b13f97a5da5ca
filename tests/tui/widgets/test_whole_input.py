"""Pasting: the whole text, in every input."""

from __future__ import annotations

import json

import pytest
from textual import events

from tui.messages import QueryEntered
from tui.widgets.whole_input import WholeInput, drawn

TRACEBACK = """Traceback (most recent call last):
  File "app.py", line 3, in <module>
\tkeeper.light()
LampError: lamp 4 refuses
"""


async def paste(driver, text):
    driver.app.post_message(events.Paste(text))
    await driver.settle()


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
async def test_a_pasted_traceback_is_the_query_whole(drive, engine, line_break):
    async with drive() as d:
        await paste(d, TRACEBACK.replace("\n", line_break))
        expected = TRACEBACK.rstrip().replace("\t", "    ")
        assert engine.requests[-1].query == expected
        await d.press("enter")
        assert d.seen(QueryEntered)[-1].query == expected


async def test_a_long_text_is_not_dropped(drive, engine):
    text = "a lamp that fails " * 1000
    async with drive() as d:
        await paste(d, text)
        assert engine.requests[-1].query == text.strip()


async def test_it_takes_the_place_of_what_is_selected_and_joins_what_is_not(drive):
    async with drive() as d:
        d.query.set_query("why ")
        await paste(d, "a\nb")
        assert d.query.text == "why a\nb"
        d.query.select_all()
        await paste(d, "c")
        assert d.query.text == "c"


async def test_pasted_beside_the_query_bar_it_is_the_query(drive, engine):
    async with drive() as d:
        await d.ask(focus="results")
        await paste(d, TRACEBACK)
        assert engine.requests[-1].query.endswith("LampError: lamp 4 refuses")
        assert d.focus == "query"


@pytest.mark.parametrize("nothing", ["", "\n", "\r\n"])
async def test_nothing_pasted_is_nothing(drive, nothing):
    async with drive() as d:
        d.query.set_query("lamp")
        await paste(d, nothing)
        assert d.query.text == "lamp"


async def test_globs_on_lines_are_globs(drive, engine):
    async with drive() as d:
        await d.ask()
        d.app.search_screen.action_filter("path")
        await d.settle()
        await paste(d, "src/**\n!tests/\n")
        assert isinstance(d.app.focused, WholeInput)
        await d.press("enter")
        assert engine.requests[-1].paths == ("src/**", "!tests/")


async def test_a_pasted_expression_is_whole(drive, engine):
    async with drive() as d:
        await d.ask()
        d.app.search_screen.action_filter("regex")
        await d.settle()
        await paste(d, "a\nb")
        await d.press("enter")
        assert engine.requests[-1].regex == "a\nb"


async def test_the_recall_is_narrowed_by_all_of_it_and_gives_all_lines_back(drive, tmp_path):
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"history": ["one\ntwo", "two"]}))
    async with drive(state_file=file) as d:
        d.app.search_screen.action_recall()
        await d.settle()
        await paste(d, "two\none")
        await d.press("enter")
        assert d.query.text == "one\ntwo"


def test_one_line_with_signs_for_breaks():
    assert drawn("a\r\n\tb\n\n") == "a⏎    b"
