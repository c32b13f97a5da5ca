"""Writing to the two streams of a terminal: results to stdout, everything else to stderr.

Colour and highlights appear only where the stream is a terminal.
"""

from __future__ import annotations

import os
import re
import sys
from contextvars import ContextVar
from shlex import quote
from typing import TYPE_CHECKING, TextIO

from codesearch.render.sanitize import visible

if TYPE_CHECKING:
    from rich.text import Text

    from codesearch.answers.findings import Findings
    from indexer.records import Passage

_HIGHLIGHT_FROM = 0.5
"""Similarity from which a matched word is worth a colour."""


class ReaderGoneError(Exception):
    """Whoever read stdout has closed it, having seen enough."""


_named_state: ContextVar[str] = ContextVar("_named_state", default="")
_COMMAND = re.compile(r"`codesearch (index|search|files|status|doctor|outline|remove)\b(?! --state)")


def name_state(folder: str) -> None:
    """Advice names this folder from here on: --state was given, and the next command needs it too."""
    _named_state.set(folder)


def advice(text: str) -> str:
    """A text whose commands can be given as they stand, with the --state of this one."""
    folder = _named_state.get()
    return _COMMAND.sub(lambda match: f"{match.group()} --state {quote(folder)}", text) if folder else text


def say(sentence: str) -> None:
    """One line of talk."""
    print(visible(advice(sentence)), file=sys.stderr)


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

    from codesearch.answers.shown_matches import telling
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
