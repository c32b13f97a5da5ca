"""Fits drafts into a token budget: exact, best first, the last one cut down to what is left.

Tokens are counted on the finished text and never estimated. No searching, no rendering: what a passage
costs is the caller's function, so that a list of passages and a context block share one way of filling.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from codesearch.answers.counting import TokenCounter
from codesearch.answers.drafts import Draft
from codesearch.answers.findings import Omitted
from indexer.light_dataclasses import dataclass
from indexer.records import Passage

_LEAST_TOKENS = 4
"""With less than this left, no passage is tried."""
_FAILED_CUTS = 6
"""After so many passages of which not even a line fitted, only whole ones are tried."""
_MORE_LINES = 3
"""Lines tried beyond the first that did not fit: a line can replace a mark and make a text shorter."""

Cost = Callable[[Passage], int]


@dataclass(frozen=True, slots=True)
class Filled:
    """Passages that fit, best first, and those that did not."""

    passages: tuple[Passage, ...]
    omitted: tuple[Omitted, ...]


def fill(
    drafts: Sequence[Draft],
    counter: TokenCounter,
    budget_tokens: int | None,
    *,
    stale: Collection[str] = (),
    cost: Cost = lambda passage: passage.n_tokens,
) -> Filled:
    """Take drafts in order while they fit; cut the one that does not down to the room that is left.

    `budget_tokens` None takes all. `stale` names files whose passages are marked as such. The sum of
    `cost` over the passages returned is at most the budget.
    """
    passages: list[Passage] = []
    omitted: list[Omitted] = []
    left = budget_tokens
    n_failed = 0
    for draft in drafts:
        if left is not None and left < _LEAST_TOKENS:
            omitted.append(draft.omitted("budget"))
            continue
        is_stale = draft.file.full_path in stale
        passage: Passage | None = draft.passage(counter, stale=is_stale)
        if left is not None and passage is not None and cost(passage) > left:
            passage = None
            if n_failed < _FAILED_CUTS:
                passage = _cut_to(draft, counter, left, is_stale, cost)
                n_failed += passage is None
        if passage is None:
            omitted.append(draft.omitted("budget"))
            continue
        passages.append(passage)
        if left is not None:
            left -= cost(passage)
    return Filled(tuple(passages), tuple(omitted))


def _cut_to(draft: Draft, counter: TokenCounter, room: int, stale: bool, cost: Cost) -> Passage | None:
    """The largest part of a draft around its match that costs at most `room`; None where no line fits.

    Where the mark for what follows leaves no room for a line, the passage simply ends.
    """
    order = draft.by_importance()
    for keep_end in (True, False):

        def part(n_lines: int, keep_end: bool = keep_end) -> Passage:
            return draft.keeping(order[:n_lines], keep_end=keep_end).passage(counter, stale=stale)

        best = part(1)
        if cost(best) > room or not _shows_a_line(best):
            continue
        low, high = 1, len(order)  # the first `low` lines fit, the first `high` do not
        while high - low > 1:
            middle = (low + high) // 2
            candidate = part(middle)
            if cost(candidate) <= room:
                low, best = middle, candidate
            else:
                high = middle
        for n_lines in range(high, min(high + _MORE_LINES, len(order))):
            candidate = part(n_lines)
            if cost(candidate) <= room:
                best = candidate
        return best
    return None


def _shows_a_line(passage: Passage) -> bool:
    n_omitted = sum(last - first + 1 for first, last in passage.omitted_lines)
    return passage.end_line - passage.start_line + 1 > n_omitted
