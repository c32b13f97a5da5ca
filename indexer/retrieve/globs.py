"""Path patterns as in .gitignore, given by whoever asks: a path passes or does not.

Not ignore files of a tree, which nest and are read on a walk (`ignore_files.py`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most questions have no pattern, and do not wait for the package
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern


@lru_cache(256)
def compile_glob(pattern: str) -> GitIgnoreSpecPattern:
    """A pattern without its leading `!`; the last few are remembered. Raises ValueError for a broken one."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    return GitIgnoreSpecPattern(pattern)


class PathGlobs:
    """Patterns of one question: a path passes that fits any of them, but none that begins with `!`.

    Where all begin with `!`, or there are none, everything else passes.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises ValueError for a pattern that is broken."""
        from pathspec import GitIgnoreSpec

        # A path of which a part reads as a pattern, as `app/[id]/page.tsx`, is also itself.
        self._named = tuple(_spelt(p.strip("/")) for p in patterns if "[" in p and not p.startswith("!"))
        patterns = [_spelt(pattern) for pattern in patterns]
        included = [compile_glob(pattern) for pattern in patterns if not pattern.startswith("!")]
        excluded = [compile_glob(pattern[1:]) for pattern in patterns if pattern.startswith("!")]
        self._included = GitIgnoreSpec(included) if included else None
        self._excluded = GitIgnoreSpec(excluded)

    def passes(self, path: str) -> bool:
        """Whether a repo-relative POSIX path passes."""
        path = _spelt(path)
        is_included = self._included is None or self._included.match_file(path)
        is_included = is_included or any(f"{path}/".startswith(f"{name}/") for name in self._named)
        return bool(is_included) and not self._excluded.match_file(path)


def _spelt(text: str) -> str:
    """One of the spellings that Unicode has for an accented letter: file systems differ in theirs."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
