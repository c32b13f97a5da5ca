"""Which ignore files a tree has, and how they add up: the deeper file wins, then the later line.

`.codesearchignore` counts everywhere, `.gitignore` (and git's own list of excludes) where git itself cannot
be asked. What a line means is said by `ignore_patterns.py`.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Self

from indexer.disk.contained import read_regular
from indexer.tree.ignore_patterns import Rules, compile_lines

OWN_FILES = (".codesearchignore",)
"""Ignore files of codesearch; where a folder has several, those of a later name win."""
EXCLUDED_BY_OWN = f"{' or '.join(OWN_FILES)} excludes it"

_GIT_FILES = (".gitignore",)
_GIT_EXCLUDES = ".git/info/exclude"

MAX_IGNORE_BYTES = 200_000
"""An ignore file longer than this is read up to here."""
MAX_TREE_LINES = 10_000
"""Rules beyond this, counted over all ignore files of a tree, are left out: each costs time to prepare."""


class IgnoreFiles:
    """The ignore files of some names in a tree, read as folders are entered.

    `verdict` may be asked of a path once all folders above it were entered.
    """

    def __init__(self, root: Path, names: tuple[str, ...]) -> None:
        """`names` from the weakest to the strongest; nothing is read yet."""
        self._root = root
        self._names = names
        self._rules: dict[str, Rules] = {}
        self._n_lines_left = MAX_TREE_LINES
        self.is_empty = True
        """No rule was read so far: every verdict is None."""

    @classmethod
    def own(cls, root: Path) -> Self:
        """Those of codesearch, the root's read."""
        files = cls(root, OWN_FILES)
        files.enter("")
        return files

    @classmethod
    def of_git(cls, root: Path, start: str) -> Self:
        """Those of git from the folder `start` on, which is entered; its excludes are the weakest."""
        files = cls(root, _GIT_FILES)
        files._add(start, [posixpath.join(start, _GIT_EXCLUDES), *files._paths(start)])
        return files

    def enter(self, folder: str) -> None:
        """Read the ignore files of `folder` ("" is the root), if it has any."""
        self._add(folder, self._paths(folder))

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: excluded. False: a `!` line includes it. None: no rule speaks of it.

        Of this path alone: that a folder above it is excluded is for the caller to know.
        """
        folder = path.rpartition("/")[0]
        while True:
            rules = self._rules.get(folder)
            if rules is not None:
                below = path[len(folder) + 1 :] if folder else path
                verdict = rules.verdict(below, is_folder=is_folder)
                if verdict is not None:
                    return verdict
            if not folder:
                return None
            folder = folder.rpartition("/")[0]

    def _paths(self, folder: str) -> list[str]:
        return [posixpath.join(folder, name) for name in self._names]

    def _add(self, folder: str, paths: list[str]) -> None:
        """Read the lines of some files as rules for what lies below `folder`, the later file stronger."""
        read = [line for path in paths for line in _lines(self._root, path)]
        lines = read[: self._n_lines_left]
        rules = compile_lines(lines) if lines else None
        if rules is not None:
            self._n_lines_left -= len(lines)
            self._rules[folder] = rules
            self.is_empty = False


def _lines(root: Path, path: str) -> list[str]:
    try:
        content = read_regular(root, path, MAX_IGNORE_BYTES)[:MAX_IGNORE_BYTES]
    except (OSError, ValueError):
        return []
    return [line for line in content.decode("utf-8-sig", "surrogateescape").split("\n") if line.strip()]
