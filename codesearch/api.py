"""`CodeIndex`: the Python API, and what every front end calls. Thin: the engine searches, `passages.py` cuts.

    with CodeIndex.build("repo") as index:
        index.search("how are routes registered")            # list of passages
        index.context("how are routes registered").text      # a block for a prompt

Methods may be called from several threads; they take turns. No printing, no flags, no environment.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from codesearch.answers import answering
from codesearch.answers.answering import Question, index_state
from codesearch.answers.counting import Tokenizer, counter_for
from codesearch.answers.findings import Findings, IndexState
from codesearch.answers.lines import split_lines
from codesearch.answers.seen import Seen
from codesearch.asking import Asking
from codesearch.background import BackgroundBuild
from codesearch.known_repositories import known_roots_if_readable
from codesearch.locate import build_index, find_root, manifest_mark
from codesearch.request import (
    Place,
    check_budget,
    check_k,
    check_offset,
    own_globs,
    place_of,
)
from indexer.closing import Closing
from indexer.disk.user_folders import expand_user
from indexer.errors import IndexMissingError, InputError
from indexer.records import BuildReport, ProgressCallback, SearchRequest, StaleFiles
from indexer.search_defaults import DEFAULT_ENCODE_SECONDS, DEFAULT_K
from indexer.settings import BuildSettings
from indexer.wording import not_indexed

if TYPE_CHECKING:
    from indexer.records import OutlineEntry
    from indexer.search import Searcher
    from indexer.search_steps import SearchResult
    from indexer.storage.status import IndexStatus

LOOK_SECONDS = 0.2
"""How long the look at the disk for stale files may take that a question waits for."""
FRESHNESS_KEPT_SECONDS = 3.0
"""Searches within this time share one look at the disk."""
ENCODE_QUIET_SECONDS = 5.0
"""What was read is encoded once nothing more was read for so long: the model takes longer to load than a file
to encode."""
REFRESH_FILES = 50
"""With more stale files than this, a search does not bring the index up to date by itself."""
_NOT_LOOKED = StaleFiles(complete=False)


class CodeIndex(Asking, Closing):
    """An open index of one folder."""

    def __init__(self, root: Path, searcher: Searcher, state: Path | None = None) -> None:
        self.root = root
        self._outside = state
        self._searcher: Searcher | None = searcher
        self._lock = threading.RLock()
        self._state: IndexState | None = None
        self._state_at = -math.inf
        self._mark = manifest_mark(root, state)
        self._background: BackgroundBuild | None = None
        self._n_updates = 0
        self._read_at = -math.inf

    # --- opening and keeping up to date ---

    @classmethod
    def build(
        cls,
        root: str | Path,
        model: str | None = None,
        progress: ProgressCallback | None = None,
        *,
        settings: BuildSettings | None = None,
        rebuild: bool = False,
        state: str | Path | None = None,
    ) -> Self:
        """Index a folder, or bring its index up to date, and open it.

        `state` is a folder that keeps the index outside the tree, beside those of others; give it to `open`
        as well.

        `model` is short for `settings` with another model. Without both, an existing index keeps the
        settings it was built with. Raises what `indexer.build.build` raises.
        """
        outside = _outside(state)
        build_index(root, model, progress, settings=settings, rebuild=rebuild, state=outside)
        return cls.open(root, state=outside)

    @classmethod
    def open(
        cls,
        root: str | Path = ".",
        *,
        build: Literal["words", "vectors"] | None = None,
        progress: ProgressCallback | None = None,
        state: str | Path | None = None,
    ) -> Self:
        """Open the index of a folder, or of the nearest folder above that has one.

        `state` is the folder outside the tree that keeps the index, as it was built.

        `build` makes one of the folder where there is none: `words` can be asked in seconds, with vectors
        for the candidates of each search; `vectors` encodes everything first. Raises InputError,
        IndexMissingError, IndexMismatchError, IndexCorruptError or CheckpointError, and what a build raises.
        """
        from indexer.search import Searcher

        outside = _outside(state)
        try:
            folder = find_root(root, outside)
        except IndexMissingError:
            if build is None:
                raise
            build_index(root, progress=progress, encode=build == "vectors", state=outside)
            folder = find_root(root, outside)
        return cls(folder, Searcher.open(folder, outside), outside)

    def update(self, progress: ProgressCallback | None = None, *, encode: bool = True) -> BuildReport:
        """Bring the index up to date with the disk, with the settings it was built with.

        Without `encode`, what is new can be found by its words, and gets vectors when a search names it.
        """
        from indexer.build import build

        with self._lock:
            settings = self._engine.settings
            self._n_updates += encode
        others = known_roots_if_readable()
        try:
            report = build(self.root, settings, progress, encode=encode, outside=self._outside, others=others)
        finally:
            with self._lock:
                self._n_updates -= encode
        with self._lock:
            before = self._mark
            self._reopen()
            if not encode and self._mark != before:
                self._read_at = time.monotonic()
        return report

    def refresh(
        self, progress: ProgressCallback | None = None, *, look_seconds: float = LOOK_SECONDS
    ) -> BuildReport | None:
        """Read what few files are stale, without encoding; None where none or too many are."""
        state = self.state(look_seconds)
        # Without texts all is read anew, and what this tree lacks would be gone: only for whom asks for it.
        if not state.has_text or not 0 < state.n_stale <= REFRESH_FILES:
            return None
        return self.update(progress, encode=False)

    def follow(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Move on to the newest build, another process's too, and refresh what few files are stale.

        For servers, which stay open for long; problems of a refresh leave the index as it is. `look_seconds`
        as of `state`.
        """
        with self._lock:
            if self._searcher is not None and manifest_mark(self.root, self._outside) != self._mark:
                self._reopen()
            with suppress(Exception):
                self.refresh(look_seconds=look_seconds)

    def encode_in_background(self) -> None:
        """Have what has no vectors yet encoded by a process of low priority, which ends with this index.

        For what stays open; `follow` moves on to what it has published. Nothing is begun for
        ENCODE_QUIET_SECONDS after changes were read.
        """
        with self._lock:
            is_quiet = time.monotonic() - self._read_at >= ENCODE_QUIET_SECONDS
            if is_quiet and not self.is_encoding and self._engine.lacks_vectors:
                self._background = BackgroundBuild(self.root, self._outside)

    def note_build(self, report: BuildReport) -> None:
        """Take a build of this index that has just ended for a look at the disk, kept as long as any is."""
        with self._lock:
            self._state = index_state(self._engine, StaleFiles())
            self._state_at = time.monotonic() - report.elapsed_seconds

    @property
    def is_encoding(self) -> bool:
        """Whether what has no vectors is being encoded, by this object or its background build."""
        return self._n_updates > 0 or (self._background is not None and self._background.is_running)

    def stop_encoding(self) -> bool:
        """End a background build of this index, so that another may write; whether there was one."""
        with self._lock:
            background, self._background = self._background, None
        if background is None:
            return False
        was_running = background.is_running
        background.stop()
        return was_running

    def close(self) -> None:
        """Let go of the index's files. Further calls raise InputError."""
        self.stop_encoding()
        with self._lock:
            searcher, self._searcher = self._searcher, None
        if searcher is not None:
            searcher.close()

    @property
    def _engine(self) -> Searcher:
        """Raises InputError once the index is closed."""
        if self._searcher is None:
            raise InputError("This index is closed; open it again.")
        return self._searcher

    def _reopen(self) -> None:
        from indexer.search import Searcher

        mark = manifest_mark(self.root, self._outside)
        fresh = Searcher.open(self.root, self._outside)
        old, self._searcher, self._state, self._mark = self._searcher, fresh, None, mark
        if old is not None:
            old.close()

    # --- asking ---

    @contextmanager
    def asked(self) -> Iterator[Searcher]:
        """The engine, for one question among several indexes: nothing else is asked meanwhile."""
        with self._lock:
            yield self._engine

    @contextmanager
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> Iterator[Question]:
        request = replace(request, paths=own_globs(request.paths, self.root))
        with self._lock:
            yield Question(request, self._engine, self.state(), seen=seen)

    def similar(
        self,
        path: str,
        line: int | None = None,
        k: int = DEFAULT_K,
        budget_tokens: int | None = None,
        *,
        tokenizer: Tokenizer = None,
        seen: Seen | None = None,
        offset: int = 0,
    ) -> Findings:
        """Code like the symbol at `line` of an indexed file, or like the whole file without a line.

        `path` is relative to the index. Raises InputError for a file or line that is not indexed.
        """
        check_budget(budget_tokens)
        place = self.place(path)
        where, line = place.path, place.start_line if line is None else line
        shown = where if line is None else f"{where}:{line}"
        request = SearchRequest(shown, check_k(k), encode_seconds=DEFAULT_ENCODE_SECONDS)
        counter = counter_for(tokenizer)
        with self._lock:
            searcher = self._engine

            def ask(n_hits: int) -> SearchResult:
                return searcher.similar(where, line, n_hits, request.encode_seconds)

            question = Question(request, searcher, self.state(), ask=ask, seen=seen)
            return answering.find(question, counter, budget_tokens, check_offset(offset))

    # --- looking things up ---

    def status(self, look_seconds: float = 5.0) -> IndexStatus:
        """What the index holds, what it skipped and why, what is stale.

        `look_seconds` is how long it may look at the disk for what is stale; 0 for not at all. Raises
        IndexCorruptError where the index has lost what its build noted.
        """
        with self._lock:
            return self._engine.status(look_seconds)

    def state(self, look_seconds: float = LOOK_SECONDS) -> IndexState:
        """The short form of `status` that every answer carries.

        `look_seconds` is how long it may look at the disk; what it saw is kept for seconds. With 0 it is what
        the last look saw, however long ago, and not complete where there was none.
        """
        with self._lock:
            is_due = time.monotonic() - self._state_at > FRESHNESS_KEPT_SECONDS
            if self._state is None or (is_due and look_seconds > 0):
                looked = self._engine.freshness(look_seconds) if look_seconds > 0 else _NOT_LOOKED
                self._state = index_state(self._engine, looked)
                self._state_at = time.monotonic() if look_seconds > 0 else -math.inf
            known = self._state
            is_encoding = self.is_encoding or (
                known.n_encoded < known.n_chunks and self._engine.is_being_written
            )
            return replace(known, is_encoding=is_encoding)

    @property
    def looked_at(self) -> float:
        """When `state` looked at the disk, on the monotonic clock; minus infinity for never."""
        return self._state_at if self._state is not None else -math.inf

    def outline(self, path: str = "") -> list[OutlineEntry]:
        """Symbols of a file, or of all files of a folder; relative to the index, empty for all.

        Raises InputError for what is no indexed file and no folder of one.
        """
        prefix = self.place(path).path if path else ""

        def is_inside(path: str) -> bool:
            return not prefix or path == prefix or path.startswith(f"{prefix}/")

        with self._lock:
            entries = [entry for entry in self._engine.outline(prefix) if is_inside(entry.path)]
            if prefix and not entries and not any(map(is_inside, self._engine.paths())):
                raise InputError(not_indexed(prefix))
        return entries

    def place(self, text: str) -> Place:
        """The place that a text names, as `codesearch.request.place_of` reads it."""
        with self._lock:
            return place_of(text, self.root, frozenset(self._engine.paths()).__contains__)

    def paths(self) -> tuple[str, ...]:
        """Every indexed file."""
        with self._lock:
            return tuple(self._engine.paths())

    def read(self, path: str, start_line: int = 1, end_line: int | None = None) -> str:
        """Lines of an indexed file, as indexed; the disk is not touched.

        Raises InputError for a file that is not indexed or lines that it does not have.
        """
        place = self.place(path)
        if place.start_line is not None and (start_line, end_line) == (1, None):
            start_line, end_line = place.start_line, place.end_line
        with self._lock:
            text = self._engine.file_text(place.path)
            is_here = text is None or self._engine.has_text(place.path)
        if not is_here:
            from indexer.search import text_not_here

            raise InputError(text_not_here(place.path))
        if text is None:
            raise InputError(not_indexed(path))
        lines = split_lines(text)
        last = len(lines) if end_line is None else min(end_line, len(lines))
        if start_line < 1 or start_line > last:
            raise InputError(f"{path} has lines 1 to {len(lines)}; {start_line} to {last} is out of range.")
        return "".join(lines[start_line - 1 : last])


def _outside(state: str | Path | None) -> Path | None:
    return None if state is None else expand_user(state).resolve()
