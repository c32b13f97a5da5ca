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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import TypeVar

import numpy as np

from indexer.fan_out import FanOut, Index, Pick
from indexer.light_dataclasses import dataclass
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
    Asked,
    are_scored_whole,
    split_rows,
)
from indexer.retrieve.confidence import WEAK_BELOW, Confidence, judge
from indexer.retrieve.query_digest import Counts, QueryDigest, digest
from indexer.retrieve.query_line_weights import title_of
from indexer.retrieve.query_shape import QueryShape, query_shape, stem
from indexer.retrieve.ranking import Ranked, Title, rank
from indexer.retrieve.section_ranking import most_telling, row_rarities
from indexer.retrieve.several_indexes import Part, best_of_all, by_rank, union, without_vectors
from indexer.retrieve.spellings import with_other_spellings
from indexer.settings import BuildSettings
from indexer.storage.full_text import rarity
from indexer.vectors.cores import one_blas_thread
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
class _Asking:
    """What the indexes of one model are asked."""

    query: str
    """As the model reads it."""
    model: str
    """Its fingerprint."""
    mode: Mode


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the indexes of one model answer."""

    indexes: tuple[Index, ...]
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
        fan_out: FanOut | None = None,
    ) -> None:
        """`narrow` makes the request for one index, given its name, of the request for all.

        `fan_out` asks all of them at once; None where they are open in this process.
        """
        self._generations = dict(generations)
        self._narrow = narrow
        self._fan_out = fan_out or FanOut()
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
            Index(name, each, each.masks(self._narrow(name, request)))
            for name, each in self._generations.items()
        ]
        digests = {
            model: self._digest(request.query, mode is not Mode.LEXICAL, model) for model in self._groups
        }
        part = next(iter(digests.values()))
        # Within one index the name of its folder tells nothing.
        repository = indexes[0].open.root.name if len(indexes) == 1 else ""
        queries = {model: each.text for model, each in digests.items()}
        read, shapes = [queries], [query_shape(request.query, repository, part.words if part.used else None)]
        heading = title_of(request.query)
        if heading is not None:
            read.append(dict.fromkeys(queries, heading))
            shapes.append(query_shape(heading, repository))
        texts = self._ask(read, [with_other_spellings(each, self._counts) for each in shapes], mode, indexes)
        whole = texts[0]
        load_seconds = 0.0
        if request.encode_seconds:
            load_seconds = _encode_named(whole, queries, indexes, time.monotonic() + request.encode_seconds)
        answers = []
        for model, names in self._groups.items():
            own = [index for index in indexes if index.name in names]
            answers.append(_answer(self._fan_out, own, texts, _Asking(digests[model].text, model, mode)))
        first = partial(_hits, self._fan_out, answers, _fused(answers, mode))
        missing = self.missing()
        return SearchResult(
            first(request.k),
            first,
            n_candidates=sum(len(part.gathered.region) for each in answers for part in each.parts),
            elapsed_seconds=time.monotonic() - started,
            truncated=any(index.masks.timed_out for index in indexes),
            query=part.text,
            vectors=next(iter(whole.vectors.values())) if len(whole.vectors) == 1 else None,
            used=part.used,
            missing=missing and replace(missing, load_seconds=load_seconds),
            has_words=mode in (Mode.COLBERT, Mode.SINGLE)
            or any(each.looked_up.finds_words for each in whole.asked.values())
            or any(self._counts({stem(word) for word in query_words(request.query)}).values()),
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
            sum(each.n_by_words for each in found),
        )

    @property
    def _counts(self) -> Counts:
        """How many regions of all indexes hold each stemmed word."""
        # Not `self`: what refers to itself outlives its last user, and the generations with it.
        return partial(self._fan_out.counts, tuple(self._generations.values()))

    @cached_property
    def _digest(self) -> Callable[[str, bool, str], QueryDigest]:
        """What counts of a query, which a model (its fingerprint) reads or not; the last few are kept."""
        generations, counted = self._generations, self._counts
        first = {model: generations[names[0]] for model, names in self._groups.items()}
        n_regions = sum(each.n_regions for each in generations.values())

        def made(query: str, is_read: bool, model: str) -> QueryDigest:
            if not is_read:
                return digest(query, counted, n_regions, 0, None)
            tokenizer = first[model].tokenizer
            return digest(query, counted, n_regions, tokenizer.query_room, tokenizer.count)

        return lru_cache(_CACHED_DIGESTS)(made)

    def _ask(
        self,
        texts: Sequence[Mapping[str, str]],
        shapes: Sequence[QueryShape],
        mode: Mode,
        indexes: Sequence[Index],
    ) -> list[_Text]:
        """Texts, as each model is to read them, looked up and encoded, one beside the other."""
        n_regions = sum(index.open.n_regions for index in indexes)
        looking = self._fan_out.looking_up(shapes, mode, indexes)
        found = []
        for text, shape, waiting in zip(texts, shapes, looking, strict=True):
            vectors = {}
            for model, query in text.items() if mode is not Mode.LEXICAL else ():
                encoder = self._generations[self._groups[model][0]].query_encoder
                vectors[model] = encoder.encode(query, [other[model] for other in texts])
            looked_up, n_with = waiting()
            rarities = {each: rarity(n, n_regions) for each, n in n_with.items()}
            asked = {
                index.name: Asked(shape, own, rarities) for index, own in zip(indexes, looked_up, strict=True)
            }
            found.append(_Text(asked, rarities, rarity(0, n_regions), vectors))
        return found


def _encode_named(whole: _Text, queries: Mapping[str, str], indexes: Sequence[Index], until: float) -> float:
    """Have vectors made for what words name, as long as there is time; `queries` is what models read.

    Returns how long models were waited for.
    """
    load_seconds = 0.0
    for index in indexes:
        model = index.open.manifest.model_fingerprint
        vectors = whole.vectors.get(model)
        if vectors is not None and index.open.tables.lacks_vectors.any():
            left = max(0.0, until - time.monotonic())
            telling = most_telling(vectors, row_rarities(queries[model], vectors.tokens, whole.rarities))
            load_seconds -= index.open.load_seconds
            index.open.encode_named(whole.asked[index.name], index.masks, *telling, left)
            load_seconds += index.open.load_seconds
    return load_seconds


def _answer(fan_out: FanOut, indexes: Sequence[Index], texts: Sequence[_Text], asking: _Asking) -> _Answer:
    """Candidates of the indexes of one model, ranked as those of one index."""
    query, model, mode = asking.query, asking.model, asking.mode
    chunks = _chosen(fan_out, indexes, texts, asking)

    def parts(text: _Text, vectors: QueryVectors | None) -> list[Part]:
        asked = [text.asked[index.name] for index in indexes]
        return fan_out.gather(indexes, asked, vectors, mode, chunks)

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


def _chosen(
    fan_out: FanOut, indexes: Sequence[Index], texts: Sequence[_Text], asking: _Asking
) -> list[Int64Array] | None:
    """The chunks of each index to be scored: None for all where together they are few, else the best."""
    model, mode = asking.model, asking.mode
    if are_scored_whole([index.open.gatherer for index in indexes], texts[0].vectors.get(model), mode):
        return None
    named = []
    for text in texts:
        asked = [text.asked[index.name] for index in indexes]
        named.append(fan_out.nominate(indexes, asked, text.vectors.get(model), mode))
    of_index = list(zip(*named, strict=True))
    return best_of_all(of_index, [index.open.tables.n_rows for index in indexes])


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


def _hits(fan_out: FanOut, answers: Sequence[_Answer], ranked: Ranked, k: int) -> tuple[Hit, ...]:
    """The first k hits, each made by its own index."""
    pairs = [(index, part) for each in answers for index, part in zip(each.indexes, each.parts, strict=True)]
    sizes = [len(part.gathered.region) for _, part in pairs]
    starts = np.cumsum([0, *sizes])
    top, scores = ranked.order[:k], ranked.scores[:k]
    owner = np.searchsorted(starts, top, "right") - 1
    picks = {}
    for number in sorted(set(owner.tolist())):
        index, part = pairs[number]
        own = owner == number
        first, last = starts[number], starts[number + 1]
        order = Ranked(top[own] - first, scores[own], ranked.colbert[first:last])
        picks[number] = Pick(index, part.gathered, order)
    found = fan_out.hits(list(picks.values()), k)
    waiting = {number: iter(hits) for number, hits in zip(picks, found, strict=True)}
    confidence = np.concatenate([each.confidence.of_region for each in answers])[top]
    return tuple(
        replace(hit, repository=pairs[number][0].name, confidence=round(sure, 4))
        for number, sure in zip(owner.tolist(), confidence.tolist(), strict=True)
        for hit in islice(waiting[number], 1)
    )
