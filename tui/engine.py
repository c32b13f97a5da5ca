"""The library as the application asks it: the only module of the TUI that opens and builds indexes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from codesearch.answers.counting import counter_for
from codesearch.answers.drafts import TEXT_NOT_HERE
from codesearch.answers.explain import says_what_is_missing, stale_note
from codesearch.answers.findings import Findings, Found, RepositoryStatus
from codesearch.api import CodeIndex
from codesearch.locate import awaited_build, build_index, has_index, is_too_wide, manifest_mark
from codesearch.revision_index import RevisionIndex, index_revision
from codesearch.unindexed import NOTE, READING_NOTE, PlainText
from codesearch.workspace import Several
from indexer.errors import (
    IndexBusyError,
    IndexCorruptError,
    IndexMismatchError,
    IndexMissingError,
    InputError,
)
from indexer.languages import language_of
from indexer.records import (
    BuildReport,
    ComponentScores,
    Evidence,
    Passage,
    ProgressCallback,
    SearchRequest,
    Span,
)
from tui.session import Repository

MAX_DEFINITION_LINES = 60
WAIT_SECONDS = 0.5
"""How often it is looked whether the first index that another process makes can be opened."""


class IndexedRepository:
    """A `CodeIndex` as a `Repository`. Notices a newer build, and an index that was deleted while open."""

    def __init__(
        self, root: Path, state: Path | None = None, *, encodes: bool = False, revision: str = ""
    ) -> None:
        """`encodes`: what has no vectors yet is encoded in the background for as long as it is open.

        `revision` is asked in place of the files, and stays what it was when it was opened.
        """
        self._state = state
        self._mark = manifest_mark(root, state)  # before it is opened: what is published meanwhile is noticed
        self._index = (
            RevisionIndex.open_revision(root, revision, state=state)
            if revision
            else CodeIndex.open(root, state=state)
        )
        self._suffix = f"@{self._index.name}" if isinstance(self._index, RevisionIndex) else ""
        self._spans_by_name: dict[str, list[tuple[str, Span]]] | None = None
        self._encodes = encodes
        self._awaits_another = False
        if encodes:
            self._index.encode_in_background()

    def search(self, request: SearchRequest) -> Found:
        """The best passages for a question."""
        return _without_stale_note(self.followed().find(request))

    def followed(self) -> CodeIndex:
        """The index, the newest build of it. Raises IndexMissingError where it was deleted."""
        self._follow()
        return self._index

    def similar(self, passage: Passage, k: int) -> Found:
        """Passages like this one."""
        self._follow()
        found = self._index.similar(passage.path.removesuffix(self._suffix), passage.start_line, k + 1)
        others = [
            other
            for other in found.passages
            if other.path != passage.path or other.start_line != passage.start_line
        ]
        return Found(others[:k], found.notes)

    def definitions(self, word: str, k: int) -> Found:
        """Symbols whose last name is `word`, shorter paths first."""
        self._follow()
        if self._spans_by_name is None:
            self._spans_by_name = {}
            for entry in self._index.outline():
                if entry.span.kind != "section":
                    name = re.split(r"[.:#]+", entry.span.name)[-1]
                    self._spans_by_name.setdefault(name, []).append((entry.path, entry.span))
        places = sorted(self._spans_by_name.get(word, ()), key=lambda place: (len(place[0]), place[0]))
        return Found([self._definition(path, span) for path, span in places[:k]])

    def status(self, looks_at_disk: bool) -> RepositoryStatus:
        """What the index holds."""
        if looks_at_disk:
            self._follow()
        status = self._index.status() if looks_at_disk else self._index.status(look_seconds=0.0)
        stale = status.stale
        changes = [f"{path}  changed" for path in stale.changed]
        changes += [f"{path}  new" for path in stale.added]
        changes += [f"{path}  deleted" for path in stale.deleted]
        return RepositoryStatus(
            n_files=status.n_files,
            n_chunks=status.n_chunks,
            n_tokens=status.n_tokens,
            commit=status.commit,
            model=status.model,
            languages=tuple(status.languages),
            stale=tuple(changes) if looks_at_disk else (),
            skipped=tuple(status.skipped),
            n_encoded=status.n_encoded,
            is_encoding=self._index.state(look_seconds=0.0).is_encoding,
        )

    def with_vectors(self, status: RepositoryStatus) -> RepositoryStatus:
        """The status with as many vectors as there are now.

        What another process was encoding and has left is encoded from here on.
        """
        self._follow()
        is_free = not self._index.state().is_encoding
        if is_free and self._awaits_another:
            self._index.encode_in_background()
        state = self._index.state()
        self._awaits_another = self._encodes and state.is_encoding and not self._index.is_encoding
        return replace(
            status, n_chunks=state.n_chunks, n_encoded=state.n_encoded, is_encoding=state.is_encoding
        )

    def stop_encoding(self) -> None:
        """End the background build, so that another may write."""
        self._index.stop_encoding()

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _follow(self) -> None:
        if self._suffix:
            return
        mark = manifest_mark(self._index.root, self._state)
        if mark is None:
            raise IndexMissingError(
                f"The index of {self._index.root} was deleted while it was open; F9 builds it again."
            )
        if mark != self._mark:
            self._index.follow()
            self._mark, self._spans_by_name = mark, None

    def _definition(self, path: str, span: Span) -> Passage:
        end_line = min(span.end_line, span.start_line + MAX_DEFINITION_LINES - 1)
        omitted: tuple[tuple[int, int], ...] = ()
        try:
            text = self._index.read(path, span.start_line, end_line)
        except InputError:  # an index that was imported without texts
            text, omitted = TEXT_NOT_HERE, ((span.start_line, end_line),)
        return Passage(
            path=path + self._suffix,
            start_line=span.start_line,
            end_line=end_line,
            text=text,
            language=language_of(path, text),
            symbol=span.name,
            kind=span.kind,
            score=1.0,
            confidence=1.0,
            n_tokens=counter_for(None).count(text),
            evidence=Evidence(ComponentScores(), (), ()),
            omitted_lines=omitted,
            has_text=not omitted,
        )


def _without_stale_note(found: Findings) -> Found:
    """The title says it beside the results, and how much is encoded too."""
    known = stale_note(found.index) if found.passages else ()
    notes = [note for note in found.notes if note not in known and not says_what_is_missing(note)]
    return Found(found.passages, tuple(notes))


class CodeIndexEngine:
    """The library as an `Engine`."""

    def __init__(self, state: Path | None = None, *, builds: bool = True, revision: str = "") -> None:
        """`state` keeps the indexes outside their trees.

        `builds`: a folder without an index gets one of words, and what has no vectors is encoded in the
        background. `revision` is a branch, tag or commit to be asked in place of the files.
        """
        self._state = state
        self._revision = revision
        self._builds = builds
        self._opened: dict[Path, IndexedRepository] = {}

    def is_to_be_read(self, root: Path) -> bool:
        """Whether there is no index and one is to be made; not of a home folder."""
        makes_one = self._builds and not self._revision and not is_too_wide(root)
        return makes_one and not has_index(root, self._state)

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        """An index of words, by this process, or by the one that is at it already."""
        while self.is_to_be_read(root):
            try:
                build_index(root, progress=progress, encode=False, state=self._state)
            except IndexBusyError:
                progress(awaited_build(root, self._state))
                time.sleep(WAIT_SECONDS)

    def open(self, root: Path) -> Repository:
        """The index of this folder; not of one above it. Raises IndexMissingError."""
        if not self._revision and not has_index(root, self._state):
            raise IndexMissingError(f"There is no index in {root}; F9 builds it.")
        self._opened[root] = IndexedRepository(
            root, self._state, encodes=self._builds, revision=self._revision
        )
        return self._opened[root]

    def open_unindexed(self, root: Path, *, is_being_read: bool) -> Repository:
        """The files themselves."""
        return PlainText(root, READING_NOTE if is_being_read else NOTE)

    def search_together(self, repositories: Mapping[str, Repository], request: SearchRequest) -> Found:
        """The best passages of several indexes, ranked as those of one."""
        indexes = {
            name: each.followed()
            for name, each in repositories.items()
            if isinstance(each, IndexedRepository)
        }
        return _without_stale_note(Several(indexes).find(request))

    def build(self, root: Path, progress: ProgressCallback) -> BuildReport:
        """Build or refresh with the settings the index has; one that cannot be used is made anew."""
        if root in self._opened:
            self._opened[root].stop_encoding()
        if self._revision:
            return index_revision(root, self._revision, progress=progress, state=self._state)
        try:
            return build_index(root, progress=progress, state=self._state)
        except (IndexMismatchError, IndexCorruptError):
            return build_index(root, progress=progress, rebuild=True, state=self._state)
