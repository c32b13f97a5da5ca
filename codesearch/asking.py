"""The questions that one index and several answer alike; how they are put to the engine is each one's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Unpack

from codesearch.answers import answering
from codesearch.answers.answering import MOST_HITS, Question
from codesearch.answers.counting import Tokenizer, counter_for
from codesearch.answers.drafts import Draft
from codesearch.answers.findings import Findings, RankedFile, RankedFiles
from codesearch.answers.seen import Seen
from codesearch.context import Context, ContextDrafts, Shown, context_drafts, make_context
from codesearch.render.context_blocks import writers
from codesearch.request import Filtering, check_budget, check_offset, make_request
from indexer.records import Passage, SearchRequest
from indexer.search_defaults import DEFAULT_BUDGET_TOKENS


class Asking(ABC):
    """What can be asked a question in words."""

    @abstractmethod
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> AbstractContextManager[Question]:
        """The question of a checked request, to be asked within the context."""

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
        .gitignore syntax, a leading `!` excludes), `regex` and `kinds`; filters are conjunctive. Passages
        below a `threshold` of confidence (0 to 1) are left out. A `SearchRequest` brings all of these itself,
        and what is given beside it replaces its own. `seen` leaves out what it has been shown, and remembers
        this answer. Raises InputError for a request that cannot be served.
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
        request = make_request(query, k, **filtering)
        counter = counter_for(tokenizer)
        with self._question(request, seen) as question:
            return answering.find(question, counter, budget_tokens, check_offset(offset))

    def context(
        self,
        query: str | SearchRequest,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
        *,
        tokenizer: Tokenizer = None,
        format: str = "text",
        seen: Seen | None = None,
        shown: Shown | None = None,
        **filtering: Unpack[Filtering],
    ) -> Context:
        """A block of cited passages for a prompt; its text has at most `budget_tokens` tokens.

        `format` is text, markdown, xml, json or messages. How many passages there are is the budget's
        affair: the `k` of a request does not count. `shown` gives a passage the path that the block cites,
        where that is not its own. Raises InputError.
        """
        check_budget(budget_tokens)
        writers(format)  # refuses an unknown one before anything is searched
        request = make_request(query, **filtering)
        counter = counter_for(tokenizer)
        with self._question(request, seen) as question:
            return make_context(question, counter, budget_tokens, format, shown)

    def drafts(
        self,
        query: str | SearchRequest,
        budget_tokens: int,
        *,
        tokenizer: Tokenizer = None,
        **filtering: Unpack[Filtering],
    ) -> ContextDrafts:
        """What a context block would be made from, best first, to be mixed with other indexes' drafts."""
        request = make_request(query, **filtering)
        with self._question(request) as question:
            drafts = context_drafts(question, counter_for(tokenizer), budget_tokens)
            return ContextDrafts(drafts.kept, question.stale(drafts.kept), question.notes(drafts))

    def files(
        self, query: str | SearchRequest, k: int | None = None, **filtering: Unpack[Filtering]
    ) -> RankedFiles:
        """The best `k` files for a question (10), each once, best first; keywords as of `search`."""
        request = make_request(query, k, **filtering)
        counter = counter_for(None)
        with self._question(request) as question:
            drafts = question.drafts(MOST_HITS, lambda kept: _n_files(kept) < request.k, first=4 * request.k)
            notes = question.notes(drafts)
        best: dict[str, Draft] = {}
        for draft in drafts.kept:
            best.setdefault(draft.file.full_path, draft)
        files = tuple(
            RankedFile(draft.file.path, draft.hit.score, draft.file.language, draft.passage(counter))
            for draft in list(best.values())[: request.k]
        )
        return RankedFiles(request.query, request.mode, files, question.state, notes)


def _n_files(drafts: Sequence[Draft]) -> int:
    return len({draft.file.full_path for draft in drafts})
