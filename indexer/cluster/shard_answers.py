"""What shards are asked and what they answer, as it travels: ids, scores and small arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexer.errors import CodesearchError
from indexer.fan_out import FoundRows
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
    WordMatch,
)
from indexer.retrieve.candidates import Nominations, Places
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.several_indexes import Part
from indexer.settings import BuildSettings
from indexer.storage.facts import BuildFacts
from indexer.storage.full_text import TextStatistics
from indexer.storage.manifest import Manifest


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
class Narrowed:
    """A shard, and the request for it."""

    name: str
    request: SearchRequest


@dataclass(frozen=True, slots=True)
class ShardCounts:
    """How often words occur in each of S shards."""

    sizes: Int64Array
    """(S, 4) rows and tokens of the table of regions, then of that of symbols."""
    of_words: Int64Array
    """(S, W, 2) regions and symbols that hold each word."""
    of_stems: Int64Array
    """(S, V) regions that hold each stem."""


@dataclass(frozen=True, slots=True)
class AskedText:
    """A text that is looked up and compared, with what all shards together say of its words."""

    shape: QueryShape
    rarities: dict[str, float]
    """Of the stems in its shape."""
    statistics: TextStatistics
    vectors: QueryVectors | None
    mode: Mode


@dataclass(frozen=True, slots=True)
class Found:
    """What full text and names found in one shard, the best of those of its group."""

    rows: FoundRows
    region_at: Int64Array
    """(M,) where the rows of `rows.regions` stand among the shard's regions."""
    symbols: Places
    """Where those of `rows.symbols` stand, in the same order."""
    definitions: Places
    chunk_of_region: Int64Array
    """(M,) the chunk of each row of `rows.regions`; -1 where the filters let it not through."""
    chunk_of_symbol: Int64Array
    """The same of `rows.symbols`."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """One shard that is scored whole."""

    found: Found
    part: Part
    timed_out: bool
    """Its expression ran out of time."""


@dataclass(frozen=True, slots=True)
class FoundNames:
    """What the rankers of one shard name for a text; of words, its definitions alone."""

    found: Found
    named: Nominations


@dataclass(frozen=True, slots=True)
class Detail:
    """What a passage is cut from."""

    chunk: Chunk
    text: str | None
    """Of the whole file; None where that is the chunk's."""
    outline: tuple[OutlineEntry, ...]
    """Of the file, where the chunk is a part of it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Regions of one shard that are to be shown."""

    places: list[Place]
    matches: list[tuple[WordMatch, ...]]
    """Of each, with the query's words."""
    details: dict[int, Detail]
    """By chunk_id."""


@dataclass(frozen=True, slots=True)
class FoundWithin:
    """A search of some shards of one group by itself: the values of `SearchResult` that travel."""

    values: dict[str, Any]
    hits: tuple[Hit, ...]
    """With their matches; `repository` is the shard's name."""
    details: dict[str, dict[int, Detail]]
    """By shard and chunk_id."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error that is an answer: what a person asked cannot be served."""

    error: CodesearchError
