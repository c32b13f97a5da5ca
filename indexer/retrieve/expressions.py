"""Regular expressions of requests: why one cannot be served.

The one place that compiles what was just typed; a match's time limit is for whoever runs it.
"""

from __future__ import annotations

import regex

_MAX_PARTS = 50_000
_TOKEN = regex.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d{1,9})?(?:,(?P<most>\d{1,9})?)?\}|.", regex.DOTALL
)
"""An escape, a set, a counted repeat, or one character."""


def expression_problem(pattern: str) -> str:
    """Why a pattern cannot be served, without a full stop; empty where it can.

    The package `regex` takes what `re` takes, and bounds a match in time.
    """
    if n_compiled_parts(pattern) > _MAX_PARTS:
        return (
            f"it has more than {_MAX_PARTS:,} parts with its repeats written out; use smaller counts, or `*`"
        )
    try:
        regex.compile(pattern)
    except regex.error as error:
        return str(error)
    except (RecursionError, OverflowError):
        return "too deeply nested, or repeated too often"
    return ""


def n_compiled_parts(pattern: str) -> int:
    """About how many parts a pattern has once its counted repeats are written out.

    Compiling writes them out, half a kilobyte each, before any time limit: `((a{999}){999}){999}` would
    take the machine. A broken pattern gets some number; compiling it says what is wrong.
    """
    n_before: list[int] = []  # parts before each open group, in the group around it
    n_parts = n_last = 0
    for token in _TOKEN.finditer(pattern):
        text, count = token.group(), token.group("most") or token.group("least")
        if text == "(":
            n_before.append(n_parts)
            n_parts = n_last = 0
        elif text == ")" and n_before:
            n_last = n_parts
            n_parts += n_before.pop()
        elif count:
            n_parts += n_last * (int(count) - 1)
            n_last *= int(count)
        else:
            n_parts, n_last = n_parts + 1, 1
    return n_parts + sum(n_before)
