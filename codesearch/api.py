"""`CodeIndex`: the Python API, and what every front end calls. Thin: the engine searches, `passages.py` cuts.

    with CodeIndex.build("repo") as index:
        index.search("how are routes registered")            # list of passages
        index.context("how are routes registered").text      # a block for a prompt

Methods may be called from several threads; they take turns. No printing, no flags, no environment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack

from codesearch.answers import answering
from codesearch.answers.answering import MOST_HITS, Question, index_state
from codesearch.answers.counting import Tokenizer, counter_for
from codesearch.answers.drafts import Draft
from codesearch.answers.findings import Findings, IndexState, RankedFile, RankedFiles
from codesearch.answers.lines import split_lines
from codesearch.answers.seen import Seen
from codesearch.background import BackgroundBuild
from codesearch.context import Context, ContextDrafts, context_drafts, make_context
from codesearch.locate import build_index, find_root, manifest_mark
from codesearch.render.context_blocks import writers
from codesearch.request import (
    Filtering,
    Place,
    check_budget,
    check_k,
    check_offset,
    make_request,
    own_globs,
    place_of,
)
from indexer.errors import IndexMissingError, InputError
from indexer.records import BuildReport, Passage, ProgressCallback, SearchRequest
from indexer.settings import DEFAULT_BUDGET_TOKENS, DEFAULT_ENCODE_SECONDS, DEFAULT_K, BuildSettings

if TYPE_CHECKING:
    from indexer.records import OutlineEntry
    from indexer.search import Searcher, SearchResult
    from indexer.storage.status import IndexStatus

_FRESHNESS_SECONDS = 0.2
"""How long one look at the disk for stale files may take."""
_FRESHNESS_KEPT_SECONDS = 3.0
"""Searches within this time share one look at the disk."""
REFRESH_FILES = 50
"""With more stale files than this, a search does not bring the index up to date by itself."""


class CodeIndex:
    """An open index of one folder."""

    def __init__(self, root: Path, searcher: Searcher) -> None:
        self.root = root
        self._searcher: Searcher | None = searcher
        self._lock = threading.RLock()
        self._state: IndexState | None = None
        self._state_at = 0.0
        self._mark = manifest_mark(root)
        self._background: BackgroundBuild | None = None

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
    ) -> Self:
        """Index a folder, or bring its index up to date, and open it.

        `model` is short for `settings` with another model. Without both, an existing index keeps the
        settings it was built with. Raises what `indexer.build.build` raises.
        """
        build_index(root, model, progress, settings=settings, rebuild=rebuild)
        return cls.open(root)

    @classmethod
    def open(
        cls,
        root: str | Path = ".",
        *,
        build: Literal["words", "vectors"] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Open the index of a folder, or of the nearest folder above that has one.

        `build` makes one of the folder where there is none: `words` can be asked in seconds, with vectors
        for the candidates of each search; `vectors` encodes everything first. Raises InputError,
        IndexMissingError, IndexMismatchError, IndexCorruptError or CheckpointError, and what a build raises.
        """
        from indexer.search import Searcher

        try:
            folder = find_root(root)
        except IndexMissingError:
            if build is None:
                raise
            build_index(root, progress=progress, encode=build == "vectors")
            folder = find_root(root)
        return cls(folder, Searcher.open(folder))

    def update(self, progress: ProgressCallback | None = None, *, encode: bool = True) -> BuildReport:
        """Bring the index up to date with the disk, with the settings it was built with.

        Without `encode`, what is new can be found by its words, and gets vectors when a search names it.
        """
        from indexer.build import build

        with self._lock:
            settings = self._engine.settings
        report = build(self.root, settings, progress, encode=encode)
        with self._lock:
            self._reopen()
        return report

    def refresh(self, progress: ProgressCallback | None = None) -> BuildReport | None:
        """Read what few files are stale, without encoding; None where none or too many are."""
        state = self.state()
        if not 0 < state.n_stale <= REFRESH_FILES:
            return None
        return self.update(progress, encode=False)

    def follow(self) -> None:
        """Move on to the newest build, another process's too, and refresh what few files are stale.

        For servers, which stay open for long; problems of a refresh leave the index as it is.
        """
        with self._lock:
            if self._searcher is not None and manifest_mark(self.root) != self._mark:
                self._reopen()
            with suppress(Exception):
                self.refresh()

    def encode_in_background(self) -> None:
        """Have what has no vectors yet encoded by a process of low priority, which ends with this index.

        For what stays open; `follow` moves on to what it has published.
        """
        with self._lock:
            if not self.is_encoding and self._engine.n_encoded < self._engine.facts.n_chunks:
                self._background = BackgroundBuild(self.root)

    @property
    def is_encoding(self) -> bool:
        """Whether a background build of this index is running."""
        return self._background is not None and self._background.is_running

    def close(self) -> None:
        """Let go of the index's files. Further calls raise InputError."""
        with self._lock:
            searcher, self._searcher = self._searcher, None
            background, self._background = self._background, None
        if background is not None:
            background.stop()
        if searcher is not None:
            searcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _engine(self) -> Searcher:
        """Raises InputError once the index is closed."""
        if self._searcher is None:
            raise InputError("This index is closed; open it again.")
        return self._searcher

    def _reopen(self) -> None:
        from indexer.search import Searcher

        mark = manifest_mark(self.root)
        fresh = Searcher.open(self.root)
        old, self._searcher, self._state, self._mark = self._searcher, fresh, None, mark
        if old is not None:
            old.close()

    # --- asking ---

    def search(
        self,
        query: str | SearchRequest,
        k: int | None = None,
        *,
        budget_tokens: int | None = None,
        tokenizer: Tokenizer = None,
        seen: Seen | None = None,
        **filtering: Unpack[Filtering],
    ) -> list[Passage]:
        """The best passages for a question, best first; `find` gives the same with all that surrounds it.

        At most `k` passages (10), of at most `budget_tokens` tokens together as `tokenizer` counts them (see
        `codesearch.answers.counting`). The other keywords are `mode`, `languages`, `paths` (globs in
        .gitignore syntax, a leading `!` excludes), `regex` and `kinds`; filters are conjunctive. A
        `SearchRequest` brings all of these itself, and what is given beside it replaces its own. `seen`
        leaves out what it has been shown, and remembers this answer. Raises InputError for a request that
        cannot be served.
        """
        findings = self.find(
            query, k, budget_tokens=budget_tokens, tokenizer=tokenizer, seen=seen, **filtering
        )
        return list(findings.passages)

    def find(
        self,
        query: str | SearchRequest,
        k: int | None = None,
        *,
        budget_tokens: int | None = None,
        tokenizer: Tokenizer = None,
        seen: Seen | None = None,
        offset: int = 0,
        **filtering: Unpack[Filtering],
    ) -> Findings:
        """As `search`, with the state of the index, what was left out, and why nothing was found.

        `offset` passages are passed over, for the next page of an answer.
        """
        check_budget(budget_tokens)
        request = self._request(query, k, filtering)
        counter = counter_for(tokenizer)
        with self._lock:
            question = Question(request, self._engine, self.state(), seen=seen)
            return answering.find(question, counter, budget_tokens, check_offset(offset))

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

    def context(
        self,
        query: str | SearchRequest,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
        *,
        tokenizer: Tokenizer = None,
        format: str = "text",
        seen: Seen | None = None,
        **filtering: Unpack[Filtering],
    ) -> Context:
        """A block of cited passages for a prompt; its text has at most `budget_tokens` tokens.

        `format` is text, markdown, xml, json or messages. How many passages there are is the budget's
        affair: the `k` of a request does not count. Raises InputError.
        """
        check_budget(budget_tokens)
        writers(format)  # refuses an unknown one before anything is searched
        request = self._request(query, None, filtering)
        counter = counter_for(tokenizer)
        with self._lock:
            question = Question(request, self._engine, self.state(), seen=seen)
            return make_context(question, counter, budget_tokens, format)

    def drafts(
        self,
        query: str | SearchRequest,
        budget_tokens: int,
        *,
        tokenizer: Tokenizer = None,
        **filtering: Unpack[Filtering],
    ) -> ContextDrafts:
        """What a context block would be made from, best first, to be mixed with other indexes' drafts."""
        request = self._request(query, None, filtering)
        with self._lock:
            question = Question(request, self._engine, self.state())
            drafts = context_drafts(question, counter_for(tokenizer), budget_tokens)
            return ContextDrafts(drafts.kept, question.stale(drafts.kept), question.notes(drafts))

    def files(
        self, query: str | SearchRequest, k: int | None = None, **filtering: Unpack[Filtering]
    ) -> RankedFiles:
        """The best `k` files for a question (10), each once, best first; keywords as of `search`."""
        request = self._request(query, k, filtering)
        counter = counter_for(None)
        with self._lock:
            question = Question(request, self._engine, self.state())
            drafts = question.drafts(MOST_HITS, lambda kept: _n_files(kept) < request.k, first=4 * request.k)
            notes = question.notes(drafts)
        best: dict[str, Draft] = {}
        for draft in drafts.kept:
            best.setdefault(draft.file.path, draft)
        files = tuple(
            RankedFile(path, draft.hit.score, draft.file.language, draft.passage(counter))
            for path, draft in list(best.items())[: request.k]
        )
        return RankedFiles(request.query, request.mode, files, question.state, notes)

    # --- looking things up ---

    def status(self, look_seconds: float = 5.0) -> IndexStatus:
        """What the index holds, what it skipped and why, what is stale.

        `look_seconds` is how long it may look at the disk for what is stale; 0 for not at all. Raises
        IndexCorruptError where the index has lost what its build noted.
        """
        with self._lock:
            return self._engine.status(look_seconds)

    def state(self) -> IndexState:
        """The short form of `status` that every answer carries; a look at the disk is kept for seconds."""
        with self._lock:
            if self._state is None or time.monotonic() - self._state_at > _FRESHNESS_KEPT_SECONDS:
                self._state = index_state(self._engine, _FRESHNESS_SECONDS)
                self._state_at = time.monotonic()
            return self._state

    def outline(self, path: str = "") -> list[OutlineEntry]:
        """Symbols of a file, or of all files of a folder; relative to the index, empty for all."""
        prefix = self.place(path).path if path else ""
        with self._lock:
            entries = self._engine.outline(prefix)
        inside = prefix + "/"
        return [e for e in entries if not prefix or e.path == prefix or e.path.startswith(inside)]

    def place(self, text: str) -> Place:
        """The place that a text names, as `codesearch.request.place_of` reads it."""
        with self._lock:
            return place_of(text, self.root, frozenset(self._engine.paths()).__contains__)

    def _request(self, query: str | SearchRequest, k: int | None, filtering: Filtering) -> SearchRequest:
        request = make_request(query, k, **filtering)
        return replace(request, paths=own_globs(request.paths, self.root))

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
        if text is None:
            raise InputError(f"{path!r} is not an indexed file; `codesearch outline` lists what is.")
        lines = split_lines(text)
        last = len(lines) if end_line is None else min(end_line, len(lines))
        if start_line < 1 or start_line > last:
            raise InputError(f"{path} has lines 1 to {len(lines)}; {start_line} to {last} is out of range.")
        return "".join(lines[start_line - 1 : last])


def _n_files(drafts: Sequence[Draft]) -> int:
    return len({draft.file.path for draft in drafts})
