"""The application as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from indexer.errors import IndexMissingError
from tui.keys import KEYS
from tui.messages import BuildFailed
from tui.screens.building import IndexScreen
from tui.screens.search import SearchScreen
from tui.theme import DARK

# --- the application -------------------------------------------------------------------------


async def test_leaving_during_a_build_cancels_it(drive):
    async with drive() as driver:
        await driver.press("f9")
        await driver.start_build()
        assert driver.app.building == Path("lighthouse")
        driver.app.on_unmount()
        driver.app.workspace.engine.build_gate.set()
        await driver.settle()
        assert driver.seen(BuildFailed)[0].cancelled


async def test_the_palette_runs_commands_of_every_place(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        commands = {command.title: command for command in driver.app.get_system_commands(driver.app.screen)}
        assert len(commands) == sum(key.palette for key in KEYS)
        for key in KEYS:
            if key.palette and key.action in ("mark_all", "toggle_wrap", "next_mode", "toggle_theme"):
                await commands[key.help].callback()
                await driver.settle()
        assert len(driver.results.marked) == 0, "the next mode brought another list"
        assert driver.app.search_screen.filters.mode == "single"
        assert driver.app.theme == "codesearch-light"


async def test_the_palette_on_another_screen_says_where_its_commands_are(drive):
    async with drive() as driver:
        await driver.press("f9")
        commands = {command.title: command for command in driver.app.get_system_commands(driver.app.screen)}
        await commands["Find code similar to this passage"].callback()
        await driver.settle()
        assert "esc goes there" in driver.notices[0]


async def test_typing_in_the_palette_finds_a_command(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("ctrl+p", *"light theme")
        while driver.app.theme == DARK.name:
            await driver.press("enter")
        assert driver.app.theme == "codesearch-light"


async def test_letters_of_the_application_do_nothing_in_a_dialog(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("l", "i", "question_mark", "T")
        assert not isinstance(driver.app.screen, IndexScreen)
        assert driver.app.theme == DARK.name


async def test_several_repositories_and_a_scope(drive, engine, lighthouse):
    shutil.copytree(lighthouse, "harbour")
    async with drive(roots=(lighthouse, Path("harbour"))) as driver:
        await driver.ask(focus="results")
        assert {result.repository for result in driver.results.results} == {"lighthouse", "harbour"}
        await driver.press("f8", "down", "space", "enter")
        assert driver.app.search_screen.filters.scope == ("harbour",)
        assert {result.repository for result in driver.results.results} == {"harbour"}
        await driver.press("f9", "j")
        assert driver.app.screen.selected.name == "harbour"
        await driver.press("b")
        assert engine.builds == [Path("harbour")]


async def test_only_a_start_without_any_index_offers_to_build(drive, engine, lighthouse, monkeypatch):
    shutil.copytree(lighthouse, "harbour")
    original = engine.open

    def open_one(root):
        if root.name == "harbour":
            raise IndexMissingError("There is no index in harbour.")
        return original(root)

    monkeypatch.setattr(engine, "open", open_one)
    async with drive(roots=(lighthouse, Path("harbour"))) as driver:
        assert isinstance(driver.app.screen, SearchScreen)
        text = driver.text_of(driver.app.search_screen.query_one("#welcome"))
        assert "no index yet" in text


async def test_an_unknown_theme_of_an_older_run_is_forgotten(drive, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "tui.json").write_text('{"theme": "no-such-theme"}')
    async with drive() as driver:
        assert driver.app.theme == DARK.name


async def test_a_second_build_waits_for_the_first(drive):
    async with drive() as driver:
        await driver.press("f9")
        await driver.start_build()
        await driver.pilot.press("b")
        await driver.pilot.pause()
        assert driver.notices == ["A build is running; c cancels it."]
        driver.app.workspace.engine.build_gate.set()
        await driver.settle()
        assert len(driver.app.workspace.engine.builds) == 1


async def test_cancelling_nothing_does_nothing(drive):
    async with drive() as driver:
        await driver.press("f9", "c")
        assert not driver.app.screen.is_cancelling


async def test_the_index_screen_opened_during_a_build_shows_it(drive):
    async with drive() as driver:
        await driver.press("f9")
        await driver.start_build()
        await driver.pilot.press("escape", "f9")
        await driver.pilot.pause()
        assert driver.app.screen.query_one("#build-progress").display
        driver.app.workspace.engine.build_gate.set()
        await driver.settle()
        assert "Indexed 4 files" in driver.text_of(driver.app.screen.query_one("#details-text"))


async def test_ctrl_c_says_how_one_leaves_and_twice_leaves(drive):
    now = [100.0]
    async with drive(clock=lambda: now[0]) as driver:
        for focus in ("query", "results", "passage"):
            await driver.ask(focus=focus)
            now[0] += 10
            await driver.pilot.press("ctrl+c")
            await driver.pilot.pause()
            assert driver.notices[-1] == "^c once more leaves, as ^q does."
            assert not driver.app._exit
        now[0] += 1
        await driver.pilot.press("ctrl+c")
        await driver.pilot.pause()
        assert driver.app._exit


async def test_ctrl_c_copies_what_is_selected(drive):
    async with drive() as driver:
        await driver.ask("oil", focus="query")
        await driver.pilot.press("shift+home", "ctrl+c")
        assert driver.app.clipboard == "oil"
        assert driver.notices == []
