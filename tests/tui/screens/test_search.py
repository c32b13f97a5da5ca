"""Asking and answering: pauses, answers that come too late, longer lists, repositories that change."""

from __future__ import annotations

import threading
from dataclasses import replace

from textual.widgets import Input

from indexer.errors import IndexMissingError, InputError
from tui.messages import ResultsFound, SearchRequested
from tui.screens.help import HelpScreen
from tui.state import Filters, RememberedState, SavedQuery, load_state, save_state
from tui.widgets.dialogs import ChoiceDialog

QUERY = "try again when a lamp fails"


async def test_typing_waits_for_a_pause_and_enter_does_not(drive, engine):
    async with drive(pause_seconds=3600) as driver:
        await driver.press(*"oil")
        asked = [request.query for request in engine.requests]
        assert "oil" not in asked
        assert driver.app.search_screen._pause is not None
        await driver.press("enter")
        assert driver.seen(SearchRequested)[0].request.query == "oil"
        assert driver.app.search_screen._pause is None
        assert driver.focus == "results"


async def test_a_short_pause_starts_the_search_by_itself(drive, engine):
    async with drive(pause_seconds=0.001) as driver:
        await driver.press("x")
        while not driver.seen(ResultsFound):
            await driver.pilot.pause()
        assert engine.requests[-1].query == "x"


async def test_without_an_index_every_language_can_be_chosen(drive, engine):
    engine.indexed = False
    async with drive() as driver:
        await driver.press("escape")
        await driver.ask("lamp", focus="results")
        await driver.press("l")
        assert isinstance(driver.app.screen, ChoiceDialog)


async def test_an_expression_is_judged_as_the_engine_will_read_it(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        driver.app.search_screen.action_filter("regex")
        await driver.settle()
        driver.app.screen.query_one(Input).value = r"\p{Lu}"
        await driver.press("enter")
        assert driver.app.search_screen.filters.regex == r"\p{Lu}"


async def test_an_empty_query_asks_nothing(drive, engine):
    async with drive() as driver:
        engine.requests.clear()
        await driver.press("space", "enter")
        assert engine.requests == []
        assert driver.app.search_screen.has_class("-welcome")


async def test_an_answer_to_an_older_question_is_dropped(drive):
    async with drive() as driver:
        await driver.ask()
        late = ResultsFound(driver.app.search_screen.serial - 1, "", (), 0.0)
        driver.app.search_screen.post_message(late)
        await driver.settle()
        assert len(driver.results.results) == 5


async def test_clearing_the_query_drops_the_answer_under_way(drive, engine):
    async with drive() as driver:
        engine.searching.clear()
        engine.gate.clear()
        driver.query.set_query("oil")
        await driver.pilot.pause()
        driver.query.set_query("")
        await driver.pilot.pause()
        engine.gate.set()
        await driver.settle()
        assert driver.results.results == ()
        assert driver.app.search_screen.has_class("-welcome")


async def test_the_screen_answers_keys_while_a_search_runs(drive, engine):
    async with drive() as driver:
        await driver.ask()
        engine.gate.clear()
        driver.query.set_query("oil")
        await driver.pilot.press("down", "s", "x")
        assert driver.query.value == "oilsx"
        assert driver.results.cursor == 1, "the list of before can still be walked"
        assert driver.title.state == "searching…"
        engine.gate.set()
        await driver.settle()
        assert engine.requests[-1].query == "oilsx"


async def test_a_resize_during_a_search(drive, engine):
    async with drive() as driver:
        await driver.ask()
        engine.gate.clear()
        driver.query.set_query("oil")
        for width, height in ((30, 8), (200, 60), (80, 24)):
            await driver.pilot.resize_terminal(width, height)
            await driver.pilot.pause()
        engine.gate.set()
        await driver.settle()
        assert len(driver.results.results) == 5
        assert "keeper.py:26" in driver.text_of(driver.results)


async def test_enter_goes_to_the_results_when_they_come(drive):
    async with drive() as driver:
        driver.query.set_query("nothing")
        await driver.settle()
        await driver.press("enter")
        assert driver.focus == "query", "there is nothing to go to"


async def test_enter_on_an_answer_or_a_question_under_way_does_not_ask_again(drive, engine):
    async with drive() as driver:
        await driver.ask("oil")
        n_asked = len(engine.requests)
        await driver.press("enter")
        assert (driver.focus, len(engine.requests)) == ("results", n_asked)
        await driver.press("escape")
        engine.gate.clear()
        driver.query.set_query("lamp")
        await driver.pilot.pause()
        await driver.pilot.press("enter")
        engine.gate.set()
        await driver.settle()
        assert (driver.focus, len(engine.requests)) == ("results", n_asked + 1)


async def test_enter_goes_to_what_is_shown_while_more_is_encoded_and_the_better_answer_keeps_the_place(
    drive, engine
):
    engine.status = replace(engine.status, n_chunks=200, n_encoded=50, is_encoding=True)
    async with drive() as driver:
        await driver.ask("oil")
        engine.gate.clear()
        await driver.pilot.press("enter", "space", "f")
        place = driver.results.current.place
        assert (driver.focus, driver.query.value) == ("results", "oil")
        engine.order = -1
        engine.gate.set()
        await driver.settle()
        n_rows = len(driver.results.results)
        assert (driver.results.current.place, driver.results.cursor) == (place, n_rows - 2)
        assert (driver.results.marked, driver.app.search_screen.shows_file) == ({n_rows - 1}, True)


async def test_who_goes_on_typing_after_enter_stays_in_the_query(drive, engine):
    async with drive() as driver:
        engine.gate.clear()
        await driver.pilot.press(*"oil", "enter", "x")
        engine.gate.set()
        await driver.settle()
        assert (driver.query.value, driver.focus) == ("oilx", "query")
        assert len(driver.results.results) == 5


async def test_a_blank_at_the_end_of_a_word_asks_nothing(drive, engine):
    async with drive() as driver:
        await driver.ask("oil")
        n_asked = len(engine.requests)
        await driver.press("space")
        assert len(engine.requests) == n_asked
        await driver.press("x")
        assert engine.requests[-1].query == "oil x"


async def test_a_failed_question_is_asked_again_by_enter(drive, engine):
    async with drive() as driver:
        engine.fails_with = InputError("Not now.")
        await driver.ask("oil")
        engine.fails_with = None
        await driver.press("enter")
        assert (driver.focus, len(driver.results.results)) == ("results", 5)


async def test_a_saved_query_of_the_same_words_brings_its_filters(drive, engine, tmp_path):
    saved = SavedQuery("oil", Filters(languages=("go",)))
    save_state(tmp_path / "state" / "tui.json", RememberedState(saved=(saved,)))
    async with drive() as driver:
        await driver.ask("oil")
        await driver.press("ctrl+r", "enter")
        assert engine.requests[-1].languages == ("go",)
        assert [result.passage.path for result in driver.results.results] == ["beacon.go"]


async def test_the_list_shows_what_is_decorated_and_not_the_decorator(drive):
    async with drive() as driver:
        await driver.ask()
        passage = replace(driver.current.passage, text="@cached\ndef shine():\n")
        driver.results.show((replace(driver.current, passage=passage),))
        await driver.settle()
        assert "def shine" in driver.text_of(driver.results)
        assert "@cached" not in driver.text_of(driver.results)


async def test_the_key_line_keeps_help_where_not_all_keys_fit(drive):
    async with drive(size=(52, 24)) as driver:
        await driver.ask(focus="results")
        keys = driver.text_of(driver.app.screen.query_one("#keys"))
        assert keys.startswith(" enter read")
        assert keys.endswith("F1 help")
        await driver.pilot.click("#keys", offset=(keys.index("F1"), 0))
        await driver.settle()
        assert isinstance(driver.app.screen, HelpScreen)


async def test_the_last_row_brings_more(drive, engine):
    engine.n_copies = 40
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("space", "end")
        assert len(driver.results.results) == 100
        assert (driver.results.cursor, driver.results.marked) == (19, {0})
        await driver.press("end")
        assert driver.results.cursor == 99


async def test_the_last_row_of_exactly_a_screenful_asks_once(drive, engine):
    engine.n_copies = 4
    async with drive() as driver:
        await driver.ask(focus="results")
        n_before = len(engine.requests)
        await driver.press("end")
        assert len(engine.requests) == n_before + 1


async def test_an_input_error_stays_on_the_screen_until_the_next_answer(drive, engine):
    async with drive() as driver:
        engine.fails_with = InputError("The query has 4,100 words and may have 4,000; shorten it.")
        await driver.ask()
        assert "may have 4,000" in driver.text_of(driver.results)
        engine.fails_with = None
        await driver.ask("oil")
        assert driver.title.state == "5 passages"


async def test_something_unexpected_is_a_sentence_too(drive, engine):
    async with drive() as driver:
        engine.fails_with = ZeroDivisionError("division by zero")
        await driver.ask()
        text = driver.text_of(driver.results)
        assert "Something unexpected went wrong (ZeroDivisionError" in text


async def test_an_index_deleted_while_open(drive, engine):
    async with drive() as driver:
        engine.fails_with = IndexMissingError("The index was deleted while it was open; F9 builds it again.")
        engine.indexed = False
        driver.query.set_query("oil")
        while not driver.seen(SearchRequested):
            await driver.pilot.pause()
        engine.fails_with = None
        await driver.settle()
        assert any("deleted while it was open" in notice for notice in driver.notices)
        state = driver.app.states[0]
        assert (state.status, state.is_searchable) == (None, True)
        assert "deleted while it was open" in state.problem


async def test_who_types_already_is_told_of_the_missing_index_and_goes_on_typing(drive, engine, monkeypatch):
    engine.indexed = False
    original, opening = engine.open, threading.Event()

    def open_later(root):
        assert opening.wait(10)
        return original(root)

    monkeypatch.setattr(engine, "open", open_later)
    async with drive(settled=False) as driver:
        await driver.pilot.press("b", "u")
        opening.set()
        await driver.settle()
        assert driver.app.screen is driver.app.search_screen
        assert (driver.query.value, driver.app.building) == ("bu", None)
        assert "There is no index here yet; F9 builds it." in driver.notices


async def test_the_first_start_offers_to_build_and_searches_meanwhile(drive, engine):
    engine.indexed = False
    async with drive() as driver:
        text = driver.text_of(driver.app.screen.query_one("#details-text"))
        assert "There is no usable index here." in text
        await driver.start_build()
        await driver.pilot.press("escape")
        driver.query.set_query("oil")
        while not driver.results.results:
            await driver.pilot.pause()
        assert "indexing" in driver.title.state
        engine.build_gate.set()
        await driver.settle()
        assert driver.app.states[0].status is not None
        assert "indexing" not in driver.title.state


async def test_a_finished_build_asks_the_question_again(drive, engine):
    async with drive() as driver:
        await driver.ask("oil")
        n_before = sum(request.query == "oil" for request in engine.requests)
        await driver.press("f9", "b", "escape")
        assert sum(request.query == "oil" for request in engine.requests) == n_before + 1


async def test_a_look_at_the_files_beside_a_search_asks_nothing_again(drive, engine):
    async with drive() as driver:
        slot = driver.app.workspace._slots[0]
        slot.status = replace(slot.status, n_files=slot.status.n_files + 1)  # not yet told to the screens
        await driver.ask("oil")
        assert sum(request.query == "oil" for request in engine.requests) == 1
        assert driver.app.states[0].status == slot.status


async def test_an_index_that_a_search_found_gone_is_asked_again_by_its_files(drive, engine):
    async with drive() as driver:
        slot = driver.app.workspace._slots[0]
        driver.app.states = tuple(replace(state, status=None) for state in driver.app.states)
        assert slot.status is not None
        await driver.ask("oil")
        assert sum(request.query == "oil" for request in engine.requests) == 2


async def test_the_state_comes_back_in_the_next_run(drive, tmp_path):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("enter", "escape", "m", "e", "T", "plus")
    remembered = load_state(tmp_path / "state" / "tui.json")
    assert remembered == RememberedState(
        theme="codesearch-light", mode="single", evidence=False, budget_tokens=8000, history=(QUERY,)
    )
    async with drive() as driver:
        assert driver.app.theme == "codesearch-light"
        assert driver.app.search_screen.filters.mode == "single"
        await driver.press("ctrl+up")
        assert driver.query.value == QUERY


async def test_a_saved_query_brings_its_filters_but_no_repository_that_is_not_here(drive, tmp_path):
    filters = Filters("lexical", ("go",), scope=("elsewhere", "lighthouse"))
    save_state(tmp_path / "state" / "tui.json", RememberedState(saved=(SavedQuery("beam", filters),)))
    async with drive() as driver:
        await driver.press("ctrl+r", "enter")
        assert driver.query.value == "beam"
        assert driver.app.search_screen.filters == replace(filters, scope=("lighthouse",))


async def test_a_query_can_be_forgotten(drive, tmp_path):
    save_state(tmp_path / "state" / "tui.json", RememberedState(history=("a", "b")))
    async with drive() as driver:
        await driver.press("ctrl+r", "delete", "enter")
        assert driver.query.value == "b"
        assert driver.app.search_screen.remembered.history == ("b",)


async def test_recalling_can_be_narrowed_and_cancelled(drive, tmp_path):
    save_state(tmp_path / "state" / "tui.json", RememberedState(history=("oil lamp", "beam angle")))
    async with drive() as driver:
        await driver.press("ctrl+r", "e", "a", "m", "enter")
        assert driver.query.value == "beam angle"
        await driver.press("ctrl+r", "escape")
        assert driver.query.value == "beam angle"


async def test_letters_do_nothing_where_there_are_no_results(drive):
    async with drive() as driver:
        driver.app.search_screen.query_one("#chip-mode").focus()
        for letter in ("e", "f", "s", "o", "y", "Y", "c", "x", "v", "n", "d", "a"):
            await driver.press(letter)
        assert driver.app.screen is driver.app.search_screen


async def test_a_budget_too_small_for_anything(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        screen = driver.app.search_screen
        screen.remember(replace(screen.remembered, budget_tokens=10))
        await driver.press("c")
        assert "raise the budget" in driver.notices[0]


async def test_dragging_the_mouse_selects_text(drive):
    async with drive(size=(100, 30)) as driver:
        await driver.ask()
        await driver.pilot.mouse_down("#passage", offset=(10, 1))
        await driver.pilot.hover("#passage", offset=(30, 1))
        await driver.pilot.mouse_up("#passage", offset=(30, 1))
        await driver.settle()
        selected = driver.app.search_screen.get_selected_text()
        assert selected
        assert selected in driver.passage.document.lines[1].text


async def test_dialogs_can_be_left(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("l", "escape")
        assert driver.app.screen is driver.app.search_screen
        assert driver.app.search_screen.filters.languages == ()
