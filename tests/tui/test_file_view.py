"""The file behind a passage: changed, binary or gone, and the editor it is opened in."""

from __future__ import annotations

from pathlib import Path

QUERY = "try again when a lamp fails"


async def test_a_file_that_changed_is_shown_with_a_warning(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        path = Path("lighthouse/keeper.py")
        path.write_text("# new first line\n" + path.read_text())
        await driver.press("f")
        place = driver.app.search_screen.query_one("#place")
        assert place.state == "changed since it was indexed"
        assert "F9 refreshes" in driver.notices[0]
        assert [m.code_word for m in driver.passage.document.marks][:2] == ["lamp", "Try"]


async def test_a_binary_in_the_files_place(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        Path("lighthouse/keeper.py").write_bytes(b"\0\1\2" * 100)
        await driver.press("f")
        assert "binary" in driver.notices[0]
        assert not driver.app.search_screen.shows_file


async def test_the_file_view_stays_when_the_cursor_moves(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("f", "j")
        assert len(driver.passage.document.lines) == 7
        assert driver.passage.document.last_inside == 2


async def test_an_editor_gets_the_terminal_and_the_file(drive, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("tui.errands.subprocess.run", lambda command, check: calls.append(command))
    editor = tmp_path / "vim"
    editor.write_text("#!/bin/sh\n")
    editor.chmod(0o755)
    async with drive(environment={"EDITOR": "vim", "PATH": str(tmp_path)}) as driver:
        suspended = []
        monkeypatch.setattr(type(driver.app), "suspend", _suspend(suspended))
        await driver.ask(focus="results")
        await driver.press("o")
        assert calls == [[str(editor), "+26", "lighthouse/keeper.py"]]
        assert suspended == ["down", "up"]


def _suspend(log):
    from contextlib import contextmanager

    @contextmanager
    def suspend(app):
        log.append("down")
        yield
        log.append("up")

    return suspend


async def test_where_nothing_can_be_suspended_it_says_so(drive, tmp_path):
    (tmp_path / "vim").write_text("#!/bin/sh\n")
    (tmp_path / "vim").chmod(0o755)
    async with drive(environment={"EDITOR": "vim", "PATH": str(tmp_path)}) as driver:
        await driver.ask(focus="results")
        await driver.press("o")
        assert driver.notices == ["No editor can be opened from here; y copies path:line."]


async def test_an_editor_for_a_file_that_is_gone(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        Path("lighthouse/keeper.py").unlink()
        await driver.press("o")
        assert driver.notices == ["keeper.py was deleted after it was indexed."]


async def test_a_file_of_a_commit_is_neither_shown_nor_opened(drive):
    sentence = "is of a commit, not of the disk; what you see is the indexed text."
    async with drive(revision="v1.2") as driver:
        assert driver.app.search_screen.query_one("#title").about == "lighthouse@v1.2"
        await driver.ask(focus="results")
        await driver.press("f", "o")
        assert [notice.endswith(sentence) for notice in driver.notices] == [True, True]
        assert not driver.app.search_screen.shows_file
