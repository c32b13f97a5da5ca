"""Ignore files in .gitignore syntax, nested as git nests them: the deeper file and the later line win.

Used for `.codesearchignore` everywhere and for `.gitignore` where git itself cannot be asked.
"""

from __future__ import annotations

import re
from pathlib import Path

from pathspec import GitIgnoreSpec

from indexer.contained import read_regular

MAX_IGNORE_BYTES = 200_000
"""An ignore file longer than this is read up to here."""
_MAX_STARS = 4
"""A pattern with more stars between two slashes is left out: matching it could take minutes."""


class IgnoreRules:
    """The ignore files of one name in a tree, read as folders are entered.

    `verdict` may be asked of a path once all folders above it were entered.
    """

    def __init__(self, root: Path, file_name: str) -> None:
        """`file_name` is `.gitignore` or `.codesearchignore`; nothing is read yet."""
        self._root = root
        self._file_name = file_name
        self._specs: dict[str, GitIgnoreSpec] = {}
        self.is_empty = True
        """No rule was read so far: every verdict is None."""

    def enter(self, folder: str, extra_lines: str = "") -> None:
        """Read the ignore file of `folder` ("" is the root), if it has one; `extra_lines` come before it."""
        path = f"{folder}/{self._file_name}" if folder else self._file_name
        try:
            content = read_regular(self._root, path, MAX_IGNORE_BYTES)[:MAX_IGNORE_BYTES]
        except (OSError, ValueError):
            content = b""
        lines = (extra_lines + "\n" + content.decode("utf-8-sig", "replace")).splitlines()
        usable = [line for line in lines if line.strip() and not line.startswith("#") and _is_usable(line)]
        if usable:
            self._specs[folder] = GitIgnoreSpec.from_lines(usable, backend="simple")
            self.is_empty = False

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: excluded. False: a `!` line includes it. None: no rule speaks of it.

        Asked of a single path: that a folder above is excluded is for the caller to know.
        """
        folder = path.rpartition("/")[0]
        while True:
            spec = self._specs.get(folder)
            if spec is not None:
                below = path[len(folder) + 1 :] if folder else path
                include = spec.check_file(below + "/" if is_folder else below).include
                if include is not None:
                    return include
            if not folder:
                return None
            folder = folder.rpartition("/")[0]


def _is_usable(line: str) -> bool:
    return all(len(re.findall(r"\*+", part)) <= _MAX_STARS for part in line.split("/"))
