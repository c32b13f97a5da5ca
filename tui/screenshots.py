"""`python -m tui.screenshots OUT [FOLDER]`: the pictures of the README, taken from the running application.

Builds an index of a copy of FOLDER (a sample repository where not given) with the bundled model, asks it
real questions, and writes SVG files. Times are left out of the pictures, so that taking them again
changes them only where the application or its answers changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from tui.app import CodesearchApp
from tui.engine import CodeIndexEngine
from tui.widgets.query_bar import QueryBar

SAMPLE = Path(__file__).parent.parent / "sample_repos" / "task_queue"
QUESTION = "what happens when a job keeps failing"


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: the size of the terminal, and what is done before it is taken."""

    name: str
    columns: int
    rows: int
    query: str
    keys: tuple[str, ...] = ()
    theme: str = "codesearch-dark"


PICTURES = (
    Picture("search", 132, 38, QUESTION, ("enter",)),
    Picture("file", 132, 38, "stop the worker without losing jobs", ("enter", "f", "enter")),
    Picture("index", 100, 30, "", ("f9",)),
)


def main(arguments: list[str]) -> int:
    """Take all pictures."""
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m tui.screenshots OUT [FOLDER]", file=sys.stderr)
        return 2
    out = Path(arguments[0]).resolve()
    source = Path(arguments[1]).resolve() if len(arguments) == 2 else SAMPLE
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / source.name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".codesearch", ".git"))
        CodeIndexEngine().build(copy, lambda progress: None)
        with contextlib.chdir(temporary):
            for picture in PICTURES:
                svg = asyncio.run(take(picture, Path(copy.name), Path(temporary) / "state.json"))
                (out / f"{picture.name}.svg").write_text(svg, encoding="utf-8")
                print(out / f"{picture.name}.svg")
    return 0


async def take(picture: Picture, root: Path, state_file: Path) -> str:
    """Run the application, do what the picture says, and draw it."""
    state_file.unlink(missing_ok=True)
    app = CodesearchApp((root,), state_file=state_file, clock=lambda: 0.0, pause_seconds=0.0)
    app.theme = picture.theme
    async with app.run_test(size=(picture.columns, picture.rows)) as pilot:
        await _rest(pilot)
        if picture.query:
            app.search_screen.query_one(QueryBar).insert_text_at_cursor(picture.query)
            await _rest(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await _rest(pilot)
        return app.export_screenshot(simplify=True)


async def _rest(pilot: Pilot[None]) -> None:
    """Until nothing runs any more."""
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        with contextlib.suppress(WorkerCancelled):
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
