"""From a checked request to findings: asks the engine for enough hits, cuts them, fills the budget.

What `CodeIndex.find`, `similar`, `context` and `files` have in common. Holds no state and takes no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol, cast

from codesearch.answers.budget import fill
from codesearch.answers.counting import NamedCounter, remembering
from codesearch.answers.drafts import Draft
from codesearch.answers.explain import (
    NO_WORDS,
    WEAK,
    below_note,
    explain_empty,
    missing_note,
    stale_note,
    unmatched_note,
    unread_note,
    used_note,
)
from codesearch.answers.findings import Findings, IndexState
from codesearch.answers.literals import literals_of
from codesearch.answers.passage_limits import DEFAULT_LIMITS, PassageLimits, search_limits
from codesearch.answers.passages import Drafts, PassageSource, draft_passages
from codesearch.answers.seen import Seen
from indexer.light_dataclasses import dataclass
from indexer.records import Hit, Mode, QueryUsed, SearchRequest, StaleFiles, full_path
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.records import MissingVectors
    from indexer.search import Searcher
    from indexer.search_steps import SearchResult

_JOINED_HITS = 40
"""Hits that a few long passages start from: those that make none of their own may belong to one."""
MOST_HITS = 400


class Ranker(Protocol):
    """What finds hits: `Searcher` and `Together`."""

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request that was checked."""
        ...

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit of a result with its matches."""
        ...

    def paths(self) -> tuple[str, ...]:
        """Every indexed file."""
        ...


class Source(PassageSource, Protocol):
    """Where the hits of one index are read: its `Searcher`."""

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of a few indexed paths whose file is not what was indexed."""
        ...


@dataclass(slots=True)
class Question:
    """A request, put to an engine once; as many of the hits are taken as it takes to fill the answer."""

    request: SearchRequest
    searcher: Ranker
    state: IndexState
    ask: Callable[[int], SearchResult] | None = None
    """The engine's answer, of so many hits at first; None: its search."""
    seen: Seen | None = None
    sources: Mapping[str, Source] | None = None
    """Where hits are read, by their repository; None: from the searcher."""
    remarks: tuple[str, ...] = ()
    """What is to be said of the indexes, whatever the answer is."""
    truncated: bool = field(default=False, init=False)
    """The engine ran out of time on an answer."""
    has_words: bool = field(default=True, init=False)
    """An indexed text holds a word of the query."""
    is_weak: bool = field(default=False, init=False)
    """Little of the query is in the index."""
    confidence: float = field(default=0.0, init=False)
    """Of the best hit, whatever the threshold."""
    used: QueryUsed | None = field(default=None, init=False)
    """What counted of a query that is too long to count whole."""
    missing: MissingVectors | None = field(default=None, init=False)
    """What had no vectors when the answer was ranked."""

    def drafts(
        self,
        k: int,
        wants_more: Callable[[Sequence[Draft]], bool],
        first: int | None = None,
        limits: PassageLimits = DEFAULT_LIMITS,
    ) -> Drafts:
        """Drafts of up to `k` passages; merged and duplicate hits cost passages, so more may be taken."""
        n_hits = min(MOST_HITS, first or (_JOINED_HITS if limits.reach_lines else k + k // 2 + 5))
        result = self.ask(n_hits) if self.ask else self.searcher.search(replace(self.request, k=n_hits))
        self.truncated, self.has_words, self.used = result.truncated, result.has_words, result.used
        self.missing = result.missing
        n_missing = result.missing.n_chunks if result.missing is not None else 0
        self.state = replace(self.state, n_encoded=self.state.n_chunks - n_missing)
        skip = self.seen.covers if self.seen is not None else None
        explain = cache(partial(self.searcher.explain, result))
        literals = literals_of(self.request)
        hits = self._sure(result.hits)
        self.is_weak, self.confidence = result.is_weak, result.hits[0].confidence if result.hits else 0.0
        while True:
            drafts = draft_passages(
                hits, self._sources, k=k, limits=limits, skip=skip, explain=explain, literals=literals
            )
            if not wants_more(drafts.kept) or len(hits) < n_hits or n_hits == MOST_HITS:
                return drafts
            n_hits = min(MOST_HITS, 4 * n_hits)
            hits = self._sure(result.first(n_hits))

    def _sure(self, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        """Those as sure as the request wants them."""
        threshold = self.request.threshold
        return tuple(hit for hit in hits if hit.confidence >= threshold) if threshold else hits

    def notes(self, drafts: Drafts) -> tuple[str, ...]:
        """Sentences for a person: why nothing was found or little fits, what is stale, what was cut."""
        notes = []
        if not drafts.kept:
            if any(omitted.reason == "seen" for omitted in drafts.dropped):
                notes.append("Everything that answers was shown before; leave --seen out to see it again.")
            elif self.request.threshold and self.confidence:
                notes.append(below_note(self.request.threshold, self.confidence))
            else:
                notes.extend(explain_empty(self.request, self.state, self.searcher.paths()))
        elif self.request.paths:
            notes.extend(unmatched_note(self.request, self.searcher.paths()))
        notes.extend(unread_note(self.request, self.state))
        if drafts.kept and not self.has_words:
            notes.append(NO_WORDS)
        elif drafts.kept and self.is_weak:
            notes.append(WEAK)
        if self.truncated:
            notes.append("The regular expression took too long; files after its time limit were left out.")
        if self.missing is not None and self.missing.n_by_words and self.request.mode is not Mode.LEXICAL:
            notes.append(missing_note(self.missing, self.state))
        return (*self.remarks, *notes, *used_note(self.used), *stale_note(self.state))

    def stale(self, drafts: Sequence[Draft]) -> frozenset[str]:
        """Those files of an answer whose indexed text is not what is on disk now.

        The look at the whole tree behind `state` may be seconds old or unfinished; what is shown is looked
        at again.
        """
        wanted: dict[str, set[str]] = {}
        for draft in drafts:
            wanted.setdefault(draft.file.repository, set()).add(draft.file.path)
        return frozenset(
            full_path(name, path)
            for name, paths in wanted.items()
            for path in self._sources[name].stale_among(paths)
        )

    @property
    def _sources(self) -> Mapping[str, Source]:
        return self.sources if self.sources is not None else {"": cast("Source", self.searcher)}


def find(question: Question, counter: NamedCounter, budget_tokens: int | None, offset: int = 0) -> Findings:
    """The best passages after the first `offset`, with all that surrounds them."""
    started = time.monotonic()
    request, k = question.request, question.request.k + offset
    limits = search_limits(request.k, budget_tokens)
    drafts = question.drafts(k, lambda kept: len(kept) < k, limits=limits)
    page = drafts.kept[offset:]
    filled = fill(page, remembering(counter), budget_tokens, stale=question.stale(page))
    notes = question.notes(drafts)
    if drafts.kept and not page:
        are = "is" if len(drafts.kept) == 1 else "are"
        notes = (
            f"There {are} only {counted(len(drafts.kept), 'passage')}; start from an earlier one.",
            *notes,
        )
    elif page and not filled.passages and budget_tokens is not None:
        notes = (f"No passage fits into {counted(budget_tokens, 'token')}; raise the budget.", *notes)
    if question.seen is not None:
        question.seen.add(filled.passages, page)
    return Findings(
        request=request,
        passages=filled.passages,
        index=question.state,
        tokenizer=counter.name,
        budget_tokens=budget_tokens,
        omitted=(*filled.omitted, *drafts.dropped),
        notes=notes,
        query_used=question.used,
        is_weak=question.is_weak,
        elapsed_seconds=time.monotonic() - started,
    )


def index_state(searcher: Searcher, stale: StaleFiles) -> IndexState:
    """What every answer carries of the state of its index, of which a look at the disk found this stale."""
    facts = searcher.facts
    return IndexState(
        commit=facts.commit or None,
        n_files=facts.n_files,
        n_chunks=facts.n_chunks,
        n_encoded=searcher.n_encoded,
        changed=tuple(stale.changed),
        added=tuple(stale.added),
        deleted=tuple(stale.deleted),
        n_skipped=searcher.n_skipped,
        complete=stale.complete,
        has_text=facts.has_text,
    )
