"""The shards of one group, open on one machine: what their part of a question is, they answer.

Shards come from the store once, are compared with their SHA-256 and put into a cache on local disk as
ordinary indexes, where they are memory-mapped. Knows no Ray: `serving.py` makes a deployment of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer.closing import Closing
from indexer.cluster.catalogue import Shard
from indexer.cluster.shard_build import take_in
from indexer.cluster.store import SHARDS, Store
from indexer.disk.state_files import FOLDER_MODE
from indexer.errors import CodesearchError, IndexCorruptError, IndexMissingError
from indexer.fan_out import (
    Counted,
    FanOut,
    FoundRows,
    Index,
    count,
    find_rows,
    look_up_rows,
    nominate_together,
    words_for,
)
from indexer.light_dataclasses import dataclass
from indexer.open_generation import Place
from indexer.records import (
    Chunk,
    Float32Array,
    Hit,
    Int64Array,
    Mode,
    OutlineEntry,
    QueryVectors,
    SearchRequest,
)
from indexer.retrieve.candidates import Asked, LookedUp, Nominations
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.several_indexes import Part
from indexer.search import Searcher
from indexer.search_steps import SearchResult
from indexer.settings import BuildSettings
from indexer.storage.facts import BuildFacts
from indexer.storage.full_text import TextStatistics
from indexer.storage.manifest import Manifest
from indexer.storage.status import IndexStatus

_KEPT_MASKS = 32


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What a search must know of a shard that is elsewhere."""

    name: str
    digest: str
    repositories: tuple[str, ...]
    manifest: Manifest
    root: Path
    build: BuildFacts
    settings: BuildSettings
    n_regions: int
    n_skipped: int
    n_rows: Int64Array
    """(C,) token rows of each chunk."""
    has_row_index: bool
    has_single: bool
    """Whether the model makes single vectors."""
    is_whole: bool
    """Whether every chunk has its vectors."""
    makes: frozenset[Mode]
    """Modes that the model serves."""
    centroid: Float32Array
    """(H,) mean of the single vectors of its chunks; empty without."""
    sketch: Int64Array
    """(S,) ascending hashes of its rare words."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a passage is cut from."""

    chunk: Chunk
    text: str | None
    """Of the whole file; None where that is the chunk's."""
    outline: tuple[OutlineEntry, ...]
    """Of the file, where the chunk is a part of it."""


@dataclass(frozen=True, slots=True)
class Details:
    """Hits with their matches, and what they are cut from."""

    hits: tuple[Hit, ...]
    details: dict[int, Detail]
    """By chunk_id."""


@dataclass(frozen=True, slots=True)
class AloneResult:
    """A search of one shard by itself: the values of `SearchResult`, which travel."""

    values: dict[str, Any]
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A shard, and the request for it."""

    name: str
    request: SearchRequest


class OpenShards(Closing):
    """A group of shards. Methods take and give values that travel; they raise CodesearchError."""

    def __init__(self, store: Store, shards: Sequence[Shard], cache: Path) -> None:
        """Fetches what the cache lacks. Raises IndexCorruptError, IndexMismatchError, StorageError."""
        self._fan_out = FanOut()
        self._shards = {shard.name: shard for shard in shards}
        self._searchers: dict[str, Searcher] = {}
        with ExitStack() as opened:
            for shard in shards:
                self._searchers[shard.name] = opened.enter_context(open_cached(store, shard, cache))
            self._opened = opened.pop_all()
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

    # --- a question to several groups, step by step: see `indexer.fan_out` -------------------------

    def counts(self, names: Sequence[str], stems: Sequence[str]) -> dict[str, int]:
        """How many regions of these shards hold each stem."""
        return self._fan_out.counts([self._searchers[name].generation for name in names], stems)

    def count(self, shards: Sequence[Narrowed], shape: QueryShape, words: Sequence[str]) -> Counted:
        """How often the words of a query occur in these shards."""
        return count(shape, words, self._indexes(shards))

    def find_rows(
        self, shards: Sequence[Narrowed], shape: QueryShape, mode: Mode, whole: TextStatistics
    ) -> list[FoundRows]:
        """The best rows of each, of these shards together."""
        indexes = self._indexes(shards)
        return find_rows(words_for(shape, mode, indexes), whole, indexes)

    def nominate(
        self,
        shards: Sequence[Narrowed],
        asked: Sequence[RemoteAsked],
        vectors: QueryVectors | None,
        mode: Mode,
    ) -> list[Nominations]:
        """What the rankers of each name for a text."""
        indexes = self._indexes(shards)
        return nominate_together(indexes, self._asked(indexes, asked, mode), vectors, mode)

    def gather(
        self,
        shards: Sequence[Narrowed],
        asked: Sequence[RemoteAsked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array] | None,
    ) -> list[tuple[Part, bool]]:
        """Candidates of each, and whether its expression ran out of time."""
        indexes = self._indexes(shards)
        parts = self._fan_out.gather(indexes, self._asked(indexes, asked, mode), vectors, mode, chunks)
        return [(part, index.masks.timed_out) for part, index in zip(parts, indexes, strict=True)]

    def places(self, names: Sequence[str], at: Sequence[tuple[Int64Array, Int64Array]]) -> list[list[Place]]:
        """Where regions stand: of each shard positions of their chunks, and their own."""
        return [self._searchers[name].generation.places(*own) for name, own in zip(names, at, strict=True)]

    def details(
        self, hits: Mapping[str, Sequence[Hit]], query: str, vectors: QueryVectors | None
    ) -> dict[str, Details]:
        """Hits of each shard with their matches, and what they are cut from."""
        found = {}
        for name, own in hits.items():
            generation = self._searchers[name].generation
            explained = tuple(generation.explain(query, vectors, hit) for hit in own)
            details = {hit.chunk_id: self._detail(name, hit.chunk_id) for hit in own}
            found[name] = Details(explained, details)
        return found

    # --- one shard by itself ------------------------------------------------------------------------

    def search_alone(self, name: str, request: SearchRequest) -> AloneResult:
        """A whole search of one shard, as where it is the only index."""
        return _plain(self._searchers[name].search(request))

    def similar(self, name: str, path: str, line: int | None, k: int) -> AloneResult:
        """Code of one shard like a place of it."""
        return _plain(self._searchers[name].similar(path, line, k))

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

    def _asked(self, indexes: Sequence[Index], asked: Sequence[RemoteAsked], mode: Mode) -> list[Asked]:
        found = []
        for index, own in zip(indexes, asked, strict=True):
            looked_up = own.found
            if isinstance(looked_up, FoundRows):
                (looked_up,) = look_up_rows([looked_up], own.shape, mode, [index])
            found.append(Asked(own.shape, looked_up, own.rarities))
        return found


@dataclass(frozen=True, slots=True)
class RemoteAsked:
    """A text and what full text says of it in one shard, as it travels."""

    shape: QueryShape
    found: FoundRows | LookedUp
    rarities: dict[str, float]


def open_cached(store: Store, shard: Shard, cache: Path) -> Searcher:
    """A shard as an index of the cache, fetched if it is not there or damaged, by one process at a time."""
    home = cache / shard.sha256
    cache.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with FileLock(cache / f"{shard.sha256}.lock", mode=0o600):
        noted = store.facts(SHARDS, shard.digest)
        name = str(noted["repository"]) if noted and noted.get("repository") else shard.name
        root = home / "tree" / Path(name).name
        try:
            return Searcher.open(root, home)
        except (IndexMissingError, IndexCorruptError):
            shutil.rmtree(home, ignore_errors=True)
        root.mkdir(mode=FOLDER_MODE, parents=True)
        try:
            take_in(store, (SHARDS, shard.digest, shard.sha256), root, home)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return Searcher.open(root, home)


def _plain(result: SearchResult) -> AloneResult:
    names = [item.name for item in fields(SearchResult) if item.name not in ("hits", "first")]
    return AloneResult({name: getattr(result, name) for name in names}, result.hits)


@dataclass(frozen=True, slots=True)
class Refused:
    """An error that is an answer: what a person asked cannot be served."""

    error: CodesearchError


def answer(shards: OpenShards, method: str, arguments: Sequence[Any]) -> Any:
    """What a method says, or `Refused`. For whatever carries calls from elsewhere."""
    if method.startswith("_") or method == "close":
        raise ValueError(method)
    try:
        return getattr(shards, method)(*arguments)
    except CodesearchError as error:
        return Refused(error)
