"""Several indexed folders under short names, opened when first asked, a few at once, followed when rebuilt.

Nothing outside the named folders can be reached: a repository is chosen by its name, a file by its path in
the index, and file contents come from the index alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codesearch.answers.seen import Seen
from codesearch.api import CodeIndex
from codesearch.locate import find_root_or_self, is_too_wide
from indexer.errors import IndexMissingError, InputError

_MAX_SESSIONS = 200
MAX_OPEN = 16
"""Indexes that stay open when nobody asks them: each maps its tables and holds a connection."""


@dataclass(slots=True)
class _Open:
    """An open index and how many are asking it."""

    index: CodeIndex
    n_users: int = 0


class Workspace:
    """Indexes by name; the first one answers where none is named. Threads may share it."""

    def __init__(self, folders: Sequence[Path], *, max_open: int = MAX_OPEN, build: bool = False) -> None:
        """`max_open` bounds the indexes that stay open; one that is being asked is never closed.

        `build`: a folder without an index gets one of words when it is first asked, and what any of them
        lacks is encoded in the background for as long as it is open; not so a home folder or above it.
        Raises InputError where a folder does not exist or none is given.
        """
        if not folders:
            raise InputError("Name at least one folder.")
        roots = list(dict.fromkeys(find_root_or_self(folder) for folder in folders))
        self.roots: dict[str, Path] = dict(zip(short_names(roots), roots, strict=True))
        self._max_open = max_open
        self._builds = build
        self._open: OrderedDict[str, _Open] = OrderedDict()
        """Least recently asked first."""
        self._sessions: OrderedDict[tuple[str, str], Seen] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which the folders were given."""
        return tuple(self.roots)

    @property
    def n_open(self) -> int:
        """Indexes that are open."""
        return len(self._open)

    def name_of(self, name: str | None) -> str:
        """The name itself, or the first one for none. Raises InputError for an unknown name."""
        if not name:
            return self.names[0]
        if name not in self.roots:
            raise InputError(f"Unknown repository {name!r}; known are {', '.join(self.names)}.")
        return name

    @contextmanager
    def opened(self, name: str | None = None) -> Iterator[CodeIndex]:
        """An open index, brought up to date where few files changed; not closed as long as it is held.

        Raises what `CodeIndex.open` raises.
        """
        name = self.name_of(name)
        with self._lock:
            if name not in self._open:
                self._open[name] = _Open(self._opened(self.roots[name]))
            held = self._open[name]
            held.n_users += 1
            self._open.move_to_end(name)
        try:
            held.index.follow()
            if self._builds:
                held.index.encode_in_background()
            yield held.index
        finally:
            with self._lock:
                held.n_users -= 1
                self._shrink()

    def build(self, name: str | None = None) -> str:
        """Bring an index up to date, or build it where there is none; one sentence says what was done."""
        name = self.name_of(name)
        try:
            with self.opened(name) as index:
                report = index.update()
        except IndexMissingError:
            with CodeIndex.build(self.roots[name]) as index:
                return f"Built the index of {name}: {index.state().n_files:,} files."
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
            held, self._open = list(self._open.values()), OrderedDict()
        for each in held:
            each.index.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, root: Path) -> CodeIndex:
        return CodeIndex.open(root, build="words" if self._builds and not is_too_wide(root) else None)

    def _shrink(self) -> None:
        """Close those asked longest ago, as many as are too many."""
        idle = [name for name, held in self._open.items() if not held.n_users]
        for name in idle[: max(0, len(self._open) - self._max_open)]:
            self._open.pop(name).index.close()


def short_names(roots: Sequence[Path]) -> list[str]:
    """The shortest trailing part of each path that tells it from the others."""
    names = []
    for root in roots:
        parts = [part for part in root.parts if part != root.anchor] or [root.anchor]
        for n_parts in range(1, len(parts) + 1):
            name = "/".join(parts[-n_parts:])
            if sum(("/" + other.as_posix()).endswith("/" + name) for other in roots) == 1:
                break
        names.append(name)
    return names
