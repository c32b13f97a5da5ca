"""THE READ PATH: a query becomes hits, over one index or several. The only place that orders the stages.

    query → words, query vectors → candidates (full text, single vectors, PLAID)
          → MaxSim over their token rows → ranking → hits

Several indexes are gathered in each, weighed by what all hold, and ranked once: a word is as rare as it is in
all of them, BM25 is that of one table with all their rows, and MaxSim has as much time as for one index, so
that the answer over the parts of a tree is the answer over the tree. Vectors of different models cannot be
compared: then each model's indexes are ranked by themselves, all are ranked by words, and ranks are added up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial, reduce
from itertools import islice
from operator import add
from typing import TypeVar

import numpy as np

from indexer.open_generation import OpenGeneration
from indexer.records import (
    Hit,
    Int64Array,
    MissingVectors,
    Mode,
    QueryUsed,
    QueryVectors,
    SearchRequest,
)
from indexer.retrieve.candidates import (
    LEXICAL_REGIONS,
    SYMBOL_SPANS,
    Asked,
    LookedUp,
    are_scored_whole,
    split_rows,
)
from indexer.retrieve.confidence import WEAK_BELOW, Confidence, judge
from indexer.retrieve.filters import Masks, make_masks
from indexer.retrieve.query_digest import QueryDigest, digest
from indexer.retrieve.query_line_weights import title_of
from indexer.retrieve.query_shape import QueryShape, query_shape, stem
from indexer.retrieve.ranking import Ranked, Title, rank
from indexer.retrieve.section_ranking import most_telling, row_rarities
from indexer.retrieve.several_indexes import Part, best_of_all, by_rank, union, without_vectors
from indexer.settings import BuildSettings
from indexer.storage.full_text import TextStatistics, matches_of, rarity
from indexer.storage.postings import best_of_tables
from indexer.vectors.cores import MAX_CORES, beside, one_blas_thread
from indexer.words import query_words

_CACHED_DIGESTS = 16

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and how they came about."""

    hits: tuple[Hit, ...]
    """As many as were asked for, where there are so many."""
    first: Callable[[int], tuple[Hit, ...]] = field(repr=False, compare=False)
    """The best so many hits, more than were asked for too: taken from the order, nothing is searched again.

    Good for as long as the searcher is open.
    """
    n_candidates: int
    """Regions that were scored."""
    elapsed_seconds: float
    truncated: bool
    """True: a time limit ended the search early and hits may be missing."""
    query: str = ""
    """What was compared: the query, or what counts of it."""
    vectors: QueryVectors | None = None
    """What the query became, for `explain`; None in lexical mode."""
    used: QueryUsed | None = None
    """What counted of a query that is too long to count whole; None for all of it."""
    missing: MissingVectors | None = None
    """What has no vectors yet; None where everything has."""
    has_words: bool = True
    """False: its words were looked for, and no indexed text holds any of them."""
    is_weak: bool = False
    """Little of the query is in the index; see `indexer.retrieve.confidence`."""


@dataclass(frozen=True, slots=True)
class _Index:
    """One index and what a request lets through of it."""

    name: str
    open: OpenGeneration
    masks: Masks


@dataclass(frozen=True, slots=True)
class _Text:
    """The query or its title, as words and as each model reads it."""

    asked: Mapping[str, Asked]
    """By the index's name."""
    rarities: dict[str, float]
    """Of the stems in its shape, in all indexes together."""
    unknown: float
    """The rarity of a stem that no region holds."""
    vectors: Mapping[str, QueryVectors]
    """By the model's fingerprint; none in lexical mode."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the indexes of one model answer."""

    indexes: tuple[_Index, ...]
    parts: tuple[Part, ...]
    """One an index."""
    ranked: Ranked
    confidence: Confidence


class SearchSteps:
    """Searches over open generations by name, which stay the caller's to close."""

    def __init__(
        self,
        generations: Mapping[str, OpenGeneration],
        narrow: Callable[[str, SearchRequest], SearchRequest] = lambda name, request: request,
    ) -> None:
        """`narrow` makes the request for one index, given its name, of the request for all."""
        self._generations = dict(generations)
        self._narrow = narrow
        self._groups: dict[str, list[str]] = {}
        """The names of each model's indexes, by its fingerprint."""
        for name, each in self._generations.items():
            self._groups.setdefault(each.manifest.model_fingerprint, []).append(name)

    @property
    def n_models(self) -> int:
        """Different models that the indexes were built with."""
        return len(self._groups)

    @one_blas_thread()
    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request that was checked, as `codesearch.request` checks it; hits name their index.

        Raises InputError for a mode that a model does not serve.
        """
        started = time.monotonic()
        mode = request.mode
        for each in self._generations.values():
            each.check_mode(mode)
        indexes = [
            _Index(name, each, make_masks(self._narrow(name, request), each.store, each.tables))
            for name, each in self._generations.items()
        ]
        digests = {
            model: self._digest(request.query, mode is not Mode.LEXICAL, model) for model in self._groups
        }
        part = next(iter(digests.values()))
        # Within one index the name of its folder tells nothing.
        repository = indexes[0].open.root.name if len(indexes) == 1 else ""
        shape = query_shape(request.query, repository, part.words if part.used else None)
        whole = self._ask({model: each.text for model, each in digests.items()}, shape, mode, indexes)
        if request.encode_seconds:
            _encode_named(whole, indexes, time.monotonic() + request.encode_seconds)
        texts, heading = [whole], title_of(request.query)
        if heading is not None:
            shape = query_shape(heading, repository)
            texts.append(self._ask(dict.fromkeys(self._groups, heading), shape, mode, indexes))
        answers = []
        for model, names in self._groups.items():
            own = [index for index in indexes if index.name in names]
            answers.append(_answer(own, texts, digests[model].text, model, mode))
        first = partial(_hits, answers, _fused(answers, mode))
        return SearchResult(
            first(request.k),
            first,
            n_candidates=sum(len(part.gathered.region) for each in answers for part in each.parts),
            elapsed_seconds=time.monotonic() - started,
            truncated=any(index.masks.timed_out for index in indexes),
            query=part.text,
            vectors=next(iter(whole.vectors.values())) if len(whole.vectors) == 1 else None,
            used=part.used,
            missing=self.missing(),
            has_words=mode in (Mode.COLBERT, Mode.SINGLE)
            or any(each.looked_up.finds_words for each in whole.asked.values())
            or any(_counts(self._generations, {stem(word) for word in query_words(request.query)}).values()),
            is_weak=all(each.confidence.relevance < WEAK_BELOW for each in answers),
        )

    def missing(self) -> MissingVectors | None:
        """What has no vectors yet; None where everything has that is to have some."""
        found = [each for generation in self._generations.values() if (each := generation.missing())]
        if not found:
            return None
        return MissingVectors(
            sum(each.n_chunks for each in found),
            sum(each.n_tokens for each in found),
            max(each.tokens_per_second for each in found),
        )

    @cached_property
    def _digest(self) -> Callable[[str, bool, str], QueryDigest]:
        """What counts of a query, which a model (its fingerprint) reads or not; the last few are kept."""
        # Not `self`: what refers to itself outlives its last user, and the generations with it.
        generations, counted = self._generations, partial(_counts, self._generations)
        first = {model: generations[names[0]] for model, names in self._groups.items()}
        n_regions = sum(len(each.tables.regions) for each in generations.values())

        def made(query: str, is_read: bool, model: str) -> QueryDigest:
            if not is_read:
                return digest(query, counted, n_regions, 0, None)
            tokenizer = first[model].tokenizer
            return digest(query, counted, n_regions, tokenizer.query_room, tokenizer.count)

        return lru_cache(_CACHED_DIGESTS)(made)

    def _ask(
        self, texts: Mapping[str, str], shape: QueryShape, mode: Mode, indexes: Sequence[_Index]
    ) -> _Text:
        """A text, as each model is to read it, looked up and encoded, one beside the other."""
        looking = _look_up(shape, mode, indexes)
        vectors = {}
        if mode is not Mode.LEXICAL:
            for model, text in texts.items():
                vectors[model] = self._generations[self._groups[model][0]].query_encoder.encode(text)
        looked_up, n_with = looking()
        n_regions = sum(len(index.open.tables.regions) for index in indexes)
        rarities = {each: rarity(n, n_regions) for each, n in n_with.items()}
        asked = {
            index.name: Asked(shape, each, rarities) for index, each in zip(indexes, looked_up, strict=True)
        }
        return _Text(asked, rarities, rarity(0, n_regions), vectors)


def _counts(generations: Mapping[str, OpenGeneration], stems: Iterable[str]) -> dict[str, int]:
    """How many regions of all indexes hold each stemmed word."""
    wanted = sorted(stems)
    return _summed([each.counts_of(wanted) for each in generations.values()])


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {word: sum(each[word] for each in counts) for word in counts[0]}


def _look_up(
    shape: QueryShape, mode: Mode, indexes: Sequence[_Index]
) -> Callable[[], tuple[list[LookedUp], dict[str, int]]]:
    """Begin to ask full text, and return what waits for its answers.

    These are what it says in each index, by the statistics of all, and how many regions hold each stem.
    """
    if len(indexes) == 1:
        (only,) = indexes
        gatherer = only.open.gatherer
        return beside(lambda: ([gatherer.look_up(shape, mode, only.masks)], only.open.counts_of(shape.stems)))
    words = [index.open.gatherer.words_of(shape, mode) for index in indexes]
    every = max(words, key=len)

    def counted(some: Sequence[_Index]) -> list[tuple[TextStatistics, dict[str, int]]]:
        return [(each.open.postings.statistics(every), each.open.counts_of(shape.stems)) for each in some]

    # Each thread reads of a share of the indexes: to hand over one by one would cost more than what is kept.
    counting = [beside(partial(counted, indexes[at::MAX_CORES])) for at in range(MAX_CORES)]

    def looked_up() -> tuple[list[LookedUp], dict[str, int]]:
        known = [each for wait in counting for each in wait()]
        whole = reduce(add, (statistics for statistics, _ in known))
        postings = [index.open.postings for index in indexes]
        # What a filter lets through may stand behind any number of rows that it does not.
        is_limited = [index.masks.regions is None for index in indexes]
        regions = best_of_tables(
            [each.regions for each in postings], words, whole.regions, LEXICAL_REGIONS, is_limited
        )
        symbols = best_of_tables(
            [each.symbols for each in postings], words, whole.symbols, SYMBOL_SPANS, [True] * len(indexes)
        )
        found = [
            index.open.gatherer.looked_up(matches_of(region), matches_of(symbol), shape, mode)
            for index, region, symbol in zip(indexes, regions, symbols, strict=True)
        ]
        return found, _summed([n_with for _, n_with in known])

    return looked_up


def _encode_named(whole: _Text, indexes: Sequence[_Index], until: float) -> None:
    """Have vectors made for what words name, as long as there is time."""
    for index in indexes:
        if whole.vectors and index.open.tables.lacks_vectors.any():
            left = max(0.0, until - time.monotonic())
            index.open.encode_named(whole.asked[index.name], index.masks, left)


def _answer(indexes: Sequence[_Index], texts: Sequence[_Text], query: str, model: str, mode: Mode) -> _Answer:
    """Candidates of the indexes of one model, ranked as those of one index."""
    chunks = _chosen(indexes, texts, model, mode)

    def parts(text: _Text, vectors: QueryVectors | None) -> list[Part]:
        found = []
        for index, own in zip(indexes, chunks, strict=True):
            asked = text.asked[index.name]
            gathered = index.open.gatherer.gather(asked.looked_up, vectors, mode, index.masks, own)
            found.append(index.open.part(asked, gathered))
        return found

    encoded = texts[0].vectors.get(model)
    rows = None
    if encoded is not None:
        encoded, rows = most_telling(encoded, row_rarities(query, encoded.tokens, texts[0].rarities))
    if len(texts) == 1:
        whole = parts(texts[0], encoded)
        all_, title = union(whole), None
    else:
        # Rows of both texts are compared at once: each stored row is read once.
        of_title = texts[1].vectors.get(model)
        whole = parts(texts[0], _with_rows(encoded, of_title))
        all_, titled = union(whole), union(parts(texts[1], _without_rows(of_title)))
        n_rows = 0 if encoded is None or encoded.rows is None else len(encoded.rows)
        first, second = split_rows(all_.gathered, n_rows)
        all_ = replace(all_, gathered=first)
        title = Title(
            replace(titled.gathered, maxima=second.maxima, header_maxima=second.header_maxima), titled.paths
        )
    ranked = rank(all_.gathered, all_.file_of, all_.paths, mode, rows, title)
    said = texts[0]
    # Only of the default model is it known how alike a query and its answer are.
    judged = mode if indexes[0].open.manifest.model == BuildSettings().model else Mode.LEXICAL
    confidence = judge(ranked, all_.gathered, all_.file_of, judged, said.rarities, said.unknown, len(texts))
    return _Answer(tuple(indexes), tuple(whole), ranked, confidence)


def _with_rows(vectors: QueryVectors | None, others: QueryVectors | None) -> QueryVectors | None:
    """Vectors with the rows of others behind their own."""
    if vectors is None or vectors.rows is None or others is None or others.rows is None:
        return vectors
    return replace(vectors, rows=np.concatenate([vectors.rows, others.rows]))


def _without_rows(vectors: QueryVectors | None) -> QueryVectors | None:
    return None if vectors is None else replace(vectors, rows=None)


def _chosen(indexes: Sequence[_Index], texts: Sequence[_Text], model: str, mode: Mode) -> list[Int64Array]:
    """The chunks of each index to be scored: all where together they are few, else the best of all."""
    if are_scored_whole([index.open.gatherer for index in indexes], texts[0].vectors.get(model), mode):
        return [index.open.gatherer.every_chunk(index.masks) for index in indexes]
    named = [
        [
            index.open.gatherer.nominate(
                text.asked[index.name].looked_up, text.vectors.get(model), mode, index.masks
            )
            for text in texts
        ]
        for index in indexes
    ]
    return best_of_all(named, [index.open.tables.n_rows for index in indexes])


def _fused(answers: Sequence[_Answer], mode: Mode) -> Ranked:
    """One order over the candidates of all answers, one behind the other."""
    if len(answers) == 1:
        return answers[0].ranked
    sizes = [sum(len(part.gathered.region) for part in each.parts) for each in answers]
    rankings = [each.ranked.order + sum(sizes[:at]) for at, each in enumerate(answers)]
    if mode is Mode.HYBRID:
        words = union([without_vectors(part) for each in answers for part in each.parts])
        rankings.append(rank(words.gathered, words.file_of, words.paths, Mode.LEXICAL).order)
    fused = by_rank(rankings, sum(sizes))
    return replace(fused, colbert=np.concatenate([each.ranked.colbert for each in answers]))


def _hits(answers: Sequence[_Answer], ranked: Ranked, k: int) -> tuple[Hit, ...]:
    """The first k hits, each made by its own index."""
    pairs = [(index, part) for each in answers for index, part in zip(each.indexes, each.parts, strict=True)]
    sizes = [len(part.gathered.region) for _, part in pairs]
    starts = np.cumsum([0, *sizes])
    top, scores = ranked.order[:k], ranked.scores[:k]
    owner = np.searchsorted(starts, top, "right") - 1
    waiting = {}
    for number in np.unique(owner).tolist():
        index, part = pairs[number]
        own = owner == number
        first, last = starts[number], starts[number + 1]
        order = Ranked(top[own] - first, scores[own], ranked.colbert[first:last])
        waiting[number] = iter(index.open.hits(part.gathered, order, k))
    confidence = np.concatenate([each.confidence.of_region for each in answers])[top]
    return tuple(
        replace(hit, repository=pairs[number][0].name, confidence=round(sure, 4))
        for number, sure in zip(owner.tolist(), confidence.tolist(), strict=True)
        for hit in islice(waiting[number], 1)
    )
