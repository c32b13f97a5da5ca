"""Writing to the two streams of a terminal: results to stdout, everything else to stderr.

Colour, highlights and progress bars appear only where the stream is a terminal.
"""

from __future__ import annotations

import os
import re
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from codesearch.render.sanitize import visible

if TYPE_CHECKING:
    from rich.text import Text

    from codesearch.answers.findings import Findings
    from indexer.records import BuildProgress, Passage

_REDRAW_SECONDS = 0.1
_HIGHLIGHT_FROM = 0.5
"""Similarity from which a matched word is worth a colour."""


class ReaderGoneError(Exception):
    """Whoever read stdout has closed it, having seen enough."""


def say(sentence: str) -> None:
    """One line of talk."""
    print(visible(sentence), file=sys.stderr)


def put(text: str) -> None:
    """A result, exactly as it is."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGoneError from None


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream in colour: NO_COLOR and TERM=dumb say no."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def encode_safely() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def put_colour(findings: Findings) -> None:
    """The text format with colour: headings bold, line numbers dim, matched words highlighted."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    for number, passage in enumerate(findings.passages):
        if number:
            console.print()
        console.print(_coloured(passage), soft_wrap=True)


def _coloured(passage: Passage) -> Text:
    from rich.text import Text

    from codesearch.answers.evidence import telling
    from codesearch.render.passages import gutter_lines, heading

    text = Text(no_wrap=True)
    text.append(heading(passage), style="bold cyan")
    words: dict[int, set[str]] = {}
    for match in telling(passage.evidence.matches):
        if match.similarity >= _HIGHLIGHT_FROM:
            body = re.escape(visible(match.code_word.split("\n")[0]))
            pattern = body if match.is_literal else rf"(?<!\w){body}(?!\w)"
            words.setdefault(match.line, set()).add(pattern)
    for gutter, line, number in gutter_lines(passage):
        found = words.get(number or 0, set())
        text.append("\n" + gutter, style="bold yellow" if found else "dim")
        line_text = Text(line, style="" if number else "dim")
        for pattern in found:
            if pattern:
                line_text.highlight_regex(pattern, style="bold yellow")
        text.append_text(line_text)
    return text


class ProgressBar:
    """A build's progress on stderr: stage, files, tokens a second, time left; silent off a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._progress: Any = None
        self._task: Any = None
        self._drawn_at = 0.0
        self._quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.fields[stage]:<7}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, stage="walk", speed="")
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: BuildProgress) -> None:
        """Take one event of a build; drawn at most ten times a second."""
        if self._progress is None:
            return
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW_SECONDS and event.done < event.total:
            return
        self._drawn_at = now
        speed = event.n_tokens / event.elapsed_seconds if event.elapsed_seconds > 0 else 0.0
        self._progress.update(
            self._task,
            stage=event.stage,
            completed=event.done,
            total=event.total or None,
            speed=f"files  {speed:,.0f} tokens/s" if event.n_tokens and event.stage == "encode" else "",
        )
