"""Writing to the two streams of a terminal: results to stdout, everything else to stderr.

Colour and highlights appear only where the stream is a terminal.
"""

from __future__ import annotations

import re
import sys
from contextvars import ContextVar
from shlex import quote
from typing import TYPE_CHECKING

from codesearch.render.sanitize import visible

if TYPE_CHECKING:
    pass


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


def encode_safely() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
