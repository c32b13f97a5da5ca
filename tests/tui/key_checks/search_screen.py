"""The keys of the search screen, whatever has the focus in it."""

from __future__ import annotations

from tests.tui.key_checks.registry import checks
from tui.messages import CopyRequested, DefinitionRequested, EditorRequested, SimilarRequested
from tui.state import SavedQuery
from tui.widgets.dialogs import ChoiceDialog, RecallDialog, TextDialog


@checks("search", "focus_query")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.focus == "query"


@checks("search", "next_match")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.passage.word == "again"
    await d.press(key, key)
    assert d.passage.word == "LampError"
    await d.press(key)
    assert d.passage.word == "lamp"


@checks("search", "previous_match")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    assert d.passage.word == "lamp"
    await d.press(key)
    assert d.passage.word == "LampError"


@checks("search", "toggle_file")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert (d.passage.document.lines[0].number, len(d.passage.document.lines)) == (1, 41)
    assert d.passage.line_number == 27
    await d.press(key)
    assert d.passage.document.lines[0].number == 26


@checks("search", "toggle_evidence")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert not d.passage.shows_evidence
    assert not d.app.search_screen.query_one("#evidence").display
    await d.press(key)
    assert d.app.search_screen.query_one("#evidence").display


@checks("search", "definition")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press("n", "n", "n")
    await d.press(key)
    assert d.seen(DefinitionRequested)[0].word == "LampError"
    assert (d.current.passage.path, d.focus) == ("lamps.py", "passage")
    assert "definition of LampError" in d.title.state


@checks("search", "similar")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.seen(SimilarRequested)[0].result.passage.path == "keeper.py"
    assert len(d.results.results) == 2
    assert d.title.state.startswith("similar to keeper.py:26")


@checks("search", "back")
async def _(d, key):
    await d.ask(focus="results")
    await d.press("j", "space", "s")
    assert len(d.results.results) == 2
    await d.press(key)
    assert (len(d.results.results), d.results.cursor, d.results.marked) == (5, 2, {1})
    await d.press(key)
    assert len(d.results.results) == 5


@checks("search", "open_editor")
async def _(d, key):
    await d.ask(focus="passage")
    await d.press(key)
    request = d.seen(EditorRequested)[0]
    assert (request.result.passage.path, request.line) == ("keeper.py", 27)


@checks("search", "copy_place")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.clipboard == "keeper.py:26"
    assert d.notices == ["Copied keeper.py:26."]


@checks("search", "copy_passage")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.clipboard == d.current.passage.text
    assert d.notices == ["Copied 13 lines of keeper.py."]


@checks("search", "copy_context")
async def _(d, key):
    await d.ask(focus="results")
    await d.press("space", "j", "space", key)
    assert d.app.clipboard.count("### ") == 2
    assert "### keeper.py:40-42" in d.app.clipboard
    assert d.seen(CopyRequested)[0].what.startswith("2 passages, ")


@checks("search", "budget_up")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.search_screen.remembered.budget_tokens == 8000


@checks("search", "budget_down")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.search_screen.remembered.budget_tokens == 2000


@checks("search", "export")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert isinstance(d.app.screen, TextDialog)
    await d.press("enter")
    from pathlib import Path

    assert Path("passages.md").read_text().count("### ") == 5


@checks("search", "toggle_zoom")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert (d.results.display, d.focus) == (False, "passage")
    await d.press(key)
    assert (d.results.display, d.focus) == (True, "results")


@checks("search", "next_mode")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.search_screen.filters.mode == "single"
    await d.press(key, key)
    assert d.app.search_screen.filters.mode == "lexical"
    assert len(d.results.results) == 2
    await d.press(key)
    assert d.app.search_screen.filters.mode == "hybrid"


@checks("search", "filter('lang')")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert isinstance(d.app.screen, ChoiceDialog)
    await d.press("space", "enter")
    assert d.app.search_screen.filters.languages == ("go",)
    assert [result.passage.path for result in d.results.results] == ["beacon.go"]


@checks("search", "filter('path')")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    await d.press(*"!docs", "slash", "comma", *"x", "enter")
    assert d.app.search_screen.filters.paths == ("!docs/", "x")


@checks("search", "filter('kind')")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    await d.press("space", "down", "down", "space", "enter")
    assert d.app.search_screen.filters.kinds == ("code", "function")


@checks("search", "filter('regex')")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    await d.press("left_parenthesis", "a", "enter")
    assert isinstance(d.app.screen, TextDialog), "a broken expression is not accepted"
    await d.press("right_parenthesis", "enter")
    assert d.app.search_screen.filters.regex == "(a)"


@checks("search", "filter('scope')")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert isinstance(d.app.screen, ChoiceDialog)
    await d.press("space", "enter")
    assert d.app.search_screen.filters.scope == ("lighthouse",)


@checks("search", "clear_filters")
async def _(d, key):
    await d.ask(focus="results")
    await d.press("m", "l", "space", "enter", key)
    filters = d.app.search_screen.filters
    assert (filters.mode, filters.languages) == ("single", ())


@checks("search", "recall")
async def _(d, key):
    await d.ask(focus="results")
    await d.press("enter", "escape", key)
    assert isinstance(d.app.screen, RecallDialog)
    await d.press("enter")
    assert (d.query.value, d.focus) == ("try again when a lamp fails", "query")


@checks("search", "save_query")
async def _(d, key):
    await d.ask(focus="results")
    await d.press("m", key)
    saved = d.app.search_screen.remembered.saved
    assert saved == (SavedQuery("try again when a lamp fails", d.app.search_screen.filters),)
    assert saved[0].filters.mode == "single"
