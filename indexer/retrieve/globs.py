"""Path patterns as in .gitignore, given by whoever asks: a path passes or does not.

Not ignore files of a tree, which nest and are read on a walk (`ignore_rules.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pathspec

from indexer.errors import InputError


class PathGlobs:
    """Patterns of one question: a path passes that fits any of them, but none that begins with `!`.

    Where all begin with `!`, or there are none, everything else passes.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises InputError for a pattern that is broken."""
        for pattern in patterns:
            try:
                pathspec.GitIgnoreSpec.from_lines([pattern.removeprefix("!")])
            except ValueError:
                raise InputError(
                    f"The path pattern {pattern!r} is broken; patterns are as in .gitignore."
                ) from None
        included = [pattern for pattern in patterns if not pattern.startswith("!")]
        excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        self._included = pathspec.GitIgnoreSpec.from_lines(included) if included else None
        self._excluded = pathspec.GitIgnoreSpec.from_lines(excluded)

    def passes(self, path: str) -> bool:
        """Whether a repo-relative POSIX path passes."""
        is_included = self._included is None or self._included.match_file(path)
        return bool(is_included) and not self._excluded.match_file(path)
