"""A context block for a language model: the best passages, cited, delimited, and within a budget.

The budget counts the finished text as it is printed, in every format: instructions, citations, fences and
escapes included. Passages stand in reading order (files by their best passage, then by line) and are
numbered in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from codesearch.answers.answering import MOST_HITS, Question
from codesearch.answers.budget import Filled, fill
from codesearch.answers.counting import NamedCounter, remembering
from codesearch.answers.drafts import Draft
from codesearch.answers.findings import Omitted
from codesearch.answers.passage_limits import CONTEXT_LIMITS
from codesearch.answers.passages import Drafts
from codesearch.render.context_blocks import chat_messages, writers
from indexer.light_dataclasses import dataclass
from indexer.records import Passage

_CONTEXT_HITS = 60
"""Hits that a context block starts from; more are asked for while its budget is not full."""
Shown = Callable[[Passage], Passage]
_ROUNDS = 5
"""Fillings tried; each starts from how far the last text was from the budget."""
_GOOD_SHARE = 0.98
"""A text that uses so much of the budget is not filled again."""


@dataclass(frozen=True, slots=True)
class Context:
    """Passages for a prompt, and what did not fit."""

    text: str
    """The block in the format asked for; empty where no passage fits."""
    passages: tuple[Passage, ...]
    """In the order of their citations: passage i is cited as [i + 1]."""
    n_tokens: int
    """Tokens of `text`, at most the budget."""
    omitted: tuple[Omitted, ...]
    query: str
    budget_tokens: int
    tokenizer: str
    """Name of the counter."""
    format: str
    notes: tuple[str, ...] = ()
    """Sentences for a person: what is stale, why nothing was found."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The block as chat messages, whatever `format` is: a system rule, then excerpts and question."""
        return chat_messages(self.query, self.passages)


@dataclass(frozen=True, slots=True)
class ContextDrafts:
    """What a context block is made from."""

    drafts: tuple[Draft, ...]
    """Best first and disjoint."""
    stale: frozenset[str] = frozenset()
    """Files whose indexed text is not what is on disk."""
    notes: tuple[str, ...] = ()
    """Sentences for a person."""


def build_context(
    query: str,
    material: ContextDrafts,
    counter: NamedCounter,
    budget_tokens: int,
    *,
    form: str = "text",
    first_number: int = 1,
    shown: Shown | None = None,
) -> Context:
    """The fullest block within the budget.

    `first_number` is the citation of the first passage, as it is counted; a conversation goes on counting.
    `shown` gives a passage the path that is cited. Raises InputError for an unknown format.
    """
    block, numbered_page = writers(form)
    drafts, notes = material.drafts, material.notes

    def page(query: str, passages: Sequence[Passage]) -> str:
        return numbered_page(query, passages if shown is None else list(map(shown, passages)), first_number)

    best: tuple[str, tuple[Passage, ...], int, Filled] | None = None
    room = budget_tokens - counter.count(page(query, ()))
    costs: dict[tuple[str, int, str], int] = {}

    def cost(passage: Passage) -> int:
        key = passage.full_path, passage.start_line, passage.text
        if key not in costs:
            costs[key] = counter.count(block(shown(passage) if shown else passage, first_number + 98))
        return costs[key]

    for _ in range(_ROUNDS):
        if room <= 0:
            break
        filled = fill(drafts, counter, room, stale=material.stale, cost=cost)
        passages = _reading_order(filled.passages)
        text = page(query, passages)
        n_tokens = counter.count(text) if passages else 0
        if passages and n_tokens <= budget_tokens and (best is None or n_tokens > best[2]):
            best = text, passages, n_tokens, filled
        spare = budget_tokens - n_tokens
        if not passages or _GOOD_SHARE * budget_tokens <= n_tokens <= budget_tokens:
            break
        if spare > 0 and not filled.omitted and not _any_cut(filled, drafts):
            break
        room += spare
    if best is None:
        omitted = tuple(draft.omitted("budget") for draft in drafts)
        return Context("", (), 0, omitted, query, budget_tokens, counter.name, form, notes)
    text, passages, n_tokens, filled = best
    return Context(text, passages, n_tokens, filled.omitted, query, budget_tokens, counter.name, form, notes)


def context_drafts(question: Question, counter: NamedCounter, budget_tokens: int) -> Drafts:
    """Drafts enough to fill a context block."""

    def wants_more(kept: Sequence[Draft]) -> bool:
        return sum(draft.passage(counter).n_tokens for draft in kept) < budget_tokens

    return question.drafts(MOST_HITS, wants_more, first=_CONTEXT_HITS, limits=CONTEXT_LIMITS)


def make_context(
    question: Question, counter: NamedCounter, budget_tokens: int, form: str, shown: Shown | None = None
) -> Context:
    """The fullest context block within the budget."""
    counter = remembering(counter)
    drafts = context_drafts(question, counter, budget_tokens)
    context = build_context(
        question.request.query,
        ContextDrafts(drafts.kept, question.stale(drafts.kept), question.notes(drafts)),
        counter,
        budget_tokens,
        form=form,
        shown=shown,
    )
    if question.seen is not None:
        question.seen.add(context.passages, drafts.kept)
    return replace(context, omitted=(*context.omitted, *drafts.dropped))


# --- order and measure -----------------------------------------------------------------------


def _reading_order(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Files in the order of their best passage, passages of a file by line."""
    rank: dict[str, int] = {}
    for passage in passages:
        rank.setdefault(passage.full_path, len(rank))
    return tuple(sorted(passages, key=lambda passage: (rank[passage.full_path], passage.start_line)))


def _any_cut(filled: Filled, drafts: Sequence[Draft]) -> bool:
    """Whether a passage was shortened, so that more room would show more of it."""
    whole = {(draft.file.full_path, draft.first): draft.last for draft in drafts}
    return any(
        whole.get((p.full_path, p.start_line)) != p.end_line or p.omitted_lines for p in filled.passages
    )
