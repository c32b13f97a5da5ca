"""The application as a whole, and its adapter on the real library with the bundled model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from indexer.errors import BuildInterruptedError, CodesearchError, IndexMissingError
from indexer.records import SearchRequest
from tui.app import CodeIndexEngine, IndexedRepository
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


# --- the adapter -----------------------------------------------------------------------------


@pytest.fixture
def repository(task_queue):
    opened = CodeIndexEngine().open(task_queue)
    yield opened
    opened.close()


def test_real_passages_come_with_places_for_their_evidence(repository, task_queue):
    found = repository.search(SearchRequest("what happens when a job keeps failing", k=5))
    assert any(passage.path == "millrace/worker.py" for passage in found.passages)
    for passage in found.passages:
        text = (task_queue / passage.path).read_text()
        lines = text.splitlines(keepends=True)
        assert passage.start_char == sum(map(len, lines[: passage.start_line - 1]))
        for match in passage.evidence.matches:
            assert text[match.start_char : match.end_char] == match.code_word


def test_real_definitions_are_exact(repository):
    (found,) = repository.definitions("BackoffPolicy", 5).passages
    assert (found.path, found.symbol, found.kind) == ("millrace/backoff.py", "BackoffPolicy", "class")
    assert "class BackoffPolicy" in found.text
    assert repository.definitions("nowhere", 5).passages == []


def test_real_similar_passages_leave_the_passage_itself_out(repository):
    passage = repository.search(SearchRequest("bury a job", k=1)).passages[0]
    others = repository.similar(passage, 3).passages
    assert others
    assert all((p.path, p.start_line) != (passage.path, passage.start_line) for p in others)


def test_real_status(repository):
    status = repository.status(looks_at_disk=False)
    assert (status.n_files > 10, status.stale) == (True, ())
    assert {"python", "markdown"} <= set(status.languages)


def test_a_newer_build_is_followed_and_a_deleted_index_said(tmp_path, task_queue, one_encoder):
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)
    repository = IndexedRepository(root)
    (root / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    assert "tides.py  new" in repository.status(looks_at_disk=True).stale
    assert repository.search(SearchRequest("retry")).notes == ()  # the screen says it of the whole repository
    assert "has a word of the query" in " ".join(repository.search(SearchRequest("zzqx")).notes)
    CodeIndexEngine().build(root, lambda progress: None)
    assert repository.definitions("high_water", 1).passages[0].path == "tides.py"
    shutil.rmtree(root / ".codesearch")
    with pytest.raises(IndexMissingError, match="deleted while it was open"):
        repository.search(SearchRequest("oil"))
    repository.close()


def test_an_index_that_cannot_be_used_is_made_anew(tmp_path, one_encoder):
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    engine = CodeIndexEngine()
    engine.build(tmp_path, lambda progress: None)
    manifest = tmp_path / ".codesearch" / "manifest.json"
    manifest.write_text("{damaged")
    with pytest.raises(CodesearchError):
        engine.open(tmp_path)
    assert engine.build(tmp_path, lambda progress: None).n_files == 1
    engine.open(tmp_path).close()


def test_a_folder_without_an_index_is_not_the_one_above(task_queue):
    with pytest.raises(IndexMissingError, match="F9 builds it"):
        CodeIndexEngine().open(task_queue / "millrace")


def test_what_progress_raises_ends_a_real_build(tmp_path):
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")

    def cancel(progress):
        raise BuildInterruptedError("Stop.")

    with pytest.raises(BuildInterruptedError):
        CodeIndexEngine().build(tmp_path, cancel)
    assert not (tmp_path / ".codesearch" / "manifest.json").exists()
