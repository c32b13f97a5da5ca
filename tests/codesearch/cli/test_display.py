"""Colours, pages and paths alone: when a terminal is shown what."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codesearch.cli.display import is_coloured

VARIABLES = ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("choice", "variables", "on_terminal", "on_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"CLICOLOR_FORCE": "1"}, True, True),
        ("auto", {"CLICOLOR_FORCE": "0"}, True, False),
        ("auto", {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
        ("auto", {"CLICOLOR": "0"}, False, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"CLICOLOR_FORCE": "1"}, False, False),
    ],
)
def test_who_decides_about_colour(monkeypatch, choice, variables, on_terminal, on_pipe):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(choice, Terminal()) is on_terminal
    assert is_coloured(choice, io.StringIO()) is on_pipe


def test_colour_in_a_pipe_where_it_is_wanted(run, repository):
    plain = run("search", "wait before trying again", repository, "-k", 1)
    assert "\x1b" not in plain.stdout
    shown = run("search", "wait before trying again", repository, "-k", 1, "--color", "always")
    assert "\x1b[1;36mretry.py" in shown.stdout
    assert "\x1b]8" not in shown.stdout  # links are for terminals


def test_lines_around_the_best(run, repository):
    shown = run("search", "wait before trying again", repository, "-k", 1, "-C", 0)
    assert len(shown.stdout.splitlines()) == 2
    assert "-1 is not in the range" in run("search", "x", repository, "-C", -1).stderr


def test_a_long_answer_on_a_terminal_begins_with_the_best(repository, tmp_path, no_user_settings):
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\nhead -n 1\n")
    pager.chmod(0o700)
    variables = {"PAGER": str(pager), "TERM": "xterm", "LINES": "5", "COLUMNS": "80"}
    commands = ("search server", "search server --no-pager", "search server -k 1 -C 0")
    answers = on_terminal(repository, {**os.environ, **variables}, *commands)
    assert ["PAGED" in shown for shown in answers] == [True, False, False]
    for shown in answers:
        assert "\x1b]8;;file://" in shown
        assert ".py:" in shown or ".md:" in shown
    assert len(answers[0].splitlines()) < 6


COMMANDS = """
import sys
from codesearch.cli.main import cli
for command in sys.argv[1:]:
    sys.argv[1:] = command.split()
    try:
        cli(prog_name="codesearch")
    except SystemExit as ended:
        print(f"exit code {ended.code}", flush=True)
"""


def on_terminal(folder: Path, environment: dict[str, str], *commands: str) -> list[str]:
    """What each of these commands, run in one process, writes to a terminal of its own."""
    ours, its = pty.openpty()
    for name in ("NO_COLOR", "CLICOLOR"):
        environment.pop(name, None)
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    program = [sys.executable, "-c", COMMANDS, *commands]
    process = subprocess.Popen(
        program, cwd=folder, env=environment, stdin=its, stdout=its, stderr=subprocess.DEVNULL
    )
    os.close(its)
    written, until = b"", time.monotonic() + 120
    try:
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1.0)[0]:
                continue
            part = os.read(ours, 65_536)
            if not part:
                break
            written += part
    except OSError:  # Linux says so where the other end is closed
        pass
    finally:
        os.close(ours)
        assert process.wait(timeout=60) == 0
    *answers, rest = written.decode().split("exit code 0\r\n")
    assert (len(answers), rest) == (len(commands), "")
    return answers
