"""What the screens need from the library, as a protocol, and the values that pass through it.

`engine.py` fulfils `Engine` with the real library, tests with a deterministic fake. Not here: threads
and messages, which are the app's. A `Repository` is used by one thread at a time; `Workspace` sees
to that with one lock, so a search that has been overtaken never runs at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path
from threading import Lock
from typing import Protocol

from codesearch.answers.findings import Found, RepositoryStatus
from codesearch.workspace import short_names
from indexer.errors import CodesearchError, IndexCorruptError, IndexMissingError, InputError
from indexer.records import BuildReport, Passage, ProgressCallback, SearchRequest


@dataclass(frozen=True, slots=True)
class Result:
    """A passage and the repository it lies in."""

    repository: str
    """The repository's name as the screens show it."""
    root: Path
    passage: Passage
    revision: str = ""
    """Branch, tag or commit that the passage is of; empty: of the files on the disk."""

    @property
    def place(self) -> str:
        """`path:line`, as editors and terminals understand it."""
        return f"{self.passage.path}:{self.passage.start_line}"


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """One folder as the screens see it."""

    name: str
    root: Path
    status: RepositoryStatus | None
    """None: there is no index, and `problem` says why."""
    problem: str = ""
    is_searchable: bool = True
    """Without an index too, where its files can be read."""
    is_being_read: bool = False
    """Its first index is being made, of words to begin with; until then its files are searched as text."""


class Repository(Protocol):
    """One open index, or a folder without one that can be searched as text."""

    def search(self, request: SearchRequest) -> Found:
        """The best passages for a question."""
        ...

    def similar(self, passage: Passage, k: int) -> Found:
        """Passages like this one, itself excluded."""
        ...

    def definitions(self, word: str, k: int) -> Found:
        """Symbols whose last name is `word`."""
        ...

    def status(self, looks_at_disk: bool) -> RepositoryStatus:
        """What it holds; what is stale only with a look at the disk."""
        ...

    def with_vectors(self, status: RepositoryStatus) -> RepositoryStatus:
        """The status with as many vectors as there are now."""
        ...

    def close(self) -> None:
        """Let go of its files."""
        ...


class Engine(Protocol):
    """Opens and builds indexes; what a person can cause raises a `CodesearchError`."""

    def is_to_be_read(self, root: Path) -> bool:
        """Whether `prepare` has something to do before `open` finds an index."""
        ...

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        """Make an index of words, or wait for that of another process; vectors follow by themselves.

        What `progress` raises ends it and comes out here.
        """
        ...

    def open(self, root: Path) -> Repository:
        """The index of this folder."""
        ...

    def open_unindexed(self, root: Path, *, is_being_read: bool) -> Repository:
        """The folder's files themselves, for as long as there is no index, or until it is made."""
        ...

    def search_together(self, repositories: Mapping[str, Repository], request: SearchRequest) -> Found:
        """The best passages of several open indexes, ranked as those of one; each names its repository."""
        ...

    def build(self, root: Path, progress: ProgressCallback) -> BuildReport:
        """Build or refresh the index; what `progress` raises ends it and comes out here."""
        ...


@dataclass(slots=True)
class _Slot:
    name: str
    root: Path
    repository: Repository | None = None
    status: RepositoryStatus | None = None
    problem: str = ""
    is_being_read: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Merged results of several repositories, and what is to be said about them."""

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Workspace:
    """The repositories of one run of the app, asked together or alone."""

    engine: Engine
    roots: Sequence[Path]
    revision: str = ""
    """Branch, tag or commit that is asked of each; empty: the files themselves."""
    _slots: list[_Slot] = field(init=False)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._slots = [
            _Slot(f"{name}@{self.revision}" if self.revision else name, root)
            for name, root in zip(short_names(self.roots), self.roots, strict=True)
        ]

    def open(self, only: Path | None = None) -> tuple[RepositoryState, ...]:
        """Open (again) every repository, or one, and say how each fares.

        The first time, those that the engine has to read are open as text until `prepare` has read them.
        """
        with self._lock:
            for slot in self._slots:
                if only is None or slot.root == only:
                    slot.is_being_read = only is None and self.engine.is_to_be_read(slot.root)
                    self._open(slot)
        return self.states()

    def refresh(self) -> tuple[RepositoryState, ...]:
        """Look at the files of every open repository again; one that fails is closed, with its reason."""
        with self._lock:
            for slot in self._slots:
                if slot.repository is None or slot.status is None:
                    self._open(slot)
                if slot.repository is None:
                    continue
                try:
                    if slot.status is not None:
                        slot.status = slot.repository.status(looks_at_disk=True)
                except (CodesearchError, OSError) as error:
                    self._lose(slot, str(error))
        return self.states()

    def look_at_vectors(self) -> tuple[RepositoryState, ...]:
        """How many vectors there are by now, where they are being made."""
        with self._lock:
            for slot in self._slots:
                if slot.repository is not None and slot.status is not None and slot.status.is_encoding:
                    with contextlib.suppress(CodesearchError, OSError):
                        slot.status = slot.repository.with_vectors(slot.status)
        return self.states()

    def states(self) -> tuple[RepositoryState, ...]:
        """How every repository fares, without touching a disk."""
        return tuple(
            RepositoryState(s.name, s.root, s.status, s.problem, s.repository is not None, s.is_being_read)
            for s in self._slots
        )

    def search(
        self, request: SearchRequest, scope: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> Answer | None:
        """The k best of the repositories in scope; None if cancelled before it was this search's turn."""
        return self._ask(
            lambda repository: repository.search(request),
            scope,
            request.k,
            is_cancelled,
            lambda repositories: self.engine.search_together(repositories, request),
        )

    def definitions(
        self, word: str, k: int, scope: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> Answer | None:
        """Where `word` is defined, best first."""
        return self._ask(lambda repository: repository.definitions(word, k), scope, k, is_cancelled)

    def similar(self, result: Result, k: int, is_cancelled: Callable[[], bool]) -> Answer | None:
        """Passages of the same repository that resemble this one."""
        return self._ask(
            lambda repository: repository.similar(result.passage, k), (result.repository,), k, is_cancelled
        )

    def close(self) -> None:
        """Close every repository."""
        with self._lock:
            for slot in self._slots:
                if slot.repository is not None:
                    slot.repository.close()
                    slot.repository = None

    def _ask(
        self,
        question: Callable[[Repository], Found],
        scope: Sequence[str],
        k: int,
        is_cancelled: Callable[[], bool],
        together: Callable[[Mapping[str, Repository]], Found] | None = None,
    ) -> Answer | None:
        """Several indexes are asked `together`; what cannot be compared comes in turns."""
        lists: list[list[Result]] = []
        notes: list[str] = []
        n_failed = 0
        with self._lock:
            asked = [s for s in self._slots if s.repository is not None and (not scope or s.name in scope)]
            if not asked:
                problems = " ".join(slot.problem for slot in self._slots if slot.problem)
                raise InputError(problems or "There is nothing to search here.")
            indexed = {s.name: s for s in asked if s.repository is not None and s.status is not None}
            if together is not None and len(indexed) > 1:
                if is_cancelled():
                    return None
                try:
                    found = together({name: s.repository for name, s in indexed.items() if s.repository})
                except InputError:
                    raise
                except (CodesearchError, OSError):
                    pass  # each is asked by itself, which tells which one it is
                else:
                    lists.append(
                        [
                            self._result(indexed[p.repository], replace(p, repository=""))
                            for p in found.passages
                        ]
                    )
                    notes.extend(found.notes)
                    asked = [slot for slot in asked if slot.name not in indexed]
            for slot in asked:
                if is_cancelled():
                    return None
                repository = slot.repository
                assert repository is not None
                try:
                    found = question(repository)
                except (IndexMissingError, IndexCorruptError) as error:
                    self._lose(slot, str(error))
                    notes.append(str(error))
                    n_failed += 1
                    continue
                except InputError:
                    raise
                except (CodesearchError, OSError) as error:
                    notes.append(f"{slot.name}: {error}" if len(self._slots) > 1 else str(error))
                    n_failed += 1
                    continue
                lists.append([self._result(slot, passage) for passage in found.passages])
                notes.extend(note for note in found.notes if note not in notes)
        if n_failed and not lists:
            raise CodesearchError(" ".join(notes))
        in_turns = chain.from_iterable(zip_longest(*lists))
        results = [result for result in in_turns if result is not None]
        return Answer(tuple(results[:k]), tuple(notes))

    def _result(self, slot: _Slot, passage: Passage) -> Result:
        return Result(slot.name, slot.root, passage, self.revision)

    def _open(self, slot: _Slot) -> None:
        if slot.repository is not None:
            slot.repository.close()
            slot.repository = None
        try:
            slot.repository = self.engine.open(slot.root)
            slot.status = slot.repository.status(looks_at_disk=False)
            slot.problem = ""
        except (CodesearchError, OSError) as error:
            self._lose(slot, str(error))

    def _lose(self, slot: _Slot, problem: str) -> None:
        """Without an index, the files themselves are searched."""
        slot.repository, slot.status, slot.problem = None, None, problem
        with contextlib.suppress(CodesearchError, OSError):
            slot.repository = self.engine.open_unindexed(slot.root, is_being_read=slot.is_being_read)


def sentence_of(error: Exception) -> str:
    """What a person reads of an error; what is no `CodesearchError` names its class, for a report."""
    if isinstance(error, CodesearchError):
        return str(error)
    return f"Something unexpected went wrong ({type(error).__name__}: {error}). Searching again may help."
