"""Pictures of each screen and state, at 80×24 and 160×50, as SVG files to compare with.

After a wanted change: `python -m pytest tests/tui/test_snapshots.py --snapshot-update`, then look at them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from indexer.errors import IndexCorruptError, StorageError
from tui.state import Filters, RememberedState, SavedQuery, save_state

SIZES = [(80, 24), (160, 50)]
QUERY = "try again when a lamp fails"


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request):
    return request.param


@pytest.fixture
def picture(snap_compare, make_app, size, monkeypatch):
    """`picture(steps)`: run the application, take the steps, compare.

    Steps are keys and `?query`; after each the application comes to rest, but not after a `~key`, which
    starts something that a closed gate holds up.
    """
    monkeypatch.setattr("textual.widgets._input.Input.cursor_blink", False)

    def take(*steps: str, terminal_size=size, **settings: object) -> bool:
        async def before(pilot: Pilot[None]) -> None:
            app = pilot.app
            app.search_screen.query_one("#query").cursor_blink = False
            await settle(pilot)
            for step in steps:
                key = step.removeprefix("~")
                if key.startswith("?"):
                    app.search_screen.query_one("#query").set_query(key[1:])
                else:
                    await pilot.press(key)
                await (pilot.pause() if step.startswith("~") else settle(pilot))

        return snap_compare(make_app(**settings), terminal_size=terminal_size, run_before=before)

    return take


async def settle(pilot: Pilot[None]) -> None:
    """Quiet three times: what is laid out may ask for the lines around a passage, which a worker reads."""
    n_quiet = 0
    while n_quiet < 3:
        await pilot.pause()
        n_quiet += 1
        if any(not worker.is_finished for worker in pilot.app.workers):
            n_quiet = 0
            with suppress(WorkerCancelled):
                await pilot.app.workers.wait_for_complete()


def test_empty(picture):
    assert picture()


def test_results(picture):
    assert picture(f"?{QUERY}")


def test_evidence(picture):
    assert picture(f"?{QUERY}", "enter", "enter", "n")


def test_evidence_off(picture):
    assert picture(f"?{QUERY}", "enter", "e")


def test_file(picture):
    assert picture(f"?{QUERY}", "enter", "enter", "f")


def test_prose_is_wrapped(picture):
    assert picture(f"?{QUERY}", "enter", "j")


def test_marks_and_filters(picture):
    assert picture(f"?{QUERY}", "enter", "l", "down", "space", "down", "space", "enter", "space")


def test_no_result(picture):
    assert picture("?nothing")


def test_error(picture, engine):
    engine.fails_with = StorageError("The disk does not answer; plug it in and search again.")
    assert picture(f"?{QUERY}")


def test_damaged_index(picture, engine):
    engine.open_fails_with = IndexCorruptError(
        "index.db is damaged; `codesearch index --rebuild` makes another."
    )
    assert picture()


def test_loading(picture, engine):
    """The first answer stands while the second is being looked for."""
    original = engine.searching.set

    def set_and_close() -> None:
        original()
        if engine.requests[-1].query == "oil":
            engine.gate.clear()

    engine.searching.set = set_and_close
    assert picture(f"?{QUERY}", "~?oil")


def test_similar(picture):
    assert picture(f"?{QUERY}", "enter", "s")


def test_light(picture):
    assert picture(f"?{QUERY}", "enter", "T")


def test_no_color(picture, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert picture(f"?{QUERY}", "enter", "space")


def test_zoom(picture):
    assert picture(f"?{QUERY}", "enter", "v")


def test_several_repositories(picture, lighthouse):
    import shutil

    shutil.copytree(lighthouse, Path("harbour"))
    assert picture(f"?{QUERY}", "enter", roots=(lighthouse, Path("harbour")))


def test_languages(picture):
    assert picture(f"?{QUERY}", "f3", "space")


def test_regex_objection(picture):
    assert picture(f"?{QUERY}", "f7", "left_parenthesis")


def test_recall(picture, tmp_path):
    state = RememberedState(
        history=("where is the oil measured", "who is told when a lamp is out"),
        saved=(SavedQuery("how bright is the beam", Filters(languages=("go",))),),
    )
    save_state(tmp_path / "state" / "tui.json", state)
    assert picture("ctrl+r")


def test_welcome_with_history(picture, tmp_path):
    save_state(tmp_path / "state" / "tui.json", RememberedState(history=("where is the oil measured",)))
    assert picture()


def test_help(picture):
    assert picture("f1")


def test_index(picture):
    assert picture("f9")


def test_index_offer(picture, engine):
    engine.indexed = False
    assert picture()


def test_index_running(picture, engine):
    engine.build_gate.clear()
    assert picture("f9", "~b")


def test_index_running_seen_from_the_search(picture, engine):
    engine.build_gate.clear()
    assert picture(f"?{QUERY}", "f9", "~b", "~escape")


def test_index_finished(picture):
    assert picture("f9", "b")


def test_index_failed(picture, engine):
    engine.build_fails_with = IndexCorruptError("embeddings/ is damaged; delete .codesearch and build again.")
    assert picture("f9", "b")


def test_palette(picture):
    assert picture(f"?{QUERY}", "ctrl+p")


@pytest.mark.parametrize("size", [(40, 10)], indirect=True, ids=["40x10"])
def test_too_small(picture):
    assert picture(f"?{QUERY}")
