"""Regular expressions of requests, compiled: the one place that compiles what was just typed.

Whoever runs them keeps to `MATCH_SECONDS`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most questions have no expression, and do not wait for the package
    import regex

MATCH_SECONDS = 2.0
"""How long an expression may search an index; files after that are left out, and a note tells so."""
_MAX_PARTS = 50_000


@cache
def _token() -> regex.Pattern[str]:
    """An escape, a set, a counted repeat, or one character."""
    import regex

    return regex.compile(
        r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<least>\d{1,9})?(?:,(?P<most>\d{1,9})?)?\}|.", regex.DOTALL
    )


@lru_cache(32)
def compile_expression(pattern: str) -> regex.Pattern[str]:
    """A pattern ready to be searched for, `^` and `$` at every line; the last few are remembered.

    The package `regex` takes what `re` takes, and bounds a match in time. Raises ValueError for a pattern
    that cannot be served; it says why, without a full stop.
    """
    import regex

    if n_compiled_parts(pattern) > _MAX_PARTS:
        raise ValueError(
            f"it has more than {_MAX_PARTS:,} parts with its repeats written out; use smaller counts, or `*`"
        )
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except regex.error as error:
        raise ValueError(str(error)) from None
    except (RecursionError, OverflowError):
        raise ValueError("too deeply nested, or repeated too often") from None


def n_compiled_parts(pattern: str) -> int:
    """About how many parts a pattern has once its counted repeats are written out.

    Compiling writes them out, half a kilobyte each, before any time limit: `((a{999}){999}){999}` would
    take the machine. A broken pattern gets some number; compiling it says what is wrong.
    """
    n_before: list[int] = []  # parts before each open group, in the group around it
    n_parts = n_last = 0
    for token in _token().finditer(pattern):
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
