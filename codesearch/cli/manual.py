"""The manual page, written from the commands themselves: `codesearch --man | man -l -`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from codesearch import __version__

_END = """.SH EXIT STATUS
0 found or done, 1 nothing found, 2 an error in one sentence, 130 interrupted.
.SH ENVIRONMENT
CODESEARCH_KEY for each setting that \\fBcodesearch config\\fR lists; CODESEARCH_CONFIG for the file of
settings; NO_COLOR, CLICOLOR, CLICOLOR_FORCE, PAGER, LESS.
.SH FILES
\\fBcodesearch config\\fR prints where settings, indexes and caches are kept.
"""


def manual(group: click.Group, context: click.Context) -> str:
    """All commands and their options as a page for man(1)."""
    parts = [
        f'.TH CODESEARCH 1 "" "codesearch {__version__}"\n',
        f".SH NAME\ncodesearch \\- {_roff((group.help or '').split('.')[0])}\n",
        ".SH SYNOPSIS\n\\fBcodesearch\\fR COMMAND [ARGUMENTS]\n.SH COMMANDS\n",
    ]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            parts.extend(
                _command(
                    command, click.Context(command, parent=context, info_name=name), f"codesearch {name}"
                )
            )
    return "".join(parts) + _END


def _command(command: click.Command, context: click.Context, path: str) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_roff(path)} {_roff(usage)}\n"
    for paragraph in re.split(r"\n\s*\n", command.help or ""):
        yield ".PP\n" + _roff(" ".join(paragraph.replace("\b", "").split())) + "\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield f".TP\n\\fB{_roff(record[0])}\\fR\n{_roff(record[1])}\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command(
                    below, click.Context(below, parent=context, info_name=name), f"{path} {name}"
                )


def _roff(text: str) -> str:
    """Text that roff prints as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)
