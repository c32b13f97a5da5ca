"""The shards of one group, open on one machine: what their part of a question is, they answer.

Shards come from the store once, are compared with their SHA-256 and put into a cache on local disk as
ordinary indexes, where they are memory-mapped. Knows no Ray: `serving.py` makes a deployment of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from indexer.closing import Closing
from indexer.cluster.catalogue import Shard
from indexer.cluster.shard_answers import (
    AskedText,
    Detail,
    Found,
    FoundNames,
    FoundPart,
    FoundWithin,
    Narrowed,
    Refused,
    ShardCounts,
    ShardFacts,
    Shown,
)
from indexer.cluster.shard_cache import open_cached, trim
from indexer.cluster.store import Store
from indexer.errors import CodesearchError
from indexer.fan_out import FanOut, Index, find_rows, look_up_rows, nominate_together, words_for
from indexer.open_generation import Place
from indexer.records import (
    Chunk,
    ComponentScores,
    Hit,
    Int64Array,
    Mode,
    OutlineEntry,
    QueryVectors,
    SearchRequest,
    WordMatch,
)
from indexer.retrieve.candidates import Asked
from indexer.retrieve.several_indexes import Part
from indexer.search import Searcher, Together
from indexer.search_steps import SearchResult
from indexer.storage.status import IndexStatus
from indexer.vectors.cores import one_blas_thread

_KEPT_MASKS = 32


class OpenShards(Closing):
    """A group of shards. Methods take and give values that travel; they raise CodesearchError."""

    def __init__(
        self, store: Store, shards: Sequence[Shard], cache: Path, cache_bytes: int | None = None
    ) -> None:
        """Fetches what the cache lacks, and removes what it has beyond `cache_bytes`; None: nothing.

        Raises IndexCorruptError, IndexMismatchError, StorageError.
        """
        self._fan_out = FanOut()
        self._shards = {shard.name: shard for shard in shards}
        self._searchers: dict[str, Searcher] = {}
        with ExitStack() as opened:
            for shard in shards:
                self._searchers[shard.name] = opened.enter_context(open_cached(store, shard, cache))
            self._opened = opened.pop_all()
        if cache_bytes is not None:
            trim(cache, shards, cache_bytes)
        self._masks: Callable[[str, SearchRequest], Any] = lru_cache(_KEPT_MASKS)(self._made_masks)

    def close(self) -> None:
        """Close every shard."""
        self._opened.close()

    def facts(self) -> list[ShardFacts]:
        """Of each shard."""
        from indexer.cluster.prefilter import centroid_of, sketch_of

        found = []
        for name, searcher in self._searchers.items():
            generation, shard = searcher.generation, self._shards[name]
            checkpoint = generation.checkpoint
            makes = {Mode.HYBRID, Mode.LEXICAL}
            makes |= {Mode.SINGLE} if checkpoint.single is not None else set()
            makes |= {Mode.COLBERT} if checkpoint.rows is not None else set()
            found.append(
                ShardFacts(
                    name,
                    shard.digest,
                    shard.repositories,
                    searcher.manifest,
                    searcher.root,
                    searcher.facts,
                    searcher.settings,
                    generation.n_regions,
                    searcher.n_skipped,
                    np.array(generation.tables.n_rows),
                    generation.gatherer.has_row_index,
                    not generation.singles.is_empty,
                    not generation.tables.lacks_vectors.any(),
                    frozenset(makes),
                    centroid_of(generation),
                    sketch_of(generation),
                )
            )
        return found

    # --- a question to several groups, step by step: see `indexer.cluster.remote_shards` ------------

    def ping(self) -> None:
        """Answer."""

    def count(self, names: Sequence[str], words: Sequence[str], stems: Sequence[str]) -> ShardCounts:
        """How often words occur in each of these shards."""
        sizes, of_words, of_stems = [], [], []
        for name in names:
            generation = self._searchers[name].generation
            found = generation.postings.statistics(words)
            tables = found.regions, found.symbols
            sizes.append([number for table in tables for number in (table.n_rows, table.n_tokens)])
            of_words.append([[table.n_with[word] for table in tables] for word in words])
            of_stems.append(list(map(generation.counts_of(stems).__getitem__, stems)))
        n = len(names)
        return ShardCounts(
            np.array(sizes, np.int64).reshape(n, 4),
            np.array(of_words, np.int64).reshape(n, len(words), 2),
            np.array(of_stems, np.int64).reshape(n, len(stems)),
        )

    def nominate(self, shards: Sequence[Narrowed], text: AskedText) -> list[FoundNames]:
        """What the rankers of each name for a text, its words by the best of these shards together."""
        indexes = self._indexes(shards)
        found, asked = self._looked_up(indexes, text)
        named = nominate_together(indexes, asked, text.vectors, text.mode)
        return [
            FoundNames(own, replace(each, words=each.words[-1:]))
            for own, each in zip(found, named, strict=True)
        ]

    def gather_whole(self, shards: Sequence[Narrowed], text: AskedText) -> list[FoundPart]:
        """Every region of each shard that its request lets through."""
        indexes = self._indexes(shards)
        found, asked = self._looked_up(indexes, text)
        parts = self._gathered(indexes, asked, text.vectors, text.mode, None)
        return [FoundPart(own, *each) for own, each in zip(found, parts, strict=True)]

    def gather(
        self,
        shards: Sequence[Narrowed],
        asked: Sequence[Asked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array],
    ) -> list[tuple[Part, bool]]:
        """The regions of some chunks of each, and whether its expression ran out of time."""
        indexes = self._indexes(shards)
        return self._gathered(indexes, asked, vectors, mode, chunks)

    def show(
        self,
        names: Sequence[str],
        at: Sequence[tuple[Int64Array, Int64Array]],
        query: str,
        vectors: QueryVectors | None,
    ) -> list[Shown]:
        """Where regions stand, given for each shard by positions of their chunks and their own."""
        shown = []
        for name, own in zip(names, at, strict=True):
            places = self._searchers[name].generation.places(*own)
            matches = [self._matches(name, place, query, vectors) for place in places]
            shown.append(Shown(places, matches, self._details(name, [each.chunk_id for each in places])))
        return shown

    # --- shards of this group by themselves ---------------------------------------------------------

    def search_within(self, shards: Sequence[Narrowed], request: SearchRequest) -> FoundWithin:
        """A whole search of these shards, as where there are no others."""
        own = {each.name: replace(each.request, k=request.k) for each in shards}
        if len(own) == 1:
            ((name, narrowed),) = own.items()
            return self._within(self._searchers[name].search(narrowed), name)
        searchers = {name: self._searchers[name] for name in own}
        return self._within(Together(searchers, lambda name, asked: own[name]).search(request), "")

    def similar(self, name: str, path: str, line: int | None, k: int) -> FoundWithin:
        """Code of one shard like a place of it."""
        return self._within(self._searchers[name].similar(path, line, k), name)

    def chunk(self, name: str, chunk_id: int) -> Chunk:
        """One chunk."""
        return self._searchers[name].chunk(chunk_id)

    def file_text(self, name: str, path: str) -> str | None:
        """The indexed text of a file, or None."""
        return self._searchers[name].file_text(path)

    def outline(self, name: str, prefix: str) -> tuple[OutlineEntry, ...]:
        """Symbols of files."""
        return self._searchers[name].outline(prefix)

    def paths(self, name: str) -> tuple[str, ...]:
        """Every indexed file."""
        return self._searchers[name].paths()

    def status(self, name: str) -> IndexStatus:
        """Everything known of a shard; no disk is looked at for what is stale."""
        return self._searchers[name].status(0.0)

    # --- parts --------------------------------------------------------------------------------------

    def _within(self, result: SearchResult, name: str) -> FoundWithin:
        """A result as it travels; its hits are those of one shard, where that has a name."""
        values = {
            each.name: getattr(result, each.name)
            for each in fields(SearchResult)
            if each.name not in ("hits", "first")
        }
        hits, chunk_ids = [], dict[str, list[int]]()
        for hit in result.hits:
            shard = name or hit.repository
            place = Place(hit.chunk_id, hit.start_char, hit.end_char)
            matches = self._matches(shard, place, result.query, result.vectors)
            hits.append(replace(hit, repository=shard, matches=matches))
            chunk_ids.setdefault(shard, []).append(hit.chunk_id)
        details = {shard: self._details(shard, own) for shard, own in chunk_ids.items()}
        return FoundWithin(values, tuple(hits), details)

    def _matches(
        self, name: str, place: Place, query: str, vectors: QueryVectors | None
    ) -> tuple[WordMatch, ...]:
        hit = Hit(place.chunk_id, 0.0, place.start_char, place.end_char, ComponentScores())
        return self._searchers[name].generation.explain(query, vectors, hit).matches

    def _details(self, name: str, chunk_ids: Sequence[int]) -> dict[int, Detail]:
        return {chunk_id: self._detail(name, chunk_id) for chunk_id in set(chunk_ids)}

    def _detail(self, name: str, chunk_id: int) -> Detail:
        searcher = self._searchers[name]
        chunk = searcher.chunk(chunk_id)
        text = searcher.file_text(chunk.path)
        if text is None or (chunk.start_char == 0 and chunk.end_char == len(text)):
            return Detail(chunk, None, ())
        return Detail(chunk, text, searcher.outline(chunk.path))

    def _indexes(self, shards: Sequence[Narrowed]) -> list[Index]:
        return [
            Index(each.name, self._searchers[each.name].generation, self._masks(each.name, each.request))
            for each in shards
        ]

    def _made_masks(self, name: str, request: SearchRequest) -> Any:
        return self._searchers[name].generation.masks(request)

    def _looked_up(self, indexes: Sequence[Index], text: AskedText) -> tuple[list[Found], list[Asked]]:
        """What full text says, the best of these indexes together: as it travels, and as it is used here."""
        rows = find_rows(words_for(text.shape, text.mode, indexes), text.statistics, indexes)
        looked_up = look_up_rows(rows, text.shape, text.mode, indexes)
        found = []
        for index, own, each in zip(indexes, rows, looked_up, strict=True):
            gatherer, allowed = index.open.gatherer, index.masks.chunks
            region_at = gatherer.region_positions(own.regions.row_ids)
            chunks = [gatherer.chunks_of(at) for at in (region_at, each.symbols.region)]
            if allowed is not None:
                chunks = [np.where(allowed[own_chunks], own_chunks, -1) for own_chunks in chunks]
            found.append(Found(own, region_at, each.symbols, each.definitions, *chunks))
        return found, [Asked(text.shape, each, text.rarities) for each in looked_up]

    def _gathered(
        self,
        indexes: Sequence[Index],
        asked: Sequence[Asked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array] | None,
    ) -> list[tuple[Part, bool]]:
        with one_blas_thread():
            parts = self._fan_out.gather(indexes, asked, vectors, mode, chunks)
        return [(part, index.masks.timed_out) for part, index in zip(parts, indexes, strict=True)]


def answer(served: Any, method: str, arguments: Sequence[Any]) -> Any:
    """What a method says, or `Refused`. For whatever carries calls from elsewhere."""
    if method.startswith("_") or method == "close":
        raise ValueError(method)
    try:
        return getattr(served, method)(*arguments)
    except CodesearchError as error:
        return Refused(error)
