"""How an answer is shown: colours, links and a pager on a terminal, paths alone for pipes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

import click

from codesearch.cli.console import put, say
from codesearch.cli.options import Command
from codesearch.render.passages import render, text_of
from indexer.light_dataclasses import dataclass

if TYPE_CHECKING:
    from codesearch.answers.findings import Findings
    from codesearch.cli.places import Places
    from indexer.records import Passage

_DISPLAY = "codesearch.display"
"""Of click's notes on one call."""


@dataclass(frozen=True, slots=True)
class Display:
    """What was asked of it."""

    colour: str = "auto"
    around: int | None = None
    """Lines around the best line and each match; None for all of a passage."""
    pages: bool = True
    path_end: str | None = None
    """What ends a path, where paths alone are wanted."""


def display_of(context: click.Context) -> Display:
    """What was asked of it so far."""
    display: Display = context.meta.get(_DISPLAY, Display())
    return display


def display_options(command: Command) -> Command:
    """-C, --color, --no-pager."""
    for option in (
        click.option("--no-pager", is_flag=True, expose_value=False, callback=_note,
                     help="Never show a long answer in a pager (PAGER, or less)."),
        click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto",
                     expose_value=False, callback=_note,
                     help="auto: on a terminal, unless NO_COLOR is set or where CLICOLOR_FORCE is."),
        click.option("-C", "--context", "around", type=click.IntRange(min=0), metavar="N", expose_value=False,
                     callback=_note, help="Of a passage only N lines around its best line and each match."),
    ):  # fmt: skip
        command = option(command)
    return command


def path_options(command: Command) -> Command:
    """-l and -0."""
    for option in (
        click.option("-0", "--null", is_flag=True, expose_value=False, callback=_note,
                     help="Paths alone, each ended by a null byte, for xargs -0."),
        click.option("-l", "--files-with-matches", "only_paths", is_flag=True, expose_value=False,
                     callback=_note, help="Paths alone, one a line."),
    ):  # fmt: skip
        command = option(command)
    return command


def _note(context: click.Context, option: click.Parameter, value: str | int | bool | None) -> None:
    display = display_of(context)
    if option.name == "around":
        assert value is None or isinstance(value, int)
        display = replace(display, around=value)
    elif option.name == "color":
        display = replace(display, colour=str(value))
    elif option.name == "no_pager":
        display = replace(display, pages=not value)
    elif value and display.path_end != "\0":
        display = replace(display, path_end="\0" if option.name == "null" else "\n")
    context.meta[_DISPLAY] = display


def show(findings: Findings, form: str, places: Places) -> int:
    """Write an answer, its paths from where one stands, and its notes; the exit code of it."""
    display = display_of(click.get_current_context())
    findings = places.findings(findings, named=form in ("json", "jsonl", "xml"))
    if display.path_end is not None:
        from codesearch.render.lists import paths_text

        put(paths_text(findings, display.path_end))
    elif form != "text":
        put(render(findings, form))
    else:
        _put_text(findings, display, places)
    for note in findings.notes:
        say(note)
    return 0 if findings.passages else 1


def _put_text(findings: Findings, display: Display, places: Places) -> None:
    if not is_coloured(display.colour, sys.stdout):
        text = text_of(findings, display.around)
    else:
        from codesearch.render.terminal import file_link, terminal_text

        def link(passage: Passage) -> str:
            return file_link(places.full(passage), os.uname().nodename)

        links = sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "linux")
        text = terminal_text(findings.query, findings, around=display.around, link=link if links else None)
    if display.pages and _is_long(text):
        _page(text)
    else:
        put(text)


def is_coloured(choice: str, stream: TextIO) -> bool:
    """Whether a stream gets colours: by the flag, NO_COLOR, CLICOLOR_FORCE and CLICOLOR, and what it is."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("CLICOLOR") != "0" and os.environ.get("TERM") != "dumb"


def _is_long(text: str) -> bool:
    """Whether it would scroll its own beginning, the best answer, off the screen."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return False
    import shutil

    return text.count("\n") >= shutil.get_terminal_size().lines


def _page(text: str) -> None:
    """Show it in the person's pager, best answer first; print it where there is none."""
    import shlex
    import signal
    import subprocess

    from indexer.disk.programs import find_program

    words = shlex.split(os.environ.get("PAGER", "less"))
    program = find_program(words[0]) if words else None
    if program is None:
        put(text)
        return
    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the pager's
    try:
        with subprocess.Popen([program, *words[1:]], stdin=subprocess.PIPE, env=environment) as pager:
            assert pager.stdin is not None
            with suppress(BrokenPipeError):
                pager.stdin.write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
                pager.stdin.close()
    finally:
        signal.signal(signal.SIGINT, before)
