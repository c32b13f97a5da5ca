"""From a checked request to findings: asks the engine for enough hits, cuts them, fills the budget.

What `CodeIndex.find`, `similar`, `context` and `files` have in common. Holds no state and takes no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from codesearch.budget import fill
from codesearch.context import Context, build_context
from codesearch.counting import NamedCounter, remembering
from codesearch.drafts import CONTEXT_LIMITS, DEFAULT_LIMITS, Draft, PassageLimits, search_limits
from codesearch.explain import NO_WORDS, explain_empty, stale_note
from codesearch.findings import Filters, Findings, IndexState
from codesearch.passages import Drafts, draft_passages
from codesearch.seen import Seen
from indexer.records import SearchRequest

if TYPE_CHECKING:
    from indexer.search import Searcher, SearchResult
    from indexer.status import IndexStatus

_CONTEXT_HITS = 60
"""Hits that a context block starts from; more are asked for while its budget is not full."""
_JOINED_HITS = 40
"""Hits that a few long passages start from: those that make none of their own may belong to one."""
MOST_HITS = 400


@dataclass(slots=True)
class Question:
    """A request, put to an engine as often as it takes to get enough hits."""

    request: SearchRequest
    searcher: Searcher
    state: IndexState
    ask: Callable[[int], SearchResult] | None = None
    """The engine's answer for a number of hits; None: its search."""
    seen: Seen | None = None
    truncated: bool = field(default=False, init=False)
    """The engine ran out of time on an answer."""
    has_words: bool = field(default=True, init=False)
    """An indexed text holds a word of the query."""

    def drafts(
        self,
        k: int,
        wants_more: Callable[[Sequence[Draft]], bool],
        first: int | None = None,
        limits: PassageLimits = DEFAULT_LIMITS,
    ) -> Drafts:
        """Drafts of up to `k` passages; merged and duplicate hits cost passages, so more may be asked for."""
        n_hits = first or (_JOINED_HITS if limits.reach_lines else k + k // 2 + 5)
        while True:
            n_hits = min(n_hits, MOST_HITS)
            result = self.ask(n_hits) if self.ask else self.searcher.search(replace(self.request, k=n_hits))
            self.truncated, self.has_words = result.truncated, result.has_words
            skip = self.seen.covers if self.seen is not None else None
            explain = partial(self.searcher.explain, result)
            drafts = draft_passages(
                result.hits, self.searcher, k=k, limits=limits, skip=skip, explain=explain
            )
            if not wants_more(drafts.kept) or len(result.hits) < n_hits or n_hits == MOST_HITS:
                return drafts
            n_hits *= 4

    def notes(self, drafts: Drafts) -> tuple[str, ...]:
        """Sentences for a person: why nothing was found or little fits, what is stale, what was cut."""
        notes = []
        if not drafts.kept:
            if any(omitted.reason == "seen" for omitted in drafts.dropped):
                notes.append("Everything that answers was shown before; leave --seen out to see it again.")
            else:
                notes.extend(explain_empty(self.request, self.state, self.searcher.paths()))
        elif not self.has_words:
            notes.append(NO_WORDS)
        if self.truncated:
            notes.append("The regular expression took too long; files after its time limit were left out.")
        return (*notes, *stale_note(self.state))

    def stale(self, drafts: Sequence[Draft]) -> frozenset[str]:
        """Those files of an answer whose indexed text is not what is on disk now.

        The look at the whole tree behind `state` may be seconds old or unfinished; what is shown is looked
        at again.
        """
        return self.searcher.stale_among({draft.file.path for draft in drafts})


@dataclass(frozen=True, slots=True)
class ContextDrafts:
    """What a context block is made from."""

    drafts: tuple[Draft, ...]
    stale: frozenset[str]
    """Files whose indexed text is not what is on disk."""
    notes: tuple[str, ...]


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
        notes = (f"There are only {len(drafts.kept)} passages; start from an earlier one.", *notes)
    elif page and not filled.passages:
        notes = (f"No passage fits into {budget_tokens} tokens; raise the budget.", *notes)
    if question.seen is not None:
        question.seen.add(filled.passages, page)
    return Findings(
        query=request.query,
        mode=request.mode,
        passages=filled.passages,
        index=question.state,
        tokenizer=counter.name,
        filters=Filters(request.languages, request.paths, request.regex, request.kinds),
        budget_tokens=budget_tokens,
        omitted=(*filled.omitted, *drafts.dropped),
        notes=notes,
        elapsed_seconds=time.monotonic() - started,
    )


def context_drafts(question: Question, counter: NamedCounter, budget_tokens: int) -> Drafts:
    """Drafts enough to fill a context block."""

    def wants_more(kept: Sequence[Draft]) -> bool:
        return sum(draft.passage(counter).n_tokens for draft in kept) < budget_tokens

    return question.drafts(MOST_HITS, wants_more, first=_CONTEXT_HITS, limits=CONTEXT_LIMITS)


def make_context(question: Question, counter: NamedCounter, budget_tokens: int, form: str) -> Context:
    """The fullest context block within the budget."""
    counter = remembering(counter)
    drafts = context_drafts(question, counter, budget_tokens)
    context = build_context(
        question.request.query,
        drafts.kept,
        counter,
        budget_tokens,
        form=form,
        stale=question.stale(drafts.kept),
        notes=question.notes(drafts),
    )
    if question.seen is not None:
        question.seen.add(context.passages, drafts.kept)
    return replace(context, omitted=(*context.omitted, *drafts.dropped))


def index_state(status: IndexStatus) -> IndexState:
    """The short form of a status that every answer carries."""
    return IndexState(
        commit=status.commit or None,
        n_files=status.n_files,
        n_chunks=status.n_chunks,
        changed=tuple(status.stale.changed),
        added=tuple(status.stale.added),
        deleted=tuple(status.stale.deleted),
        n_skipped=len(status.skipped),
        complete=status.stale.complete,
    )
