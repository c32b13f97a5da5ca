"""Several indexed folders under short names, opened when first asked. For the MCP server and `ask`.

Nothing outside the named folders can be reached: a repository is chosen by its name, a file by its path in
the index, and file contents come from the index alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from codesearch.answers.seen import Seen
from codesearch.api import CodeIndex
from codesearch.locate import find_root_or_self
from indexer.errors import IndexMissingError, InputError

_MAX_SESSIONS = 200


class Repositories:
    """Indexes by name; the first one answers where none is named."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises InputError where a folder does not exist or none is given."""
        if not folders:
            raise InputError("Name at least one folder.")
        self.roots: dict[str, Path] = {}
        for folder in folders:
            root = find_root_or_self(folder)
            if root not in self.roots.values():
                self.roots[self._free_name(root)] = root
        self._indexes: dict[str, CodeIndex] = {}
        self._sessions: OrderedDict[tuple[str, str], Seen] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which the folders were given."""
        return tuple(self.roots)

    def name_of(self, name: str | None) -> str:
        """The name itself, or the first one for none. Raises InputError for an unknown name."""
        if not name:
            return self.names[0]
        if name not in self.roots:
            raise InputError(f"Unknown repository {name!r}; known are {', '.join(self.names)}.")
        return name

    def index(self, name: str | None = None) -> CodeIndex:
        """An open index, brought up to date where few files changed. Raises what `CodeIndex.open` raises."""
        name = self.name_of(name)
        with self._lock:
            if name not in self._indexes:
                self._indexes[name] = CodeIndex.open(self.roots[name])
            index = self._indexes[name]
        index.follow()
        return index

    def build(self, name: str | None = None) -> str:
        """Bring an index up to date, or build it where there is none; one sentence says what was done."""
        name = self.name_of(name)
        try:
            report = self.index(name).update()
        except IndexMissingError:
            index = CodeIndex.build(self.roots[name])
            with self._lock:
                self._indexes[name] = index
            state = index.state()
            return f"Built the index of {name}: {state.n_files:,} files."
        return (
            f"The index of {name} is up to date: {report.n_files:,} files,"
            f" {report.n_encoded_chunks:,} chunks encoded in {report.elapsed_seconds:.1f} s."
        )

    def seen(self, name: str | None, session: str | None) -> Seen | None:
        """The memory of a session in one repository; None without a session."""
        if not session:
            return None
        key = self.name_of(name), session
        with self._lock:
            seen = self._sessions.setdefault(key, Seen())
            self._sessions.move_to_end(key)
            while len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return seen

    def close(self) -> None:
        """Close every open index."""
        with self._lock:
            indexes, self._indexes = list(self._indexes.values()), {}
        for index in indexes:
            index.close()

    def _free_name(self, root: Path) -> str:
        name, number = root.name or "root", 2
        while name in self.roots:
            name, number = f"{root.name}-{number}", number + 1
        return name
