"""Commands that take a question, which may begin with a dash or come without its quotes."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

_OPTION = re.compile(r"--?[\w-]+(=|$)")
_MARK = "\u2060"
"""Before an argument that is no option; taken off once click has read the arguments."""


class QuestionCommand(click.Command):
    """An argument that begins with a dash and holds a space is text, for no option does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        rest = super().parse_args(ctx, [_MARK + arg if _is_text(arg) else arg for arg in args])
        ctx.params = {name: _plain(value) for name, value in ctx.params.items()}
        return rest


def _is_text(arg: str) -> bool:
    return arg.startswith("-") and any(map(str.isspace, arg)) and not _OPTION.match(arg)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return value.removeprefix(_MARK) if isinstance(value, str) else value


def read_query(query: str) -> str:
    """The query; `-` reads it from standard input, for an error message or a diff."""
    return sys.stdin.read() if query == "-" else query
