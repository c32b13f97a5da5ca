"""Several open indexes, asked as one: gathered in each, weighed by what all hold, ranked once.

A word is as rare as it is in all of them, BM25 is that of one table with all their rows, and MaxSim has as
much time as for one index, so that the answer over the parts of a tree is the answer over the tree; only
which candidates a large index is cut down to may differ. Vectors of different models cannot be compared:
then each model's indexes are ranked by themselves, all are ranked by words, and ranks are added up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import islice
from operator import add
from typing import TypeVar

import numpy as np

from indexer.records import Hit, Int64Array, MissingVectors, Mode, QueryVectors, SearchRequest
from indexer.retrieve.candidates import FULL_SCAN_ROWS, Asked, LexicalStatistics, LookedUp, Nominated
from indexer.retrieve.filters import Masks, make_masks
from indexer.retrieve.query_digest import QueryDigest, digest
from indexer.retrieve.query_lines import title_of
from indexer.retrieve.query_shape import QueryShape, query_shape, stem
from indexer.retrieve.ranking import Ranked, Title, rank
from indexer.retrieve.section_ranking import row_rarities
from indexer.retrieve.union import Part, best_of_all, by_rank, union, without_vectors
from indexer.search import Searcher, SearchResult
from indexer.storage.full_text import rarity
from indexer.vectors.cores import beside, one_blas_thread
from indexer.words import query_words

_SINGLE_ROWS = 400
_NAMED_BY_ROWS = 256

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Index:
    """One index and what a request lets through of it."""

    name: str
    searcher: Searcher
    masks: Masks


@dataclass(frozen=True, slots=True)
class _Words:
    """A text as words, and what full text says of it in each index."""

    shape: QueryShape
    looked_up: Mapping[str, LookedUp]
    """By the index's name."""
    rarities: dict[str, float]
    """Of the stems in its shape, in all indexes together."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the indexes of one model answer."""

    indexes: tuple[_Index, ...]
    parts: tuple[Part, ...]
    """One an index."""
    ranked: Ranked
    query: QueryDigest
    vectors: QueryVectors | None


class Together:
    """Open indexes by name, which stay the caller's to close."""

    def __init__(
        self,
        searchers: Mapping[str, Searcher],
        narrow: Callable[[str, SearchRequest], SearchRequest] = lambda name, request: request,
    ) -> None:
        """`narrow` makes the request for one index, given its name, of the request for all."""
        self.searchers = dict(searchers)
        self._narrow = narrow

    @property
    def n_models(self) -> int:
        """Different models that the indexes were built with."""
        return len({searcher.manifest.model_fingerprint for searcher in self.searchers.values()})

    @one_blas_thread()
    def search(self, request: SearchRequest) -> SearchResult:
        """As `Searcher.search`, over all indexes; each hit names its `repository`."""
        started = time.monotonic()
        indexes = []
        for name, searcher in self.searchers.items():
            searcher._check_mode(request.mode)
            own = self._narrow(name, request)
            indexes.append(_Index(name, searcher, make_masks(own, searcher._store, searcher._tables)))
        answers = self._answers(request, indexes, started + request.encode_seconds)
        first = partial(_hits, answers, _fused(answers, request.mode))
        stems = {stem(word) for word in query_words(request.query)}
        query = answers[0].query
        return SearchResult(
            first(request.k),
            first,
            n_candidates=sum(len(part.gathered.region) for each in answers for part in each.parts),
            elapsed_seconds=time.monotonic() - started,
            truncated=any(index.masks.timed_out for index in indexes),
            query=query.text,
            vectors=answers[0].vectors if len(answers) == 1 else None,
            used=query.used,
            missing=self._missing(),
            has_words=request.mode in (Mode.COLBERT, Mode.SINGLE)
            or any(any(index.searcher._counts(stems).values()) for index in indexes),
        )

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit of a result with its matches, as `Searcher.explain`."""
        searcher = self.searchers[hit.repository]
        if result.vectors is None and self.n_models > 1:
            result = replace(result, vectors=searcher._query_encoder.encode(result.query))
        return searcher.explain(result, hit)

    def paths(self) -> tuple[str, ...]:
        """Every file of every index, relative to its own."""
        return tuple(path for searcher in self.searchers.values() for path in searcher.paths())

    def _missing(self) -> MissingVectors | None:
        found = [each for searcher in self.searchers.values() if (each := searcher.missing())]
        if not found:
            return None
        return MissingVectors(
            sum(each.n_chunks for each in found),
            sum(each.n_tokens for each in found),
            max(each.tokens_per_second for each in found),
        )

    def _answers(self, request: SearchRequest, indexes: Sequence[_Index], until: float) -> list[_Answer]:
        """An answer for each model."""
        groups: dict[str, list[_Index]] = {}
        for index in indexes:
            groups.setdefault(index.searcher.manifest.model_fingerprint, []).append(index)
        by_model = [
            (own, _digest(request, own[0].searcher, [index.searcher for index in indexes]))
            for own in groups.values()
        ]
        first = by_model[0][1]
        mode, heading = request.mode, title_of(request.query)
        whole = _look_up(query_shape(request.query, "", first.words if first.used else None), mode, indexes)
        title = _look_up(query_shape(heading, ""), mode, indexes) if heading is not None else None
        return [_answer(own, query, mode, (whole, title, heading or ""), until) for own, query in by_model]


def _digest(request: SearchRequest, reader: Searcher, searchers: Sequence[Searcher]) -> QueryDigest:
    """What counts of a query in all indexes, for one model."""

    def known(stems: Iterable[str]) -> Mapping[str, int]:
        wanted = sorted(stems)
        each = [searcher._counts(wanted) for searcher in searchers]
        return {word: sum(counts[word] for counts in each) for word in wanted}

    n_regions = sum(len(searcher._tables.regions) for searcher in searchers)
    if request.mode is Mode.LEXICAL:
        return digest(request.query, known, n_regions, 0, None)
    tokenizer = reader._tokenizer
    return digest(request.query, known, n_regions, tokenizer.query_room, tokenizer.count)


def _look_up(shape: QueryShape, mode: Mode, indexes: Sequence[_Index]) -> _Words:
    """What full text says in each index, by the statistics of all."""
    words = max((index.searcher._gatherer.words_of(shape, mode) for index in indexes), key=len)

    def counted(index: _Index) -> tuple[LexicalStatistics, dict[str, int]]:
        return index.searcher._gatherer.statistics(words), index.searcher._counts(shape.stems)

    def found(index: _Index) -> LookedUp:
        return index.searcher._gatherer.look_up(shape, mode, index.masks, whole)

    known = _beside_each(counted, indexes)
    whole = reduce(add, (statistics for statistics, _ in known))
    n_regions = sum(len(index.searcher._tables.regions) for index in indexes)
    rarities = {each: rarity(sum(n_with[each] for _, n_with in known), n_regions) for each in shape.stems}
    looked_up = {index.name: each for index, each in zip(indexes, _beside_each(found, indexes), strict=True)}
    return _Words(shape, looked_up, rarities)


def _beside_each(work: Callable[[_Index], Result], indexes: Sequence[_Index]) -> list[Result]:
    waiting = [beside(partial(work, index)) for index in indexes]
    return [wait() for wait in waiting]


def _answer(
    indexes: Sequence[_Index],
    query: QueryDigest,
    mode: Mode,
    asked: tuple[_Words, _Words | None, str],
    until: float,
) -> _Answer:
    """Candidates of the indexes of one model, ranked as those of one index."""
    whole, title, heading = asked
    encoder = None if mode is Mode.LEXICAL else indexes[0].searcher._query_encoder
    vectors = encoder.encode(query.text) if encoder else None
    if vectors is not None:
        for index in indexes:
            if index.searcher._tables.lacks_vectors.any():
                left = max(0.0, until - time.monotonic())
                looked_up = whole.looked_up[index.name]
                asked_here = Asked(whole.shape, vectors, looked_up, None, whole.rarities)
                index.searcher._encode_named(asked_here, index.masks, left)
    to_title = encoder.encode(heading) if encoder and title is not None else None
    texts = [(whole, vectors)] + ([(title, to_title)] if title is not None else [])
    chunks = _chosen(indexes, texts, mode)

    def part(index: _Index, own: Int64Array, words: _Words, encoded: QueryVectors | None) -> Part:
        searcher, looked_up = index.searcher, words.looked_up[index.name]
        gathered = searcher._gatherer.gather(looked_up, None, encoded, mode, index.masks, own)
        said = Asked(words.shape, encoded, looked_up, None, words.rarities)
        return Part(gathered, *searcher._file_signals(said, gathered))

    parts = [part(index, own, whole, vectors) for index, own in zip(indexes, chunks, strict=True)]
    all_ = union(parts)
    titled = None
    if title is not None:
        of_title = union(
            [part(index, own, title, to_title) for index, own in zip(indexes, chunks, strict=True)]
        )
        titled = Title(of_title.gathered, of_title.paths)
    rows = None if vectors is None else row_rarities(query.text, vectors.tokens, whole.rarities)
    ranked = rank(all_.gathered, all_.file_of, all_.paths, mode, rows, titled)
    return _Answer(tuple(indexes), tuple(parts), ranked, query, vectors)


def _chosen(
    indexes: Sequence[_Index], texts: Sequence[tuple[_Words, QueryVectors | None]], mode: Mode
) -> list[Int64Array]:
    """The chunks of each index to be scored: all where together they are few, else the best of all."""
    tables = [index.searcher._tables for index in indexes]
    vectors = texts[0][1]
    by_rows = vectors is not None and vectors.rows is not None and mode in (Mode.HYBRID, Mode.COLBERT)
    n_rows = sum(int(each.n_rows.sum()) for each in tables)
    if by_rows and n_rows <= FULL_SCAN_ROWS and not any(index.searcher._multis.is_built for index in indexes):
        return [
            np.arange(own.n_chunks) if index.masks.chunks is None else np.flatnonzero(index.masks.chunks)
            for index, own in zip(indexes, tables, strict=True)
        ]
    lists: list[list[Nominated]] = []
    near: list[list[Int64Array]] = []
    for index in indexes:
        searcher, allowed = index.searcher, index.masks.chunks
        named, nearest = [], []
        for words, encoded in texts:
            named += searcher._gatherer.nominated(words.looked_up[index.name])
            if encoded is not None and encoded.single is not None:
                rows = searcher._singles.search(encoded.single, _SINGLE_ROWS, allowed)
                named.append(Nominated(rows.chunk, rows.scores))
            if by_rows and encoded is not None and encoded.rows is not None and searcher._multis.is_built:
                nearest.append(searcher._multis.search(encoded.rows, _NAMED_BY_ROWS, allowed))
        if allowed is not None:
            named = [Nominated(n.chunk[allowed[n.chunk]], n.score[allowed[n.chunk]]) for n in named]
        lists.append(named)
        near.append(nearest)
    return best_of_all(lists, near, [each.n_rows for each in tables])


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
        waiting[number] = iter(index.searcher._hits(part.gathered, order, k))
    return tuple(
        replace(hit, repository=pairs[number][0].name)
        for number in owner.tolist()
        for hit in islice(waiting[number], 1)
    )
