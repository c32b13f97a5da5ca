"""The keys of the chips, of the index screen, and those that work everywhere."""

from __future__ import annotations

from tests.tui.key_checks.registry import checks
from tui.messages import StatusRequested
from tui.screens.building import IndexScreen
from tui.screens.help import HelpScreen
from tui.widgets.chips import Chip

# --- chips ------------------------------------------------------------------------------------------


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


# --- index screen -----------------------------------------------------------------------------------


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
    await d.settle()
    await d.press(key)
    assert d.app.screen.query_one("#details").scroll_offset.y == 1


@checks("index", "move(-1)")
async def _(d, key):
    await d.press("f9")
    await d.pilot.resize_terminal(60, 14)
    await d.settle()
    await d.press("j", "j", key)
    assert d.app.screen.query_one("#details").scroll_offset.y == 1


@checks("index", "leave")
async def _(d, key):
    await d.press("f9", key)
    assert d.app.screen is d.app.search_screen


# --- everywhere -------------------------------------------------------------------------------------


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
