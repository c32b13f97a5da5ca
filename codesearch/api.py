"""`CodeIndex`: the Python API, and what every front end calls. Thin: the engine searches, `passages.py` cuts.

    with CodeIndex.build("repo") as index:
        index.search("how are routes registered")            # list of passages
        index.context("how are routes registered").text      # a block for a prompt

Methods may be called from several threads; they take turns. No printing, no flags, no environment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Self

from codesearch.budget import fill
from codesearch.building import build_index, find_root, settings_of
from codesearch.context import Context, build_context, render_context
from codesearch.counting import Tokenizer, counter_for
from codesearch.drafts import Draft
from codesearch.explain import explain_empty, stale_note
from codesearch.findings import Filters, Findings, IndexState, Omitted
from codesearch.passages import Drafts, draft_passages
from codesearch.request import check_budget, check_k, make_request
from indexer.errors import InputError
from indexer.records import BuildReport, Mode, Passage, ProgressCallback, SearchRequest
from indexer.settings import BuildSettings

if TYPE_CHECKING:
    from indexer.search import IndexStatus, OutlineEntry, Searcher, SearchResult

CONTEXT_HITS = 40
_MOST_HITS = 400
_FRESHNESS_SECONDS = 0.2
"""How long one look at the disk for stale files may take."""
_FRESHNESS_KEPT_SECONDS = 3.0
"""Searches within this time share one look at the disk."""
REFRESH_FILES = 50
"""With more stale files than this, a search does not bring the index up to date by itself."""

_Ask = Callable[[int], "SearchResult"]
"""The engine's answer for a number of hits."""


@dataclass(frozen=True, slots=True)
class RankedFile:
    """A file as an answer."""

    path: str
    score: float
    language: str
    best: Passage
    """Its best passage."""


class CodeIndex:
    """An open index of one folder."""

    def __init__(self, root: Path, searcher: Searcher) -> None:
        self.root = root
        self._searcher: Searcher | None = searcher
        self._lock = threading.RLock()
        self._state: IndexState | None = None
        self._state_at = 0.0

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
    def open(cls, root: str | Path = ".") -> Self:
        """Open the index of a folder, or of the nearest folder above that has one.

        Raises InputError, IndexMissingError, IndexMismatchError, IndexCorruptError or CheckpointError.
        """
        from indexer.search import Searcher

        folder = find_root(root)
        return cls(folder, Searcher.open(folder))

    def update(self, progress: ProgressCallback | None = None) -> BuildReport:
        """Bring the index up to date with the disk, with the settings it was built with."""
        from indexer.build import build
        from indexer.search import Searcher

        report = build(self.root, settings_of(self.status()), progress)
        fresh = Searcher.open(self.root)
        with self._lock:
            old, self._searcher, self._state = self._searcher, fresh, None
        if old is not None:
            old.close()
        return report

    def refresh(self, progress: ProgressCallback | None = None) -> BuildReport | None:
        """Update if a few files are stale; None where none or too many are."""
        state = self.state()
        if not 0 < state.n_stale <= REFRESH_FILES:
            return None
        return self.update(progress)

    def close(self) -> None:
        """Let go of the index's files. Further calls raise InputError."""
        with self._lock:
            searcher, self._searcher = self._searcher, None
        if searcher is not None:
            searcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def engine(self) -> Searcher:
        """The engine behind this index. Raises InputError once the index is closed."""
        if self._searcher is None:
            raise InputError("This index is closed; open it again.")
        return self._searcher

    # --- asking ---

    def search(
        self,
        query: str,
        k: int = 10,
        mode: str | Mode = Mode.HYBRID,
        languages: Iterable[str] = (),
        paths: Iterable[str] = (),
        regex: str | None = None,
        kinds: Iterable[str] = (),
        budget_tokens: int | None = None,
        *,
        tokenizer: Tokenizer = None,
    ) -> list[Passage]:
        """The best passages for a question, best first; `find` gives the same with all that surrounds it.

        At most `k` passages, of at most `budget_tokens` tokens together as `tokenizer` counts them (see
        `codesearch.counting`). `paths` are globs in .gitignore syntax, a leading `!` excludes. Filters are
        conjunctive. Raises InputError for a request that cannot be served.
        """
        findings = self.find(
            query, k, mode, languages, paths, regex, kinds, budget_tokens, tokenizer=tokenizer
        )
        return list(findings.passages)

    def find(
        self,
        query: str,
        k: int = 10,
        mode: str | Mode = Mode.HYBRID,
        languages: Iterable[str] = (),
        paths: Iterable[str] = (),
        regex: str | None = None,
        kinds: Iterable[str] = (),
        budget_tokens: int | None = None,
        *,
        tokenizer: Tokenizer = None,
    ) -> Findings:
        """As `search`, with the state of the index, what was left out, and why nothing was found."""
        request = make_request(
            query, k=k, mode=mode, languages=languages, paths=paths, regex=regex, kinds=kinds
        )
        return self._findings(request, lambda n: self._search(request, n), budget_tokens, tokenizer)

    def similar(
        self,
        path: str,
        line: int | None = None,
        k: int = 10,
        budget_tokens: int | None = None,
        *,
        tokenizer: Tokenizer = None,
    ) -> Findings:
        """Code like the symbol at `line` of an indexed file, or like the whole file without a line.

        `path` is relative to the index. Raises InputError for a file or line that is not indexed.
        """
        check_k(k)
        where = PurePosixPath(path).as_posix()
        request = SearchRequest(query=where if line is None else f"{where}:{line}", k=k)
        return self._findings(
            request, lambda n: self.engine.similar(where, line, n), budget_tokens, tokenizer
        )

    def context(
        self,
        query: str,
        budget_tokens: int = 4000,
        *,
        tokenizer: Tokenizer = None,
        format: str = "text",
        mode: str | Mode = Mode.HYBRID,
        languages: Iterable[str] = (),
        paths: Iterable[str] = (),
        regex: str | None = None,
        kinds: Iterable[str] = (),
    ) -> Context:
        """A block of cited passages for a prompt; its text has at most `budget_tokens` tokens.

        `format` is text, markdown, xml, json or messages. Raises InputError.
        """
        check_budget(budget_tokens)
        render_context(format, query, ())
        request = make_request(
            query, k=CONTEXT_HITS, mode=mode, languages=languages, paths=paths, regex=regex, kinds=kinds
        )
        counter = counter_for(tokenizer)
        with self._lock:
            state = self.state()
            drafts = self._enough_drafts(
                lambda n: self._search(request, n),
                CONTEXT_HITS,
                lambda kept: sum(draft.passage(counter).n_tokens for draft in kept) < budget_tokens,
            )
            notes = self._notes(request, state, bool(drafts.kept))
        context = build_context(
            request.query,
            drafts.kept,
            counter,
            budget_tokens,
            form=format,
            stale=set(state.changed) | set(state.deleted),
            notes=notes,
        )
        return replace(context, omitted=(*context.omitted, *drafts.dropped))

    def files(
        self,
        query: str,
        k: int = 10,
        mode: str | Mode = Mode.HYBRID,
        languages: Iterable[str] = (),
        paths: Iterable[str] = (),
        regex: str | None = None,
        kinds: Iterable[str] = (),
    ) -> list[RankedFile]:
        """The best files for a question, each once, best first."""
        request = make_request(
            query, k=k, mode=mode, languages=languages, paths=paths, regex=regex, kinds=kinds
        )
        counter = counter_for(None)
        with self._lock:
            drafts = self._enough_drafts(
                lambda n: self._search(request, n), _MOST_HITS, lambda kept: _n_files(kept) < k, first=4 * k
            )
        best: dict[str, Draft] = {}
        for draft in drafts.kept:
            best.setdefault(draft.file.path, draft)
        return [
            RankedFile(path, draft.hit.score, draft.file.language, draft.passage(counter))
            for path, draft in list(best.items())[:k]
        ]

    # --- looking things up ---

    def status(self) -> IndexStatus:
        """What the index holds, what it skipped and why, what is stale."""
        with self._lock:
            return self.engine.status()

    def state(self) -> IndexState:
        """The short form of `status` that every answer carries; a look at the disk is kept for seconds."""
        with self._lock:
            if self._state is None or time.monotonic() - self._state_at > _FRESHNESS_KEPT_SECONDS:
                status = self.engine.status(_FRESHNESS_SECONDS)
                stale = status.stale
                self._state = IndexState(
                    commit=status.commit or None,
                    n_files=status.n_files,
                    n_chunks=status.n_chunks,
                    changed=tuple(stale.changed),
                    added=tuple(stale.added),
                    deleted=tuple(stale.deleted),
                    n_skipped=len(status.skipped),
                    complete=stale.complete,
                )
                self._state_at = time.monotonic()
            return self._state

    def outline(self, path: str = "") -> list[OutlineEntry]:
        """Symbols of a file, or of all files of a folder; relative to the index, empty for all."""
        where = PurePosixPath(path).as_posix() if path else ""
        prefix = "" if where == "." else where
        with self._lock:
            entries = self.engine.outline(prefix)
        inside = prefix + "/"
        return [e for e in entries if not prefix or e.path == prefix or e.path.startswith(inside)]

    def read(self, path: str, start_line: int = 1, end_line: int | None = None) -> str:
        """Lines of an indexed file, as indexed; the disk is not touched.

        Raises InputError for a file that is not indexed or lines that it does not have.
        """
        from codesearch.passages import split_lines

        with self._lock:
            text = self.engine.file_text(path)
        if text is None:
            raise InputError(f"{path!r} is not an indexed file; `codesearch outline` lists what is.")
        lines = split_lines(text)
        last = len(lines) if end_line is None else min(end_line, len(lines))
        if start_line < 1 or start_line > last:
            raise InputError(f"{path} has lines 1 to {len(lines)}; {start_line} to {last} is none of it.")
        return "".join(lines[start_line - 1 : last])

    # --- inside ---

    def _search(self, request: SearchRequest, n_hits: int) -> SearchResult:
        return self.engine.search(replace(request, k=n_hits))

    def _findings(
        self, request: SearchRequest, ask: _Ask, budget_tokens: int | None, tokenizer: Tokenizer
    ) -> Findings:
        started = time.monotonic()
        check_budget(budget_tokens)
        counter = counter_for(tokenizer)
        with self._lock:
            state = self.state()
            drafts = self._enough_drafts(ask, request.k, lambda kept: len(kept) < request.k)
            stale = set(state.changed) | set(state.deleted)
            filled = fill(drafts.kept, counter, budget_tokens, stale=stale)
            notes = self._notes(request, state, bool(drafts.kept))
        if drafts.kept and not filled.passages:
            notes = (*notes, f"No passage fits into {budget_tokens} tokens; raise the budget.")
        omitted: tuple[Omitted, ...] = (*filled.omitted, *drafts.dropped)
        return Findings(
            query=request.query,
            mode=request.mode,
            passages=filled.passages,
            index=state,
            tokenizer=counter.name,
            filters=Filters(request.languages, request.paths, request.regex, request.kinds),
            budget_tokens=budget_tokens,
            omitted=omitted,
            notes=notes,
            elapsed_seconds=time.monotonic() - started,
        )

    def _enough_drafts(
        self, ask: _Ask, k: int, wants_more: Callable[[Sequence[Draft]], bool], *, first: int | None = None
    ) -> Drafts:
        """Drafts of up to `k` passages; merged and duplicate hits cost passages, so more may be asked for."""
        n_hits = first or (k + k // 2 + 5)
        while True:
            n_hits = min(n_hits, _MOST_HITS)
            result = ask(n_hits)
            drafts = draft_passages(result.hits, self.engine, k=k)
            if not wants_more(drafts.kept) or len(result.hits) < n_hits or n_hits == _MOST_HITS:
                return drafts
            n_hits *= 4

    def _notes(self, request: SearchRequest, state: IndexState, found: bool) -> tuple[str, ...]:
        notes = [] if found else explain_empty(request, state, self.engine.paths())
        return (*notes, *stale_note(state))


def _n_files(drafts: Sequence[Draft]) -> int:
    return len({draft.file.path for draft in drafts})
