"""Every key of the table, pressed in a running application; the table itself."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tui.help_screen import HelpScreen
from tui.index_screen import IndexScreen
from tui.keys import KEYS, OWNERS, bindings, written
from tui.messages import (
    CopyRequested,
    DefinitionRequested,
    EditorRequested,
    SimilarRequested,
    StatusRequested,
)
from tui.state import SavedQuery
from tui.widgets.chips import Chip
from tui.widgets.dialogs import ChoiceDialog, RecallDialog, TextDialog

Check = Callable[[object, str], Awaitable[None]]
CHECKS: dict[tuple[str, str], Check] = {}


def checks(owner: str, action: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS[owner, action] = check
        return check

    return register


FIRST_KEYS = [(key.owner, key.action, key.keys.split(",")[0]) for key in KEYS]
OTHER_KEYS = [(key, name) for key in KEYS for name in key.keys.split(",")[1:]]


def test_every_command_has_a_check():
    assert {(key.owner, key.action) for key in KEYS} == set(CHECKS)


@pytest.mark.parametrize(("owner", "action", "name"), FIRST_KEYS, ids=lambda value: str(value))
async def test_first_key(owner, action, name, drive):
    """The first key of a command does what the command is there for."""
    async with drive() as driver:
        await CHECKS[owner, action](driver, name)


@pytest.mark.parametrize("owner", sorted({key.owner for key, _ in OTHER_KEYS}))
async def test_other_keys(owner, drive):
    """Every other key of a command runs the same action."""
    async with drive() as driver:
        await driver.ask(
            focus="chip-mode" if owner == "chip" else "passage" if owner == "passage" else "results"
        )
        if owner == "index":
            await driver.press("f9")
        nodes = {"app": driver.app, "search": driver.app.screen, "index": driver.app.screen}
        node = nodes.get(owner, driver.app.focused)
        done = []
        for key, name in OTHER_KEYS:
            if key.owner == owner:
                method = key.action.partition("(")[0]
                setattr(node, f"action_{method}", lambda *arguments, key=key: done.append((key, *arguments)))
                await driver.pilot.press(name)
        expected = [
            (key, *([ast.literal_eval(key.action.partition("(")[2][:-1])] if "(" in key.action else []))
            for key, _ in OTHER_KEYS
            if key.owner == owner
        ]
        assert done == expected


def test_a_key_means_one_thing_in_one_place():
    for owner in OWNERS:
        names = Counter(name for key in KEYS if key.owner == owner for name in key.keys.split(","))
        assert [name for name, n in names.items() if n > 1] == []


def test_letters_of_the_search_screen_do_not_hide_those_of_its_widgets():
    letters = {name for key in KEYS if key.owner in ("search", "app") for name in key.keys.split(",")}
    for owner in ("results", "passage"):
        own = {name for key in KEYS if key.owner == owner for name in key.keys.split(",")}
        assert own & letters == set()


def test_bindings_show_only_footer_keys_and_only_once():
    shown = [binding.key for binding in bindings("index") if binding.show]
    assert shown == ["b", "c", "r", "escape"]


def test_every_key_is_written_and_explained():
    assert all(written(key) and key.help[0].isupper() and not key.help.endswith(".") for key in KEYS)


# --- query -----------------------------------------------------------------------------------


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


# --- results -----------------------------------------------------------------------------------


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


# --- passage -----------------------------------------------------------------------------------


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


# --- search screen -----------------------------------------------------------------------------


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


# --- chips -------------------------------------------------------------------------------------


@checks("chip", "press")
async def _(d, key):
    await d.ask(focus="chip-mode")
    await d.press(key)
    assert d.app.search_screen.filters.mode == "single"


@checks("chip", "clear")
async def _(d, key):
    await d.ask(focus="chip-mode")
    await d.press("enter", key)
    assert d.app.search_screen.filters.mode == "hybrid"


@checks("chip", "next")
async def _(d, key):
    await d.ask(focus="chip-mode")
    await d.press(key)
    assert d.focus == "chip-lang"


@checks("chip", "previous")
async def _(d, key):
    await d.ask(focus="chip-mode")
    await d.press(key)
    assert d.focus == "chip-regex", "the scope has no chip where there is one repository"
    assert isinstance(d.app.focused, Chip)


@checks("chip", "leave")
async def _(d, key):
    await d.ask(focus="chip-mode")
    await d.press(key)
    assert d.focus == "results"


# --- index screen ------------------------------------------------------------------------------


@checks("index", "build")
async def _(d, key):
    await d.press("f9", key)
    assert [str(root) for root in d.app.workspace.engine.builds] == ["lighthouse"]
    assert "Indexed 4 files in 6 s" in d.text_of(d.app.screen.query_one("#details-text"))


@checks("index", "cancel")
async def _(d, key):
    await d.press("f9")
    await d.start_build()
    await d.pilot.press(key)
    await d.pilot.pause()
    assert d.app.screen.is_cancelling
    d.app.workspace.engine.build_gate.set()
    await d.settle()
    assert "cancelled" in d.text_of(d.app.screen.query_one("#details-text"))


@checks("index", "check")
async def _(d, key):
    await d.press("f9", key)
    assert len(d.seen(StatusRequested)) == 1


@checks("index", "move(1)")
async def _(d, key):
    await d.press("f9")
    await d.pilot.resize_terminal(60, 14)
    await d.press(key)
    assert d.app.screen.query_one("#details").scroll_offset.y == 1


@checks("index", "move(-1)")
async def _(d, key):
    await d.press("f9")
    await d.pilot.resize_terminal(60, 14)
    await d.press("j", "j", key)
    assert d.app.screen.query_one("#details").scroll_offset.y == 1


@checks("index", "leave")
async def _(d, key):
    await d.press("f9", key)
    assert d.app.screen is d.app.search_screen


# --- everywhere --------------------------------------------------------------------------------


@checks("app", "index")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert isinstance(d.app.screen, IndexScreen)


@checks("app", "help")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert isinstance(d.app.screen, HelpScreen)


@checks("app", "toggle_theme")
async def _(d, key):
    await d.ask(focus="results")
    await d.press(key)
    assert d.app.theme == "codesearch-light"
    assert d.app.search_screen.remembered.theme == "codesearch-light"


@checks("app", "command_palette")
async def _(d, key):
    await d.press(key)
    assert type(d.app.screen).__name__ == "CommandPalette"


@checks("app", "quit")
async def _(d, key):
    await d.ask(focus="results")
    await d.pilot.press(key)
    assert d.app._exit
