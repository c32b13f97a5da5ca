"""What a search asks of all its indexes at once, where they are open in this process.

Each question is put to every index and answered for every index, in their order, so that a search of shards
on other machines (`cluster/`) is the same search with another fan-out: a call a machine in place of a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from operator import add

from indexer.light_dataclasses import dataclass
from indexer.open_generation import OpenGeneration
from indexer.records import Float32Array, Hit, Int64Array, Mode, QueryVectors
from indexer.retrieve.candidates import (
    LEXICAL_REGIONS,
    SINGLE_ROWS,
    SYMBOL_SPANS,
    Asked,
    Gathered,
    LookedUp,
    Nominations,
    rows_compared,
)
from indexer.retrieve.filters import Masks
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.ranking import Ranked
from indexer.retrieve.several_indexes import Part
from indexer.retrieve.token_maxima import RegionMaxima, TokenRuns, maxima_of
from indexer.storage.full_text import TextStatistics, matches_of
from indexer.storage.postings import BestRows, best_of_tables
from indexer.vectors.base import BestScores
from indexer.vectors.cores import MAX_CORES, beside


@dataclass(frozen=True, slots=True)
class Index:
    """One index and what a request lets through of it."""

    name: str
    open: OpenGeneration
    masks: Masks


@dataclass(frozen=True, slots=True)
class Counted:
    """How often words occur, in some indexes together."""

    statistics: TextStatistics
    n_with: dict[str, int]
    """Regions that hold each stem."""

    def __add__(self, other: Counted) -> Counted:
        """Of both together."""
        n_with = {stem: n + other.n_with[stem] for stem, n in self.n_with.items()}
        return Counted(self.statistics + other.statistics, n_with)


@dataclass(frozen=True, slots=True)
class FoundRows:
    """The rows of one index's full text that hold a query's words, best first."""

    regions: BestRows
    symbols: BestRows


@dataclass(frozen=True, slots=True)
class Pick:
    """Candidates of one index that are to become hits, in order."""

    index: Index
    gathered: Gathered
    ranked: Ranked


_LOOK_UPS_BY_FTS5 = 3
"""By one index, before it is asked for where words stand: a report is looked up twice, with its title."""
_MAX_REGIONS_READ = 50_000
"""Of an index whose rows' lengths are read for that: 0.1 s."""

_InEach = tuple[list[LookedUp], dict[str, int]]
LookingUp = Callable[[], _InEach]
"""Waits for what full text says in each index, and how many regions of all hold each stem."""


class FanOut:
    """Questions to several indexes; what is given for each index is in their order."""

    def counts(self, generations: Iterable[OpenGeneration], stems: Iterable[str]) -> dict[str, int]:
        """How many regions of all indexes hold each stemmed word."""
        wanted = sorted(stems)
        counts = [each.counts_of(wanted) for each in generations]
        return {word: sum(each[word] for each in counts) for word in wanted}

    def looking_up(
        self, shapes: Sequence[QueryShape], mode: Mode, indexes: Sequence[Index]
    ) -> Iterator[LookingUp]:
        """Ask full text for the words of texts, which weigh by the statistics of all indexes.

        To go on to a text begins to look it up; in one index the first goes on to all, one after the other.
        """
        if len(indexes) == 1:
            every = beside(lambda: [look_up_in_one(shape, mode, indexes) for shape in shapes])
            yield from (partial(_nth, every, at) for at in range(len(shapes)))
        else:
            yield from (self._looking_up(shape, mode, indexes) for shape in shapes)

    def _looking_up(self, shape: QueryShape, mode: Mode, indexes: Sequence[Index]) -> LookingUp:
        words = words_for(shape, mode, indexes)
        every = max(words, key=len)
        # Each thread reads of a share of the indexes: to hand over one by one would cost more than is kept.
        shares = [indexes[at::MAX_CORES] for at in range(min(MAX_CORES, len(indexes)))]
        counting = [beside(partial(count, shape, every, share)) for share in shares]

        def looked_up() -> tuple[list[LookedUp], dict[str, int]]:
            known = reduce(add, (wait() for wait in counting))
            rows = find_rows(words, known.statistics, indexes)
            return look_up_rows(rows, shape, mode, indexes), known.n_with

        return looked_up

    def nominate(
        self, indexes: Sequence[Index], asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode
    ) -> list[Nominations]:
        """What the rankers of each name for a text."""
        if len(indexes) > 1:
            return nominate_together(indexes, asked, vectors, mode)
        (index,), (own,) = indexes, asked
        return [index.open.gatherer.nominate(own.looked_up, vectors, mode, index.masks)]

    def gather(
        self,
        indexes: Sequence[Index],
        asked: Sequence[Asked],
        vectors: QueryVectors | None,
        mode: Mode,
        chunks: Sequence[Int64Array] | None,
    ) -> list[Part]:
        """The regions of these chunks with their scores; None for every chunk that the filters let pass."""
        found = []
        nothing: Part | None = None
        every = (
            [index.open.gatherer.every_chunk(index.masks) for index in indexes] if chunks is None else chunks
        )
        maxima = _maxima(indexes, rows_compared(vectors, mode), every)
        for index, own, scored, of_rows in zip(indexes, asked, every, maxima, strict=True):
            if not len(scored) and nothing is not None:
                found.append(nothing)
                continue
            gathered = index.open.gatherer.gather(own.looked_up, vectors, mode, index.masks, scored, of_rows)
            part = index.open.part(own, gathered)
            found.append(part)
            nothing = nothing if len(scored) else part
        return found

    def hits(self, picks: Sequence[Pick], k: int) -> list[tuple[Hit, ...]]:
        """The first k hits of each."""
        return [pick.index.open.hits(pick.gathered, pick.ranked, k) for pick in picks]


def _nth(every: Callable[[], list[_InEach]], at: int) -> _InEach:
    return every()[at]


def nominate_together(
    indexes: Sequence[Index], asked: Sequence[Asked], vectors: QueryVectors | None, mode: Mode
) -> list[Nominations]:
    """What each names; single vectors no more than can be among the best of all these indexes."""
    best = BestScores(SINGLE_ROWS)
    found = [
        index.open.gatherer.nominate(own.looked_up, vectors, mode, index.masks, best)
        for index, own in zip(indexes, asked, strict=True)
    ]
    return [each.of_at_least(best.least) for each in found]


def _maxima(
    indexes: Sequence[Index], rows: Float32Array | None, chunks: Sequence[Int64Array]
) -> list[RegionMaxima | None]:
    """MaxSim over the chunks of all indexes in one pass: a product each would cost more than their rows."""
    found: list[RegionMaxima | None] = [None] * len(indexes)
    of_codec: dict[tuple[str, int], dict[int, TokenRuns]] = {}
    if rows is not None:
        for at, (index, own) in enumerate(zip(indexes, chunks, strict=True)):
            runs = index.open.gatherer.token_runs(own)
            if runs is not None:
                of_codec.setdefault((runs.codec.name, runs.codec.dim), {})[at] = runs
        for alike in of_codec.values():
            for at, maxima in zip(alike, maxima_of(rows, list(alike.values())), strict=True):
                found[at] = maxima
    return found


def look_up_in_one(
    shape: QueryShape, mode: Mode, indexes: Sequence[Index]
) -> tuple[list[LookedUp], dict[str, int]]:
    """What full text says in the only index: by FTS5 at first, then by where its words stand.

    Both say the same to the last digit. To read how long all rows are takes longer than a question saves, but
    later ones share their common words, which cost most: a report's title and body, looked up in 13,000
    regions, take 24 ms by FTS5 and 14 so, 3 where all words were asked for before.
    """
    (only,) = indexes
    only.open.n_looked_up += 1
    if only.open.n_looked_up <= _LOOK_UPS_BY_FTS5 or only.open.n_regions > _MAX_REGIONS_READ:
        looked_up = only.open.gatherer.look_up(shape, mode, only.masks)
        return [looked_up], only.open.counts_of(shape.stems)
    words = words_for(shape, mode, indexes)
    known = count(shape, words[0], indexes)
    return look_up_rows(find_rows(words, known.statistics, indexes), shape, mode, indexes), known.n_with


def words_for(shape: QueryShape, mode: Mode, indexes: Sequence[Index]) -> list[tuple[str, ...]]:
    """The words that the full text of each index is asked for."""
    return [index.open.gatherer.words_of(shape, mode) for index in indexes]


def count(shape: QueryShape, words: Sequence[str], indexes: Sequence[Index]) -> Counted:
    """How often words and stems occur in some indexes."""
    return reduce(
        add,
        (Counted(each.open.postings.statistics(words), each.open.counts_of(shape.stems)) for each in indexes),
    )


def find_rows(
    words: Sequence[Sequence[str]], whole: TextStatistics, indexes: Sequence[Index]
) -> list[FoundRows]:
    """The best rows of each index: as many as are looked at of all these indexes together."""
    postings = [index.open.postings for index in indexes]
    # What a filter lets through may stand behind any number of rows that it does not.
    is_limited = [index.masks.regions is None for index in indexes]
    regions = best_of_tables(
        [each.regions for each in postings], words, whole.regions, LEXICAL_REGIONS, is_limited
    )
    symbols = best_of_tables(
        [each.symbols for each in postings], words, whole.symbols, SYMBOL_SPANS, [True] * len(indexes)
    )
    return [FoundRows(*pair) for pair in zip(regions, symbols, strict=True)]


def look_up_rows(
    rows: Sequence[FoundRows], shape: QueryShape, mode: Mode, indexes: Sequence[Index]
) -> list[LookedUp]:
    """The places of rows that were found."""
    return [
        index.open.gatherer.looked_up(matches_of(own.regions), matches_of(own.symbols), shape, mode)
        for index, own in zip(indexes, rows, strict=True)
    ]
