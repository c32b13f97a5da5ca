"""Every message is posted by what it names and handled by whom it concerns; none can be changed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from indexer.errors import IndexCorruptError, StorageError
from tui import messages
from tui.errands import Errands
from tui.messages import Fact
from tui.state import load_state

ALL = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if issubclass(kind, Fact) and kind is not Fact
]
Check = Callable[[object], Awaitable[None]]
CHECKS: dict[type[Fact], Check] = {}


def checks(kind: type[Fact]) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS[kind] = check
        return check

    return register


def test_every_message_has_a_check():
    assert set(CHECKS) == set(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
async def test_message(kind, drive):
    async with drive() as driver:
        await CHECKS[kind](driver)
        posted = driver.seen(kind)
        assert posted, "nobody handled it"
        for field in fields(posted[0]):
            with pytest.raises(FrozenInstanceError):
                setattr(posted[0], field.name, None)


@checks(messages.QueryEdited)
async def _(d):
    await d.pilot.press("a")
    await d.settle()
    assert [message.query for message in d.seen(messages.QueryEdited)] == ["a"]


@checks(messages.QueryEntered)
async def _(d):
    await d.ask()
    await d.press("enter")
    assert d.seen(messages.QueryEntered)[0].query == "try again when a lamp fails"


@checks(messages.SearchRequested)
async def _(d):
    await d.ask("oil")
    message = d.seen(messages.SearchRequested)[0]
    assert (message.request.query, message.request.mode, message.scope) == ("oil", "hybrid", ())


@checks(messages.SimilarRequested)
async def _(d):
    await d.ask(focus="results")
    await d.press("s")


@checks(messages.DefinitionRequested)
async def _(d):
    await d.ask(focus="passage")
    await d.press("d")
    assert d.seen(messages.DefinitionRequested)[0].word == "Try"
    assert d.notices == ["Nothing found: definition of Try."]
    assert len(d.results.results) == 5, "the list stays where there is no definition"


@checks(messages.ResultsFound)
async def _(d):
    await d.ask()
    message = d.seen(messages.ResultsFound)[0]
    assert (message.title, len(message.results), message.elapsed_seconds) == ("", 5, 0.0)
    assert d.title.state == "5 passages"


@checks(messages.SearchFailed)
async def _(d):
    d.app.workspace.engine.fails_with = StorageError("The disk is gone; plug it in again.")
    await d.ask()
    assert d.seen(messages.SearchFailed)[0].sentence == "The disk is gone; plug it in again."
    assert "The disk is gone; plug it in again." in d.text_of(d.results)
    assert d.title.state == "no answer"


@checks(messages.ResultHighlighted)
async def _(d):
    await d.ask()
    await d.press("down")
    assert d.seen(messages.ResultHighlighted)[-1].index == 1


@checks(messages.ResultOpened)
async def _(d):
    await d.ask()
    await d.pilot.click("#results", offset=(10, 1), times=2)
    await d.settle()
    assert d.seen(messages.ResultOpened)[0].index == 1
    assert d.focus == "passage"


@checks(messages.MarksChanged)
async def _(d):
    await d.ask()
    await d.pilot.click("#results", offset=(1, 2))
    await d.settle()
    assert d.seen(messages.MarksChanged)[0].n_marked == 1
    assert d.results.marked == {2}


@checks(messages.WordChosen)
async def _(d):
    await d.ask()
    line = next(i for i, line in enumerate(d.passage.document.lines) if "LampError" in line.text)
    column = d.passage.document.lines[line].text.index("LampError") + 6 + 2
    await d.pilot.click("#passage", offset=(column, line - d.passage.scroll_offset.y), times=2)
    await d.settle()
    assert d.seen(messages.WordChosen)[0].word == "LampError"
    assert d.current.passage.symbol == "LampError"


@checks(messages.FileRequested)
async def _(d):
    await d.ask(focus="results")
    await d.press("f")


@checks(messages.FileLoaded)
async def _(d):
    await d.ask(focus="results")
    await d.press("f")
    message = d.seen(messages.FileLoaded)[0]
    assert (len(message.document.lines), message.notice, message.state) == (41, "", "")


@checks(messages.ContextRequested)
async def _(d):
    await d.ask(focus="results")
    await d.press("G")
    assert d.seen(messages.ContextRequested)[-1].result is d.current


@checks(messages.ContextLoaded)
async def _(d):
    await d.ask(focus="results")
    await d.press("G")
    message = d.seen(messages.ContextLoaded)[-1]
    assert message.result is d.current
    assert len(d.passage.document.lines) > d.current.passage.end_line - d.current.passage.start_line + 1


@checks(messages.ReadingAdvanced)
async def _(d):
    d.app.workspace.engine.unread = True
    d.app.in_thread(d.app._open, group="open")
    await d.settle()
    assert d.seen(messages.ReadingAdvanced)[0].progress.path == "keeper.py"


@checks(messages.FileUnavailable)
async def _(d):
    await d.ask(focus="results")
    Path("lighthouse/keeper.py").unlink()
    await d.press("f")
    assert "keeper.py was deleted after it was indexed" in d.notices[0]
    assert d.passage.document.lines[0].number == 26, "the indexed passage stays"


@checks(messages.ChipPressed)
async def _(d):
    await d.pilot.click("#chip-mode")
    await d.settle()
    assert d.app.search_screen.filters.mode == "single"


@checks(messages.CopyRequested)
async def _(d):
    await d.ask(focus="results")
    await d.press("y")
    assert d.app.clipboard == "keeper.py:26"


@checks(messages.EditorRequested)
async def _(d):
    await d.ask(focus="results")
    d.app.errands = Errands(d.app, {"EDITOR": "no-such-editor-anywhere", "PATH": "/usr/bin"})
    await d.press("o")
    assert d.notices == ["The editor 'no-such-editor-anywhere' was not found; set $EDITOR."]


@checks(messages.ExportRequested)
async def _(d):
    await d.ask(focus="results")
    await d.press("space", "x", "enter")
    assert len(d.seen(messages.ExportRequested)[0].results) == 1
    assert Path("passages.md").read_text().startswith("# try again when a lamp fails\n\n### keeper.py:26-38")
    assert "Wrote 1 passage" in d.notices[-1]


@checks(messages.StateChanged)
async def _(d):
    await d.ask(focus="results")
    await d.press("e")
    assert not load_state(d.app.state_file).evidence


@checks(messages.RepositoriesOpened)
async def _(d):
    assert [state.name for state in d.app.search_screen.repositories] == ["lighthouse"]
    assert d.title.about == "lighthouse"


@checks(messages.StatusRequested)
async def _(d):
    await d.press("f9", "r")
    assert len(d.seen(messages.StatusRequested)) == 1


@checks(messages.BuildRequested)
async def _(d):
    await d.press("f9", "b")
    assert d.app.workspace.engine.builds == [Path("lighthouse")]


@checks(messages.BuildCancelRequested)
async def _(d):
    await d.press("f9")
    await d.start_build()
    await d.pilot.press("c")
    await d.pilot.pause()
    d.app.workspace.engine.build_gate.set()
    await d.settle()
    assert d.seen(messages.BuildFailed)[0].cancelled
    assert d.app.building is None


@checks(messages.BuildAdvanced)
async def _(d):
    await d.press("f9", "b")
    tokens = {message.progress.n_tokens for message in d.seen(messages.BuildAdvanced)}
    assert tokens == {0, 15600, 20000}, "the event 10 ms after another one is not worth drawing"


@checks(messages.BuildFinished)
async def _(d):
    await d.press("f9", "b")
    assert d.seen(messages.BuildFinished)[0].report.n_files == 4
    assert d.app.building is None


@checks(messages.BuildFailed)
async def _(d):
    d.app.workspace.engine.build_fails_with = IndexCorruptError("The index is damaged; delete it.")
    await d.press("f9", "b")
    assert not d.seen(messages.BuildFailed)[0].cancelled
    assert "The index is damaged; delete it." in d.text_of(d.app.screen.query_one("#details-text"))
    assert "The index is damaged; delete it." in d.notices
