"""Shards that are open elsewhere, asked as indexes that are open here: `search_steps.py` does not know.

`Calls` carries a call to a group of shards; one call a group and step, to all groups at once. Words are
weighed by counts that are kept, and looked up in the call that needs them: it takes two rounds, or three.

    [count]     words that were never asked for, beside the encoding of the query
    [nominate]  chunks, where all together are too many to be scored whole
    gather      what words, names and vectors say of each region
    show        where the best stand, which words match, and what passages are cut from
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import numpy as np

from indexer.cluster.shard_answers import (
    AskedText,
    Detail,
    Found,
    FoundNames,
    FoundPart,
    Narrowed,
    Refused,
    ShardFacts,
    Shown,
)
from indexer.cluster.word_counts import WordCounts
from indexer.errors import CodesearchError, InputError
from indexer.fan_out import FanOut, Index, LookingUp, Pick, words_for
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
    Gathered,
    LookedUp,
    Nominated,
    Nominations,
    Places,
    word_columns,
)
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.several_indexes import Part
from indexer.storage.full_text import LexicalMatches, TextStatistics, matches_of
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

    def __init__(self, facts: ShardFacts, group: str, fan_out: RemoteFanOut) -> None:
        self.facts = facts
        self.group = group
        self.tables = SimpleNamespace(n_rows=facts.n_rows, lacks_vectors=np.zeros(0, bool))
        self.gatherer = SimpleNamespace(
            has_row_index=facts.has_row_index, n_rows=int(facts.n_rows.sum()), words_of=self._words_of
        )
        self.query_encoder = SimpleNamespace(encode=lambda text, also=(): fan_out.encode(text))

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


@dataclass(slots=True)
class RemoteLookedUp:
    """What full text says in a shard: how its words weigh, and, once that was asked for, where they stand."""

    statistics: TextStatistics
    n_with: dict[str, int]
    found: LookedUp | None = None

    @property
    def finds_words(self) -> bool:
        """As of `LookedUp`, once it was asked for."""
        return self.found is not None and self.found.finds_words


@dataclass(frozen=True, slots=True)
class _Kept:
    """Of what one shard found, what is among the best of all."""

    found: Found
    looked_up: LookedUp
    regions: Int64Array
    """Positions among the rows that it found."""
    symbols: Int64Array

    @property
    def is_all(self) -> bool:
        """Whether nothing was left out."""
        rows = self.found.rows
        return len(self.regions) == len(rows.regions.row_ids) and len(self.symbols) == len(
            rows.symbols.row_ids
        )

    def names(self, named: Nominations) -> Nominations:
        """What the rankers of the shard name, its words those that were kept."""
        by_region = self.found.chunk_of_region[self.regions], self.looked_up.regions.scores
        by_symbol = self.found.chunk_of_symbol[self.symbols], self.looked_up.symbols.score
        words = [Nominated(chunk[chunk >= 0], score[chunk >= 0]) for chunk, score in (by_region, by_symbol)]
        return replace(named, words=[*words, *named.words])

    def scores(self, gathered: Gathered) -> Gathered:
        """Candidates whose scores by words are those of the rows that were kept."""
        at = self.found.region_at[self.regions]
        columns: dict[str, Any] = dict(
            word_columns(gathered.region, at, self.looked_up.regions, self.looked_up.symbols)
        )
        return replace(gathered, **columns)


@dataclass(slots=True)
class RemoteFanOut(FanOut):
    """Questions to shards in several groups: a call a group, all groups at once. For one question."""

    calls: Calls
    known: WordCounts
    query: str
    """What is compared with the words of what is shown, until it is encoded: then what was."""
    vectors: QueryVectors | None = field(default=None, init=False)
    """Of the query; None in lexical mode."""
    shown: dict[tuple[str, int], Detail] = field(default_factory=dict, init=False)
    """What passages are cut from, by shard and chunk_id."""
    n_rounds: int = field(default=0, init=False)
    """Times that all groups were waited for."""

    def encode(self, text: str) -> QueryVectors:
        """The vectors of the query, then those of its title."""
        vectors = self.calls.encode(text)
        if self.vectors is None:
            self.query, self.vectors = text, vectors
        return vectors

    def counts(self, generations: Iterable[OpenGeneration], stems: Iterable[str]) -> dict[str, int]:
        """As of `FanOut`."""
        return self._counting(cast("Sequence[RemoteShard]", tuple(generations)), (), sorted(stems))()[1]

    def looking_up(
        self, shapes: Sequence[QueryShape], mode: Mode, indexes: Sequence[Index]
    ) -> Iterator[LookingUp]:
        """As of `FanOut`."""
        return (self._looking_up(shape, mode, indexes) for shape in shapes)

    def _looking_up(self, shape: QueryShape, mode: Mode, indexes: Sequence[Index]) -> LookingUp:
        """As of `FanOut`; where the words stand is found with what asks for it."""
        every = max(words_for(shape, mode, indexes), key=len)
        shards = [cast("RemoteShard", index.open) for index in indexes]
        counting = self._counting(shards, every, sorted(shape.stems))

        def looked_up() -> tuple[list[LookedUp], dict[str, int]]:
            statistics, n_with = counting()
            return [cast(LookedUp, RemoteLookedUp(statistics, n_with)) for _ in indexes], n_with

        return looked_up

    def _counting(
        self, shards: Sequence[RemoteShard], words: Sequence[str], stems: Sequence[str]
    ) -> Callable[[], tuple[TextStatistics, dict[str, int]]]:
        """Begin to count words, in the shards where it is not known how often they occur."""
        names = [shard.facts.name for shard in shards]
        tally = self.known.tally(names, words, stems)
        groups: dict[str, list[int]] = {}
        for at in tally.lacking:
            groups.setdefault(shards[at].group, []).append(at)
        waits = {
            group: self.calls.begin(group, "count", ([names[n] for n in at], tally.words, tally.stems))
            for group, at in groups.items()
        }

        def counted() -> tuple[TextStatistics, dict[str, int]]:
            if waits:
                self.n_rounds += 1
                for group, found in wait_all(waits).items():
                    tally.fill(groups[group], found)
                self.known.keep(tally)
            together = tally.together()
            return together.statistics, together.n_with

        return counted

    def nominate(
        self, indexes: Sequence[Index], asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode
    ) -> list[Nominations]:
        """As of `FanOut`."""
        text = _text(asked, vectors, mode)
        found: list[FoundNames] = self._spread(
            _groups(indexes), "nominate", lambda at: (_narrowed(indexes, at), text)
        )
        kept = _best_together([each.found for each in found], indexes)
        _note(asked, kept)
        names = [own.names(each.named) for own, each in zip(kept, found, strict=True)]
        best = BestScores(SINGLE_ROWS)
        for each in names:
            if each.single is not None:
                best.add(each.single.score)
        return [each.of_at_least(best.least) for each in names]

    def gather(
        self,
        indexes: Sequence[Index],
        asked: Sequence[Asked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array] | None,
    ) -> list[Part]:
        """As of `FanOut`."""
        if chunks is None:
            return self._gather_whole(indexes, asked, vectors, mode)
        found = self._spread(
            _groups(indexes),
            "gather",
            lambda at: (
                _narrowed(indexes, at), _travelling(asked, at), vectors, mode, [chunks[n] for n in at]
            ),
        )  # fmt: skip
        for index, (_, timed_out) in zip(indexes, found, strict=True):
            cast("RemoteMasks", index.masks).timed_out = timed_out
        return [part for part, _ in found]

    def _gather_whole(
        self, indexes: Sequence[Index], asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode
    ) -> list[Part]:
        text = _text(asked, vectors, mode)
        found: list[FoundPart] = self._spread(
            _groups(indexes), "gather_whole", lambda at: (_narrowed(indexes, at), text)
        )
        kept = _best_together([each.found for each in found], indexes)
        _note(asked, kept)
        parts = []
        for index, each, own in zip(indexes, found, kept, strict=True):
            cast("RemoteMasks", index.masks).timed_out = each.timed_out
            is_scored = mode in (Mode.HYBRID, Mode.LEXICAL) and not own.is_all
            gathered = own.scores(each.part.gathered) if is_scored else each.part.gathered
            parts.append(replace(each.part, gathered=gathered))
        return parts

    def hits(self, picks: Sequence[Pick], k: int) -> list[tuple[Hit, ...]]:
        """As of `FanOut`; each with its matches, and what passages are cut from is kept."""
        tops = [pick.ranked.order[:k] for pick in picks]
        indexes = [pick.index for pick in picks]
        found: list[Shown] = self._spread(
            _groups(indexes),
            "show",
            lambda at: (
                [indexes[n].name for n in at],
                [(picks[n].gathered.chunk[tops[n]], picks[n].gathered.region[tops[n]]) for n in at],
                self.query,
                self.vectors,
            ),
        )
        hits = []
        for own, pick in zip(found, picks, strict=True):
            self.shown |= {(pick.index.name, chunk_id): each for chunk_id, each in own.details.items()}
            placed = hits_at(own.places, pick.gathered, pick.ranked)
            hits.append(tuple(replace(hit, matches=m) for hit, m in zip(placed, own.matches, strict=True)))
        return hits

    def _spread(
        self, groups: Mapping[str, list[int]], method: str, arguments: Callable[[list[int]], Sequence[Any]]
    ) -> list[Any]:
        """One answer an index, in their order, of calls that give one for each index of a group."""
        self.n_rounds += 1
        answers = wait_all(
            {group: self.calls.begin(group, method, arguments(at)) for group, at in groups.items()}
        )
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


def _text(asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode) -> AskedText:
    """What is asked of every shard: one text, weighed by what all of them hold."""
    first = asked[0]
    statistics = cast("RemoteLookedUp", first.looked_up).statistics
    return AskedText(first.shape, first.rarities, statistics, vectors, mode)


def _note(asked: Sequence[Asked], kept: Sequence[_Kept]) -> None:
    for each, own in zip(asked, kept, strict=True):
        cast("RemoteLookedUp", each.looked_up).found = own.looked_up


def _travelling(asked: Sequence[Asked], at: Sequence[int]) -> list[Asked]:
    found = [cast("RemoteLookedUp", asked[n].looked_up).found for n in at]
    assert all(each is not None for each in found), "what is gathered in part was nominated before"
    return [
        Asked(asked[n].shape, cast(LookedUp, each), asked[n].rarities)
        for n, each in zip(at, found, strict=True)
    ]


def _best_together(found: Sequence[Found], indexes: Sequence[Index]) -> list[_Kept]:
    """What `best_of_tables` keeps of all tables, of the best that each group found of its own."""
    is_limited = [index.masks.regions is None for index in indexes]
    regions = _best([each.rows.regions for each in found], LEXICAL_REGIONS, is_limited)
    symbols = _best([each.rows.symbols for each in found], SYMBOL_SPANS, [True] * len(found))
    return [_kept(*own) for own in zip(found, regions, symbols, strict=True)]


def _kept(found: Found, regions: Int64Array, symbols: Int64Array) -> _Kept:
    every = matches_of(found.rows.regions)
    matches = LexicalMatches(every.row_ids[regions], every.scores[regions], every.body_scores[regions])
    places = Places(found.symbols.region[symbols], found.symbols.score[symbols])
    return _Kept(found, LookedUp(matches, places, found.definitions), regions, symbols)


def _best(found: Sequence[BestRows], limit: int, is_limited: Sequence[bool]) -> list[Int64Array]:
    """The positions of those rows of each that are among the best of all limited ones."""
    # Rows of a table come best first, equal ones in order of their ids: so the first of equal ones are kept.
    limited = [each.scores[0] for each, is_so in zip(found, is_limited, strict=True) if is_so]
    best = top_k(np.concatenate([*limited, np.empty(0)]), limit)
    ends = np.cumsum([len(own) for own in limited])
    owner = np.searchsorted(ends, best, "right")
    kept, number = [], 0
    for each, is_so in zip(found, is_limited, strict=True):
        n_rows = each.scores.shape[1]
        if is_so:
            kept.append(best[owner == number] - (ends[number] - n_rows))
            number += 1
        else:
            kept.append(np.arange(n_rows))
    return kept
