"""Several indexed folders under short names, opened when first asked, a few at once, followed when rebuilt.

Nothing outside the named folders can be reached: a repository is chosen by its name, a file by its path in
the index, and file contents come from the index alone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from codesearch.answers.answering import Question
from codesearch.answers.findings import IndexState
from codesearch.answers.seen import Seen
from codesearch.api import FRESHNESS_KEPT_SECONDS, LOOK_SECONDS, CodeIndex
from codesearch.asking import Asking
from codesearch.first_build import FirstBuild
from codesearch.locate import awaited_build, find_root_or_self, has_index, is_being_built, is_too_wide
from codesearch.request import own_globs, within_places
from indexer.closing import Closing
from indexer.disk.user_folders import expand_user
from indexer.errors import CodesearchError, IndexBusyError, IndexMissingError, InputError
from indexer.light_dataclasses import dataclass
from indexer.records import ProgressCallback, SearchRequest, full_path
from indexer.wording import counted

_MAX_SESSIONS = 200
MAX_OPEN = 64
"""Indexes that stay open when nobody asks them: each maps its tables and holds a connection.

More than most people have: a question to more than stay open opens all of them again.
"""
_FILES_LOOKED_AT = 8_000
"""A question to several looks at trees of so many files together for what is stale, by turns."""
FIRST_WORDS_SECONDS = 30.0
"""How long a question waits for the words of a tree that another process indexes for the first time."""
_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class _Open:
    """An open index and how many are asking it."""

    index: CodeIndex
    n_users: int = 0


class Workspace(Asking, Closing):
    """Indexes by name; questions are put to all of them as one. Threads may share it."""

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        max_open: int = MAX_OPEN,
        build: bool = False,
        state: Path | None = None,
        follow: bool = True,
    ) -> None:
        """`max_open` bounds the indexes that stay open; one that is being asked is never closed.

        `build`: a folder without an index gets one of words when it is first asked, and what any of them
        lacks is encoded in the background for as long as it is open; not so a home folder or above it.
        `state` is the folder that keeps the indexes outside their trees.
        Without `follow` an index stays as it was when it was opened. A file stands for the index that holds
        it. Raises InputError where a folder does not exist or none is given.
        """
        if not folders:
            raise InputError("Name at least one folder.")
        found = [find_root_or_self(folder, state) for folder in folders]
        roots = list(dict.fromkeys(found))
        self.roots: dict[str, Path] = dict(zip(short_names(roots), roots, strict=True))
        names = {root: name for name, root in self.roots.items()}
        self._below: dict[str, list[str]] = {}
        """Folders and files below the roots that were named, by the names of these."""
        for folder, root in zip(folders, found, strict=True):
            below = expand_user(folder).resolve().relative_to(root).as_posix()
            self._below.setdefault(names[root], []).append("" if below == "." else below)
        self._max_open = max_open
        self._builds = build
        self.state = state
        self.follows = follow
        self._open: OrderedDict[str, _Open] = OrderedDict()
        """Least recently asked first."""
        self._first_builds: dict[str, FirstBuild] = {}
        self._sessions: OrderedDict[tuple[tuple[str, ...], str], Seen] = OrderedDict()
        self._lock = threading.Lock()
        self._doors = {name: threading.Lock() for name in self.roots}
        """One opens an index, which may have to be made first; who asks for it meanwhile waits, no other."""

    @classmethod
    def open(cls, address: str) -> Workspace:
        """The repositories that a Ray cluster serves, by its address: `ray://auto` or `ray://HOST:PORT`.

        Raises InputError for another address, MissingExtraError without the extra `ray`, and ClusterError
        where there is no cluster or it serves nothing.
        """
        from codesearch.cluster_workspace import open_cluster

        return open_cluster(address)

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

    def chosen(self, repo: str = "", repositories: Sequence[str] = ()) -> tuple[str, ...]:
        """Names of those that are asked: the ones listed, * for all, else the one named, else the first.

        Raises InputError for an unknown name.
        """
        named = [self.name_of(each) for each in repositories or [repo] if each != "*"]
        return self.names if "*" in repositories else tuple(dict.fromkeys(named))

    def is_indexed(self, name: str) -> bool:
        """Whether a folder has an index; not whether it can be opened."""
        return has_index(self.roots[name], self.state)

    @contextmanager
    def opened(self, name: str | None = None, look_seconds: float = LOOK_SECONDS) -> Iterator[CodeIndex]:
        """An open index, brought up to date where few files changed; not closed as long as it is held.

        `look_seconds` is how long it may look for these. Raises what `CodeIndex.open` raises.
        """
        held = self._held(self.name_of(name), builds=self._builds)
        try:
            if self.follows:
                held.index.follow(look_seconds)
            if self._builds:
                held.index.encode_in_background()
            yield held.index
        finally:
            self._let_go(held)

    def among(self, names: Sequence[str] = (), *, below: bool = False) -> Selection:
        """Some of the indexes, all for none named, to be asked as one.

        `below` narrows each to what the workspace was made of, where that lies below its root.
        Raises InputError for an unknown name.
        """
        chosen = tuple(dict.fromkeys(map(self.name_of, names))) or self.names
        return Selection(self, chosen, {name: self._below[name] for name in chosen} if below else {})

    def _question(self, request: SearchRequest, seen: Seen | None = None) -> AbstractContextManager[Question]:
        return self.among()._question(request, seen)

    def build(self, name: str | None = None, progress: ProgressCallback | None = None) -> str:
        """Bring an index up to date, or build it where there is none; one sentence says what was done.

        Questions are answered meanwhile, of a tree without an index as soon as its words are read. What
        `progress` raises ends it, and what was published by then stays.
        """
        name = self.name_of(name)
        is_first = not has_index(self.roots[name], self.state)
        held = self._held(name, builds=True, progress=progress)
        try:
            held.index.stop_encoding()
            report = held.index.update(progress)
        finally:
            self._let_go(held)
        if is_first:
            return f"Built the index of {name}: {counted(report.n_files, 'file')}."
        return (
            f"The index of {name} is up to date: {counted(report.n_files, 'file')},"
            f" {counted(report.n_encoded_chunks, 'chunk')} encoded in {report.elapsed_seconds:.1f} s."
        )

    def first_build(self, name: str) -> FirstBuild | None:
        """What a question to a folder without an index waits for, here or in another process; None: nothing.

        All who ask share it, and it goes on without them until the workspace is closed.
        """
        if self.is_indexed(name):
            return None

        def make(progress: ProgressCallback) -> None:
            self._let_go(self._held(name, builds=self._builds, progress=progress))

        with self._lock:
            running = self._first_builds.get(name)
            if running is None or running.is_done:
                running = self._first_builds[name] = FirstBuild(make)
            return running

    def seen(self, names: Sequence[str | None], session: str | None) -> Seen | None:
        """The memory of a session in one repository, or in several together; None without a session."""
        if not session:
            return None
        key = tuple(map(self.name_of, names)), session
        with self._lock:
            seen = self._sessions.setdefault(key, Seen())
            self._sessions.move_to_end(key)
            while len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return seen

    def close(self) -> None:
        """End first builds, and close every open index."""
        for build in list(self._first_builds.values()):
            build.stop()
        with self._lock:
            held, self._open = list(self._open.values()), OrderedDict()
        for each in held:
            each.index.close()

    def _held(self, name: str, *, builds: bool, progress: ProgressCallback | None = None) -> _Open:
        """An open index, kept open until `_let_go`; one of words where there is none and it `builds`."""
        door = self._doors[name]
        while not door.acquire(timeout=_LOOK_SECONDS):
            self._wait(self.roots[name], progress)
        try:
            with self._lock:
                held = self._open.get(name)
            opened = held or _Open(self._opened(self.roots[name], builds=builds, progress=progress))
            with self._lock:
                held = self._open.setdefault(name, opened)
                held.n_users += 1
                self._open.move_to_end(name)
            return held
        finally:
            door.release()

    def _let_go(self, held: _Open) -> None:
        with self._lock:
            held.n_users -= 1
            self._shrink()

    def _opened(self, root: Path, *, builds: bool, progress: ProgressCallback | None) -> CodeIndex:
        """Waits for a first build of another process, until that has published what it read."""
        until = time.monotonic() + FIRST_WORDS_SECONDS
        build: Literal["words"] | None = "words" if builds and not is_too_wide(root) else None
        while True:
            is_built_elsewhere = is_being_built(root, self.state)
            try:
                return CodeIndex.open(
                    root, build=None if is_built_elsewhere else build, progress=progress, state=self.state
                )
            except (IndexMissingError, IndexBusyError) as error:
                if isinstance(error, IndexMissingError) and not is_built_elsewhere:
                    raise
                if time.monotonic() > until:
                    raise IndexBusyError(
                        f"{root} is being indexed for the first time by another process; ask again later."
                    ) from None
            self._wait(root, progress)
            time.sleep(_LOOK_SECONDS)

    def _wait(self, root: Path, progress: ProgressCallback | None) -> None:
        """Tell how far the build is that is waited for; what `progress` raises ends the waiting."""
        if progress is not None:
            progress(awaited_build(root, self.state))

    def _shrink(self) -> None:
        """Close those asked longest ago, as many as are too many."""
        idle = [name for name, held in self._open.items() if not held.n_users]
        for name in idle[: max(0, len(self._open) - self._max_open)]:
            self._open.pop(name).index.close()


class Selection(Asking):
    """Some of a workspace's indexes, asked as one; one alone answers as it would by itself."""

    def __init__(
        self, workspace: Workspace, names: Sequence[str], below: Mapping[str, Sequence[str]]
    ) -> None:
        self._workspace = workspace
        self.names = tuple(names)
        self._below = below

    @contextmanager
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> Iterator[Question]:
        """An index that cannot be opened is left out, which is said; raises what the last one does."""
        look = LOOK_SECONDS if len(self.names) == 1 else 0.0
        with ExitStack() as held:
            indexes: dict[str, CodeIndex] = {}
            problems: list[str] = []
            for name in self.names:
                try:
                    indexes[name] = held.enter_context(self._workspace.opened(name, look))
                except (CodesearchError, OSError) as error:
                    if len(problems) + 1 == len(self.names):
                        raise
                    problems.append(f"{name}: {error}")
            if len(self.names) == 1:
                (name,) = self.names
                own = self._narrowed(name, indexes[name], request)
                yield held.enter_context(indexes[name]._question(own, seen))
                return
            if self._workspace.follows:
                for name, seconds in _shares(indexes).items():
                    indexes[name].follow(seconds)
            several = Several(
                indexes, lambda name, asked: self._narrowed(name, indexes[name], asked), tuple(problems)
            )
            yield held.enter_context(several._question(request, seen))

    def _narrowed(self, name: str, index: CodeIndex, request: SearchRequest) -> SearchRequest:
        places = self._below.get(name, ())
        return replace(request, paths=within_places(index.root, places, request.paths)) if places else request


class Several(Asking):
    """Open indexes by name, asked as one; they stay the caller's to close."""

    def __init__(
        self,
        indexes: Mapping[str, CodeIndex],
        narrow: Callable[[str, SearchRequest], SearchRequest] = lambda name, request: request,
        remarks: tuple[str, ...] = (),
    ) -> None:
        """`narrow` makes the request for one index of that for all; `remarks` are said with answers."""
        self._indexes = dict(indexes)
        self._narrow = narrow
        self._remarks = remarks

    @contextmanager
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> Iterator[Question]:
        from indexer.search import Together

        def narrow(name: str, asked: SearchRequest) -> SearchRequest:
            own = self._narrow(name, asked)
            return replace(own, paths=own_globs(own.paths, self._indexes[name].root))

        with ExitStack() as held:
            # In one order for all, so that two questions never wait for each other.
            engines = {
                name: held.enter_context(index.asked())
                for name, index in sorted(self._indexes.items(), key=lambda item: str(item[1].root))
            }
            together = Together({name: engines[name] for name in self._indexes}, narrow)
            remarks = self._remarks
            if together.n_models > 1:
                remarks += (
                    f"The indexes were built with {together.n_models} models, whose vectors cannot be"
                    " compared: they are ranked together by words and by rank.",
                )
            state = _state_of(self._states())
            yield Question(request, together, state, seen=seen, sources=together.searchers, remarks=remarks)

    def _states(self) -> dict[str, IndexState]:
        """The state of each, after a look at the disk of those whose turn it is."""
        shares = _shares(self._indexes)
        states = {}
        for name, index in self._indexes.items():
            try:
                states[name] = index.state(shares.get(name, 0.0))
            except OSError:  # the tree is gone, or cannot be read: what is indexed of it answers
                states[name] = index.state(0.0)
        return states


def _shares(indexes: Mapping[str, CodeIndex]) -> dict[str, float]:
    """Whose trees are looked at for what is stale, and for how many seconds each.

    Those that were not looked at for the longest time, by turns over several questions: so many that what was
    looked at within the time for which a look is kept is little, and no question waits longer than for one.
    """
    now = time.monotonic()
    is_due = {name: now - index.looked_at > FRESHNESS_KEPT_SECONDS for name, index in indexes.items()}
    n_files = {name: index.state(0.0).n_files for name, index in indexes.items()}
    n_left = _FILES_LOOKED_AT - sum(n_files[name] for name, due in is_due.items() if not due)
    chosen: list[str] = []
    for name in sorted(filter(is_due.__getitem__, indexes), key=lambda name: indexes[name].looked_at):
        if n_left < n_files[name] and n_left < _FILES_LOOKED_AT:
            break
        n_left -= n_files[name]
        chosen.append(name)
    return {name: LOOK_SECONDS / len(chosen) for name in chosen}


def _state_of(states: Mapping[str, IndexState]) -> IndexState:
    """Of several indexes together; their paths below their names."""

    def paths(kind: str) -> tuple[str, ...]:
        return tuple(full_path(name, path) for name, each in states.items() for path in getattr(each, kind))

    every = states.values()
    return IndexState(
        commit=None,
        n_files=sum(each.n_files for each in every),
        n_chunks=sum(each.n_chunks for each in every),
        n_encoded=sum(each.n_encoded for each in every),
        changed=paths("changed"),
        added=paths("added"),
        deleted=paths("deleted"),
        n_skipped=sum(each.n_skipped for each in every),
        complete=all(each.complete for each in every),
        has_text=all(each.has_text for each in every),
        is_encoding=any(each.is_encoding for each in every),
    )


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
