"""What a terminal is shown of a build."""

from __future__ import annotations

import io

from rich.console import Console

from codesearch.cli.progress import ProgressBar
from indexer.records import BuildProgress


def test_the_bar_names_units_and_a_time_left_that_is_true():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=140, color_system=None)
    with ProgressBar(console=console) as bar:
        bar(BuildProgress("read", 30, 40, 2.0))
        bar._progress.refresh()
        bar(BuildProgress("encode", 0, 90_000, 10.0))
        bar(BuildProgress("encode", 30_000, 90_000, 20.0, 30_000))
        bar._progress.refresh()
    drawn = stream.getvalue()
    assert "30 of 40 files · 2 s so far" in drawn
    assert "30,000 of 90,000 tokens · 3,000 tokens/s · 20 s so far · about 20 s left" in drawn
    assert "0:00:00" not in drawn


def test_the_bar_is_silent_off_a_terminal(capsys):
    with ProgressBar() as bar:
        bar(BuildProgress("read", 30, 40, 2.0))
    assert capsys.readouterr() == ("", "")
