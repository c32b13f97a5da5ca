"""What is said of an answer, and where: the line that stays, notices, the lines around a passage."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from indexer.records import BuildProgress
from tui.messages import ContextLoaded, ReadingAdvanced


def note_of(driver):
    line = driver.app.search_screen.query_one("#note")
    return driver.text_of(line).strip() if line.display else ""


async def test_what_is_said_of_an_answer_stays_until_the_next(drive):
    async with drive() as driver:
        await driver.ask("nearest", focus="results")
        assert note_of(driver) == "Only the closest matches."
        assert driver.notices == []
        await driver.press("enter", "j", "escape", "f9", "escape")
        assert note_of(driver) == "Only the closest matches."
        await driver.press("s")
        assert note_of(driver) == ""
        await driver.press("backspace")
        assert note_of(driver) == "Only the closest matches."
        await driver.ask("oil")
        assert note_of(driver) == ""


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_notices_cover_no_passage_and_no_evidence(drive, size):
    async with drive(size=size, toasts=True) as driver:
        await driver.ask(focus="results")
        await driver.press("c")
        (toast,) = driver.app.screen.query("Toast")
        for name in ("#passage", "#evidence"):
            assert not toast.region.overlaps(driver.app.screen.query_one(name).region)


async def test_free_rows_show_what_stands_around_the_passage(drive, lighthouse):
    lines = (lighthouse / "lamps.py").read_text().splitlines()
    async with drive(size=(160, 50)) as driver:
        await driver.ask(focus="results")
        await driver.press("j", "j", "j")
        passage, document = driver.current.passage, driver.passage.document
        assert (passage.path, passage.start_line, passage.end_line) == ("lamps.py", 4, 5)
        assert [line.text for line in document.lines] == lines
        assert [line.number for line in document.lines] == list(range(1, len(lines) + 1))
        assert (document.first_inside, document.last_inside) == (3, 4)
        assert driver.passage.line_number in (4, 5)
        (mark,) = document.marks
        assert document.lines[mark.line].text[mark.start : mark.end] == "LampError"
        assert "lines 4–5" in driver.app.search_screen.query_one("#place").state
        drawn = driver.passage.render_line(0)
        colours = {segment.style.color.name for segment in drawn if segment.text.strip()}
        assert colours == {"#5b6472"}, "the lines around are dim"


async def test_a_file_that_changed_gives_no_lines_around(drive, lighthouse):
    async with drive(size=(160, 50)) as driver:
        await driver.ask(focus="results")
        (lighthouse / "lamps.py").write_text("# all is new\n")
        await driver.press("j", "j", "j")
        assert len(driver.passage.document.lines) == 2
        assert not any(m.result is driver.current for m in driver.seen(ContextLoaded))


async def test_while_files_are_first_read_they_are_searched_as_text_and_the_place_is_kept(
    drive, engine, lighthouse
):
    engine.unread = True
    engine.prepare_gate.clear()
    async with drive(settled=False) as driver:
        while "reading the files 25 %" not in driver.title.state:
            await driver.pilot.pause()
        welcome = driver.text_of(driver.app.search_screen.query_one("#welcome"))
        assert "being read for the first time; until then words are matched" in welcome
        driver.query.set_query("oil")
        while not driver.results.results:
            await driver.pilot.pause()
        assert driver.title.state.endswith("reading the files 25 %")
        await driver.pilot.press("enter", "j", "f9", "b")
        assert driver.notices == ["Its files are being read; vectors follow by themselves."]
        driver.app.post_message(ReadingAdvanced(lighthouse, BuildProgress("read", 2, 4, 0.2, 0, "lamps.py")))
        await driver.pilot.pause()
        progress = driver.app.screen.query_one("#build-progress")
        assert progress.display
        assert "reading files  lamps.py" in driver.text_of(progress)
        await driver.pilot.press("escape")
        for done, said in ((0, "folder"), (3, "folder 75 %")):
            elsewhere = BuildProgress("wait", done, 4 if done else 0, 3.0)
            driver.app.post_message(ReadingAdvanced(lighthouse, elsewhere))
            await driver.pilot.pause()
            assert driver.title.state.endswith(f"another process is indexing this {said}")
        n_asked = len(engine.requests)
        engine.prepare_gate.set()
        await driver.settle()
        assert "oil" in [request.query for request in engine.requests[n_asked:]], "it is asked again"
        assert driver.results.cursor == 1
        assert not re.search("reading|another process", driver.title.state)
        assert driver.app.states[0].status is not None


async def test_how_much_is_encoded_is_shown_until_all_is(drive, engine):
    engine.status = replace(engine.status, n_chunks=200, n_encoded=50, is_encoding=True)
    async with drive() as driver:
        assert "25 % encoded" in driver.text_of(driver.app.search_screen.query_one("#welcome"))
        driver.query.set_query("oil")
        await driver.settle()
        assert driver.title.state.endswith("25 % encoded")
        typed = engine.requests[-1].encode_seconds
        await driver.press("enter")
        assert engine.requests[-1].encode_seconds > typed > 0, "who waits for the answer gets more encoded"
        n_asked = len(engine.requests)
        engine.status = replace(engine.status, n_encoded=100)
        driver.app._look_at_vectors()
        await driver.settle()
        assert driver.title.state.endswith("50 % encoded")
        engine.status = replace(engine.status, n_encoded=200, is_encoding=False)
        driver.app._look_at_vectors()
        await driver.settle()
        assert "encoded" not in driver.title.state
        assert len(engine.requests) == n_asked, "an answer that one reads does not change by itself"
        await driver.press("f9")
        assert "background" not in driver.text_of(driver.app.screen.query_one("#details-text"))


async def test_what_was_taken_out_of_a_document_is_not_opened_at_a_line_it_has_not(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        document = replace(driver.current.passage, path="pump.pdf", language="pdf", page=3, is_extracted=True)
        driver.results.show((replace(driver.current, passage=document),))
        await driver.settle()
        assert driver.app.search_screen.query_one("#place").state.startswith(
            "page 3, lines 26–38 of its text"
        )
        await driver.press("o")
        assert driver.notices[-1] == (
            "pump.pdf cannot be opened there: these are lines of the text taken out of it. It is page 3."
        )
        await driver.press("f")
        assert driver.notices[-1].startswith("pump.pdf has no such lines to show")
        assert not driver.app.search_screen.shows_file
