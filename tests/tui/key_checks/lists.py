"""The keys of the query, of the results and of the passage."""

from __future__ import annotations

from tests.tui.key_checks.registry import checks

# --- query ------------------------------------------------------------------------------------------


@checks("query", "enter")
async def _(d, key):
    await d.ask()
    await d.press(key)
    assert d.focus == "results"
    assert d.app.search_screen.remembered.history == ("try again when a lamp fails",)


@checks("query", "next_result")
async def _(d, key):
    await d.ask()
    await d.press(key)
    assert (d.focus, d.results.cursor) == ("query", 1)


@checks("query", "previous_result")
async def _(d, key):
    await d.ask()
    d.results.move(3)
    await d.press(key)
    assert (d.focus, d.results.cursor) == ("query", 2)


@checks("query", "older_query")
async def _(d, key):
    d.query.history = ("newer", "older")
    d.query.set_query("draft")
    await d.press(key)
    assert d.query.value == "newer"
    await d.press(key, key)
    assert d.query.value == "older"


@checks("query", "newer_query")
async def _(d, key):
    d.query.history = ("newer", "older")
    d.query.set_query("draft")
    await d.press("ctrl+up", "ctrl+up", key)
    assert d.query.value == "newer"
    await d.press(key, key)
    assert d.query.value == "draft"


@checks("query", "clear")
async def _(d, key):
    await d.ask()
    await d.press(key)
    assert (d.query.value, d.focus) == ("", "query")
    assert d.app.search_screen.has_class("-welcome")


# --- results ----------------------------------------------------------------------------------------


@checks("results", "open")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.focus == "passage"


@checks("results", "cursor_down")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.results.cursor == 1
    assert d.passage.document.lines[0].text == "# When a lamp stays dark"


@checks("results", "cursor_up")
async def _(d, key):
    await d.ask(focus="results")
    d.results.move(1)
    await d.press(key)
    assert (d.results.cursor, d.focus) == (0, "results")
    await d.press(key)
    assert d.focus == "query"


@checks("results", "page_down")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.results.cursor == 4


@checks("results", "page_up")
async def _(d, key):
    await d.ask(focus="results")
    d.results.move(4)
    await d.press(key)
    assert d.results.cursor == 0


@checks("results", "first")
async def _(d, key):
    await d.ask(focus="results")
    d.results.move(2)
    await d.press(key)
    assert d.results.cursor == 0


@checks("results", "last")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.results.cursor == 4


@checks("results", "mark")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key, key)
    assert (d.results.marked, d.results.cursor) == ({0, 1}, 2)
    assert "2 marked" in d.title.state
    await d.press("k", key)
    assert d.results.marked == {0}


@checks("results", "mark_all")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert len(d.results.marked) == 5
    await d.press(key)
    assert d.results.marked == set()


@checks("results", "leave")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.focus == "query"


# --- passage ----------------------------------------------------------------------------------------


@checks("passage", "cursor_down")
async def _(d, key):
    await d.ask(focus="passage")
    before = d.passage.cursor_line
    await d.press(key)
    assert d.passage.cursor_line == before + 1


@checks("passage", "cursor_up")
async def _(d, key):
    await d.ask(focus="passage")
    before = d.passage.cursor_line
    await d.press(key)
    assert d.passage.cursor_line == before - 1


@checks("passage", "cursor_right")
async def _(d, key):
    await d.ask(focus="passage")
    before = d.passage.cursor_column
    await d.press(key)
    assert d.passage.cursor_column == before + 1


@checks("passage", "cursor_left")
async def _(d, key):
    await d.ask(focus="passage")
    before = d.passage.cursor_column
    await d.press(key)
    assert d.passage.cursor_column == before - 1


@checks("passage", "next_word")
async def _(d, key):
    await d.ask(focus="passage")
    assert d.passage.word == "Try"
    await d.press(key)
    assert d.passage.word == "again"


@checks("passage", "previous_word")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.passage.word == "now"


@checks("passage", "page_down")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key, key)
    assert d.passage.cursor_line == len(d.passage.document.lines) - 1 == 12


@checks("passage", "page_up")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press("end", key, key)
    assert d.passage.cursor_line == 0


@checks("passage", "top")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert (d.passage.cursor_line, d.passage.cursor_column) == (0, 0)


@checks("passage", "bottom")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.passage.line_number == 38


@checks("passage", "toggle_wrap")
async def _(d, key):
    await d.ask(focus="passage")
    d.results.move(1)
    await d.settle()
    wrapped = d.passage.virtual_size.height
    await d.press(key)
    assert d.passage.virtual_size.height == len(d.passage.document.lines) < wrapped


@checks("passage", "leave")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.focus == "results"
