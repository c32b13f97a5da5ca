"""Shards that are open elsewhere, asked as indexes that are open here: `search_steps.py` does not know.

`Calls` carries a call to a group of shards; one call a group and step, to all groups at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import reduce
from operator import add
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import numpy as np

from indexer.cluster.replica import Narrowed, Refused, RemoteAsked, ShardFacts
from indexer.errors import CodesearchError, InputError
from indexer.fan_out import Counted, FanOut, FoundRows, Index, LookingUp, Pick, words_for
from indexer.light_dataclasses import dataclass
from indexer.models.tokens import ChunkTokenizer
from indexer.open_generation import OpenGeneration, hits_at
from indexer.open_model import open_model
from indexer.records import Hit, Int64Array, Mode, QueryVectors, SearchRequest
from indexer.retrieve.candidates import (
    LEXICAL_REGIONS,
    SINGLE_ROWS,
    SYMBOL_SPANS,
    Asked,
    LookedUp,
    Nominations,
)
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.several_indexes import Part
from indexer.storage.manifest import Manifest
from indexer.storage.postings import BestRows
from indexer.vectors.base import BestScores, top_k

Wait = Callable[[], Any]


class GroupGoneError(CodesearchError):
    """Groups of shards that did not answer, or not in time."""

    def __init__(self, groups: Iterable[str]) -> None:
        self.groups = tuple(groups)
        super().__init__(f"The shards of {', '.join(self.groups)} do not answer", "ask again later.")


class Calls(Protocol):
    """Carries calls to groups of shards; a wait raises GroupGoneError."""

    def begin(self, group: str, method: str, arguments: Sequence[Any]) -> Wait:
        """Send a call, and return what waits for its answer."""
        ...

    def encode(self, text: str) -> QueryVectors:
        """The vectors of a query. Raises CodesearchError."""
        ...


def wait_all(waits: Mapping[str, Wait]) -> dict[str, Any]:
    """Answers by group. Raises GroupGoneError with all that are gone, and the error that an answer is."""
    answers: dict[str, Any] = {}
    gone: list[str] = []
    for group, wait in waits.items():
        try:
            answers[group] = wait()
        except GroupGoneError as error:
            gone.extend(error.groups)
    if gone:
        raise GroupGoneError(gone)
    for each in answers.values():
        if isinstance(each, Refused):
            raise each.error
    return answers


@dataclass(slots=True)
class RemoteMasks:
    """The request for a shard, in place of what it lets through there."""

    request: SearchRequest
    timed_out: bool = False

    @property
    def regions(self) -> object | None:
        """None where everything passes, as of `Masks`."""
        r = self.request
        is_open = not (r.languages or r.paths or r.kinds or r.regex) and r.files is None
        return None if is_open else self


class RemoteShard:
    """What a search asks of an open index, of one that is elsewhere. Knows what `ShardFacts` says."""

    def __init__(self, facts: ShardFacts, group: str, calls: Calls) -> None:
        self.facts = facts
        self.group = group
        self._calls = calls
        self.tables = SimpleNamespace(n_rows=facts.n_rows, lacks_vectors=np.zeros(0, bool))
        self.gatherer = SimpleNamespace(
            has_row_index=facts.has_row_index, n_rows=int(facts.n_rows.sum()), words_of=self._words_of
        )
        self.query_encoder = SimpleNamespace(encode=calls.encode)

    @property
    def manifest(self) -> Manifest:
        """Of the shard."""
        return self.facts.manifest

    @property
    def root(self) -> Path:
        """The folder that was indexed, by its name alone."""
        return self.facts.root

    @property
    def n_regions(self) -> int:
        """Regions of all chunks."""
        return self.facts.n_regions

    @property
    def tokenizer(self) -> ChunkTokenizer:
        """The model's. Raises InputError where another one has its name here."""
        model = open_model(self.manifest.model, self.manifest.model_fingerprint)
        if model is None:
            raise InputError(
                f"The shards were built with another version of the model {self.manifest.model} than is here;"
                " install the same on every machine."
            )
        # Held as long as the calls are: models are let go with their last user.
        held = vars(self).setdefault("_model", model)
        tokenizer: ChunkTokenizer = held.tokenizer
        return tokenizer

    def check_mode(self, mode: Mode) -> None:
        """As of `OpenGeneration`. Raises InputError."""
        if mode not in self.facts.makes:
            raise InputError(
                f"The model of this index, {self.manifest.model}, makes no vectors for mode {mode};"
                " use hybrid."
            )

    def masks(self, request: SearchRequest) -> RemoteMasks:
        """What stands for the masks of a request."""
        return RemoteMasks(request)

    def missing(self) -> None:
        """Nothing: what a job has finished has all its vectors."""

    def _words_of(self, shape: QueryShape, mode: Mode) -> tuple[str, ...]:
        by_words = mode in (Mode.HYBRID, Mode.LEXICAL)
        return shape.words if by_words or not self.facts.has_single or not self.facts.is_whole else ()


@dataclass(frozen=True, slots=True)
class RemoteLookedUp:
    """What full text found in a shard, of which this end needs to know whether it is anything."""

    found: FoundRows

    @property
    def finds_words(self) -> bool:
        """As of `LookedUp`."""
        return len(self.found.regions.row_ids) > 0


@dataclass(slots=True)
class RemoteFanOut(FanOut):
    """Questions to shards in several groups: a call a group, all groups at once."""

    calls: Calls
    n_rounds: int = field(default=0, init=False)
    """Times that all groups were waited for."""

    def counts(self, generations: Iterable[OpenGeneration], stems: Iterable[str]) -> dict[str, int]:
        """As of `FanOut`."""
        wanted = sorted(stems)
        groups: dict[str, list[str]] = {}
        for each in cast("Iterable[RemoteShard]", generations):
            groups.setdefault(each.group, []).append(each.facts.name)
        answers = self._round({group: ("counts", (names, wanted)) for group, names in groups.items()})
        return {word: sum(each[word] for each in answers.values()) for word in wanted}

    def looking_up(self, shape: QueryShape, mode: Mode, indexes: Sequence[Index]) -> LookingUp:
        """As of `FanOut`."""
        words = words_for(shape, mode, indexes)
        every = max(words, key=len)
        groups = _groups(indexes)
        waits = {
            group: self.calls.begin(group, "count", (_narrowed(indexes, at), shape, every))
            for group, at in groups.items()
        }

        def looked_up() -> tuple[list[LookedUp], dict[str, int]]:
            self.n_rounds += 1
            known: Counted = reduce(add, wait_all(waits).values())
            rows = self._spread(
                groups,
                "find_rows",
                lambda at: (_narrowed(indexes, at), shape, mode, known.statistics),
            )
            best = _best_together(rows, [index.masks.regions is None for index in indexes])
            return [cast(LookedUp, RemoteLookedUp(each)) for each in best], known.n_with

        return looked_up

    def nominate(
        self, indexes: Sequence[Index], asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode
    ) -> list[Nominations]:
        """As of `FanOut`."""
        found: list[Nominations] = self._spread(
            _groups(indexes),
            "nominate",
            lambda at: (_narrowed(indexes, at), _travelling(asked, at), vectors, mode),
        )
        best = BestScores(SINGLE_ROWS)
        for each in found:
            if each.single is not None:
                best.add(each.single.score)
        return [each.of_at_least(best.least) for each in found]

    def gather(
        self,
        indexes: Sequence[Index],
        asked: Sequence[Asked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array] | None,
    ) -> list[Part]:
        """As of `FanOut`."""
        found = self._spread(
            _groups(indexes),
            "gather",
            lambda at: (
                _narrowed(indexes, at),
                _travelling(asked, at),
                vectors,
                mode,
                None if chunks is None else [chunks[n] for n in at],
            ),
        )
        for index, (_, timed_out) in zip(indexes, found, strict=True):
            cast("RemoteMasks", index.masks).timed_out = timed_out
        return [part for part, _ in found]

    def hits(self, picks: Sequence[Pick], k: int) -> list[tuple[Hit, ...]]:
        """As of `FanOut`."""
        tops = [pick.ranked.order[:k] for pick in picks]
        indexes = [pick.index for pick in picks]
        places = self._spread(
            _groups(indexes),
            "places",
            lambda at: (
                [indexes[n].name for n in at],
                [(picks[n].gathered.chunk[tops[n]], picks[n].gathered.region[tops[n]]) for n in at],
            ),
        )
        return [hits_at(own, pick.gathered, pick.ranked) for own, pick in zip(places, picks, strict=True)]

    def _round(self, asked: Mapping[str, tuple[str, Sequence[Any]]]) -> dict[str, Any]:
        self.n_rounds += 1
        return wait_all({group: self.calls.begin(group, *call) for group, call in asked.items()})

    def _spread(
        self, groups: Mapping[str, list[int]], method: str, arguments: Callable[[list[int]], Sequence[Any]]
    ) -> list[Any]:
        """One answer an index, in their order, of calls that give one for each index of a group."""
        answers = self._round({group: (method, arguments(at)) for group, at in groups.items()})
        found: dict[int, Any] = {}
        for group, at in groups.items():
            found |= zip(at, answers[group], strict=True)
        return [found[n] for n in range(len(found))]


def _groups(indexes: Sequence[Index]) -> dict[str, list[int]]:
    """Positions of the indexes of each group."""
    groups: dict[str, list[int]] = {}
    for at, index in enumerate(indexes):
        groups.setdefault(cast("RemoteShard", index.open).group, []).append(at)
    return groups


def _narrowed(indexes: Sequence[Index], at: Sequence[int]) -> list[Narrowed]:
    return [Narrowed(indexes[n].name, cast("RemoteMasks", indexes[n].masks).request) for n in at]


def _travelling(asked: Sequence[Asked], at: Sequence[int]) -> list[RemoteAsked]:
    return [
        RemoteAsked(asked[n].shape, cast("RemoteLookedUp", asked[n].looked_up).found, asked[n].rarities)
        for n in at
    ]


def _best_together(rows: Sequence[FoundRows], is_limited: Sequence[bool]) -> list[FoundRows]:
    """What `best_of_tables` keeps of all tables, of the best that each group found of its own."""
    regions = _best([each.regions for each in rows], LEXICAL_REGIONS, is_limited)
    symbols = _best([each.symbols for each in rows], SYMBOL_SPANS, [True] * len(rows))
    return [FoundRows(*pair) for pair in zip(regions, symbols, strict=True)]


def _best(found: Sequence[BestRows], limit: int, is_limited: Sequence[bool]) -> list[BestRows]:
    # Rows of a table come best first, equal ones in order of their ids: so the first of equal ones are kept.
    limited = [each.scores[0] for each, is_so in zip(found, is_limited, strict=True) if is_so]
    best = top_k(np.concatenate([*limited, np.empty(0)]), limit)
    ends = np.cumsum([len(own) for own in limited])
    owner = np.searchsorted(ends, best, "right")
    kept, number = [], 0
    for each, is_so in zip(found, is_limited, strict=True):
        if is_so:
            own = best[owner == number] - (ends[number] - each.scores.shape[1])
            number += 1
            each = BestRows(each.row_ids[own], each.scores[:, own])
        kept.append(each)
    return kept
