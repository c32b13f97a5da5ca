"""Which regions may answer, and what each ranker says of them: the first half of a search.

Full text, symbol names and single vectors name chunks; MaxSim is then computed for every region of
those, or of all while that is little enough to read. Composed by `search_steps.py`; ranks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.embeddings.embedding_store import SegmentReader
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array, Mode, QueryVectors
from indexer.retrieve.filters import Masks
from indexer.retrieve.query_shape import QueryShape
from indexer.retrieve.token_maxima import RegionMaxima, TokenRuns, maxima_of
from indexer.storage.database import StoreReader
from indexer.storage.full_text import LexicalMatches, search_regions, search_symbols
from indexer.storage.mapped_tables import REGION_BITS, Tables
from indexer.storage.plaid_candidates import MultiVectors
from indexer.storage.single_candidates import SingleVectors
from indexer.vectors.base import BestScores
from indexer.vectors.ragged import run_places
from indexer.vectors.row_codec import RowCodec, float16_to_float32

FULL_SCAN_ROWS = 60_000
"""Indexes of at most this many token rows are scored whole: nothing can be missed. See `DECISIONS.md`, 17."""
MAX_CHUNKS = 256
"""Chunks scored by MaxSim in larger ones."""
MAX_ROWS = 100_000
"""Token rows of those chunks: files of 8,192 tokens are fewer."""
LEXICAL_REGIONS = 400
"""The best regions by words, of all indexes together."""
SYMBOL_SPANS = 200
"""The best symbols, of all indexes together."""
_DEFINITIONS = 200
SINGLE_ROWS = 400
"""The nearest single vectors, of all indexes together."""

_WIDE_LOSS = np.float32(0.02)
"""A region is as near as a wide span around it, less this."""
_CHAR_BITS = 32

_DEFINITION_WEIGHT = {
    "function": 0.7, "macro": 0.7, "method": 0.4, "constant": 0.4, "section": 0.4, "impl": 0.4,
}  # fmt: skip
"""How much of a definition a span of a kind is; kinds that are not listed count whole.

An extension or an `impl` block adds to a type that is defined elsewhere, in Swift in dozens of files.
"""


@dataclass(frozen=True, slots=True)
class Gathered:
    """N candidate regions in order of chunk, with every score; 0: not found, or that ranker did not run."""

    region: Int64Array
    """(N,) positions in the region table."""
    chunk: Int64Array
    """(N,) positions in the chunk table."""
    lexical: Float32Array
    """(N,) BM25 over path, symbols and body."""
    lexical_body: Float32Array
    """(N,) BM25 over the body alone."""
    symbol: Float32Array
    """(N,) BM25 of the best symbol that the region shows a part of."""
    definition: Float32Array
    """(N,) 0..1: the region begins the definition of an identifier of the query."""
    single: Float32Array
    """(N,) cosine of the region's row, or nearly that of a wide span around it."""
    single_chunk: Float32Array
    """(N,) cosine of the chunk's row."""
    maxima: Float32Array | None
    """(Q, N): for each query row, the best cosine within the region; None where MaxSim did not run."""
    header_maxima: Float32Array | None
    """(Q, N): the same over the header rows (the path) of the region's chunk."""
    is_flat: NDArray[np.bool_]
    """(N,): no span of the region's chunk is wider than a region, as in text without headings."""
    has_vectors: NDArray[np.bool_]
    """(N,) False: the region was not encoded yet, and its vectors' scores mean nothing."""


@dataclass(frozen=True, slots=True)
class Places:
    """M spans that a query names, as places in the region table."""

    region: Int64Array
    """(M,)"""
    score: Float32Array
    """(M,)"""


@dataclass(frozen=True, slots=True)
class Nominated:
    """Chunks that one ranker names, best first; a chunk may be named more than once."""

    chunk: Int64Array
    """(M,) positions in the chunk table."""
    score: Float32Array
    """(M,) descending, as the ranker gives them."""


@dataclass(frozen=True, slots=True)
class Nominations:
    """What the rankers of one index name for one text."""

    words: list[Nominated]
    """By full text, symbols and definitions."""
    rows: Int64Array | None
    """By PLAID, best first; None where none is built or rows are not compared."""
    single: Nominated | None
    """By single vectors; None where the text has none."""

    def of_at_least(self, least: float) -> Nominations:
        """The same, less what single vectors name with lower scores."""
        if self.single is None:
            return self
        n = int((self.single.score >= least).sum())
        return replace(self, single=Nominated(self.single.chunk[:n], self.single.score[:n]))


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What full text and names found."""

    regions: LexicalMatches
    symbols: Places
    definitions: Places

    @property
    def finds_words(self) -> bool:
        """Whether any region holds one of the words."""
        return len(self.regions.row_ids) > 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A text that is searched for, and what full text says of it in one index."""

    shape: QueryShape
    looked_up: LookedUp
    rarities: dict[str, float]
    """Of the stems in its shape."""


class CandidateGatherer:
    """The rankers over one open generation."""

    def __init__(
        self,
        store: StoreReader,
        tables: Tables,
        segments: SegmentReader,
        codec: RowCodec | None,
        singles: SingleVectors,
        multis: MultiVectors,
        unread: Int64Array | None = None,
    ) -> None:
        """`unread` are regions, by position, that have no vectors though their chunk has some."""
        self._store = store
        self._tables = tables
        self._segments = segments
        self._codec = codec
        self._singles = singles
        self._multis = multis
        self._unread = unread if unread is not None else np.empty(0, np.int64)

    def words_of(self, shape: QueryShape, mode: Mode) -> tuple[str, ...]:
        """The words that full text is asked for."""
        by_words = mode in (Mode.HYBRID, Mode.LEXICAL)
        # Without single vectors only words can name the candidates of a large index.
        has_all = not self._tables.lacks_vectors.any()
        return shape.words if by_words or self._singles.is_empty or not has_all else ()

    def look_up(self, shape: QueryShape, mode: Mode, filters: Masks) -> LookedUp:
        """What the database says of a query's words; needs none of its vectors."""
        words = self.words_of(shape, mode)
        # What a filter lets through may stand behind any number of rows that it does not.
        limit = LEXICAL_REGIONS if filters.regions is None else -1
        return self.looked_up(
            search_regions(self._store.query, words, limit),
            search_symbols(self._store.query, words, SYMBOL_SPANS),
            shape,
            mode,
        )

    def looked_up(
        self, regions: LexicalMatches, symbols: LexicalMatches, shape: QueryShape, mode: Mode
    ) -> LookedUp:
        """What full text found, with the places of the symbols and of what the query names."""
        by_words = mode in (Mode.HYBRID, Mode.LEXICAL)
        return LookedUp(
            regions, self._symbols(symbols), self._definitions(shape) if by_words else no_places()
        )

    @property
    def has_row_index(self) -> bool:
        """Whether PLAID is built, which names chunks by their rows."""
        return self._multis.is_built

    @property
    def n_rows(self) -> int:
        """Token rows of all chunks."""
        return int(self._tables.n_rows.sum())

    def every_chunk(self, filters: Masks) -> Int64Array:
        """All chunks that the filters let through, in order of position."""
        chunks = np.arange(self._tables.n_chunks)
        return chunks if filters.chunks is None else chunks[filters.chunks]

    def nominate(
        self,
        looked_up: LookedUp,
        vectors: QueryVectors | None,
        mode: Mode,
        filters: Masks,
        best: BestScores | None = None,
    ) -> Nominations:
        """The chunks that words and vectors name for a text, of those that the filters let through.

        `vectors` is None in lexical mode. `best` are the single vectors' scores in the indexes asked before.
        """
        multi = rows_compared(vectors, mode)
        rows = single = None
        if multi is not None and self._multis.is_built:
            rows = self._multis.search(multi, MAX_CHUNKS, filters.chunks)
        if vectors is not None and vectors.single is not None:
            found = self._singles.search(vectors.single, SINGLE_ROWS, filters.chunks, best)
            single = Nominated(found.chunk, found.scores)
        return Nominations([_allowed(each, filters) for each in self._by_words(looked_up)], rows, single)

    def gather(
        self,
        looked_up: LookedUp,
        vectors: QueryVectors | None,
        mode: Mode,
        filters: Masks,
        chunks: Int64Array,
        found_maxima: RegionMaxima | None = None,
    ) -> Gathered:
        """The regions of chunks, in order of position, that the filters let through, with their scores.

        `found_maxima` are those of all their regions, where they were computed with those of other indexes.
        """
        tables = self._tables
        by_words = mode in (Mode.HYBRID, Mode.LEXICAL)
        single = vectors.single if vectors is not None else None
        multi = rows_compared(vectors, mode)
        found, symbols, definitions = looked_up.regions, looked_up.symbols, looked_up.definitions
        counts = tables.n_regions[chunks]
        region = run_places(tables.region_start[chunks], counts)
        n = len(region)
        columns = {
            name: np.zeros(n, np.float32)
            for name in ("lexical", "lexical_body", "symbol", "definition", "single", "whole")
        }
        if by_words:
            columns |= word_columns(region, self.region_positions(found.row_ids), found, symbols)
            _scatter(columns["definition"], region, definitions.region, definitions.score)
        has_single = tables.n_single[chunks] > 0
        if single is not None and mode in (Mode.HYBRID, Mode.SINGLE) and has_single.any():
            own = np.repeat(has_single, counts)
            encoded = chunks[has_single], counts[has_single]
            columns["single"][own], columns["whole"][own] = self._score_single(single, *encoded)
        runs = None if multi is None or found_maxima is not None else self.token_runs(chunks)
        if multi is not None and runs is not None:
            (found_maxima,) = maxima_of(multi, [runs])
        maxima = header = None
        if found_maxima is not None:
            maxima, header = found_maxima.regions, found_maxima.headers
        has_vectors = np.repeat(tables.has_vectors[chunks], counts) & ~np.isin(region, self._unread)
        keep = np.arange(n) if filters.regions is None else np.flatnonzero(filters.regions[region])
        return Gathered(
            region=region[keep],
            chunk=np.repeat(chunks, counts)[keep],
            lexical=columns["lexical"][keep],
            lexical_body=columns["lexical_body"][keep],
            symbol=columns["symbol"][keep],
            definition=columns["definition"][keep],
            single=columns["single"][keep],
            single_chunk=columns["whole"][keep],
            maxima=None if maxima is None else maxima[:, keep],
            header_maxima=None if header is None else header[:, keep],
            is_flat=np.repeat(tables.wide_start[chunks] == tables.wide_start[chunks + 1], counts)[keep],
            has_vectors=has_vectors[keep],
        )

    def named(self, looked_up: LookedUp, filters: Masks) -> Int64Array:
        """Chunks that words name, best first."""
        lists = [_allowed(each, filters).chunk for each in self._by_words(looked_up)]
        votes = votes_of(lists, self._tables.n_chunks)
        chosen = np.flatnonzero(votes)
        return chosen[np.argsort(-votes[chosen], kind="stable")]

    def _symbols(self, found: LexicalMatches) -> Places:
        """Where symbols begin, in their order."""
        if not len(found.row_ids):
            return no_places()
        marks = ",".join("?" * len(found.row_ids))
        rows = self._store.query(
            "SELECT span_id, spans.chunk_id, spans.start_char - chunks.start_char"
            f" FROM spans JOIN chunks USING (chunk_id) WHERE span_id IN ({marks})",
            found.row_ids.tolist(),
        )
        where = {span_id: (chunk_id, start) for span_id, chunk_id, start in rows}
        found_at = zip(found.row_ids.tolist(), found.scores.tolist(), strict=True)
        return self._places([(*where[span_id], score) for span_id, score in found_at])

    def _definitions(self, shape: QueryShape) -> Places:
        names = sorted(shape.identifiers)[:32]
        if not names:
            return no_places()
        marks = ",".join("?" * len(names))
        rows = self._store.query(
            "SELECT kind, spans.chunk_id, spans.start_char - chunks.start_char"
            f" FROM spans JOIN chunks USING (chunk_id) WHERE leaf IN ({marks}) LIMIT {_DEFINITIONS}",
            names,
        )
        return self._places(
            [(chunk_id, start, _DEFINITION_WEIGHT.get(kind, 1.0)) for kind, chunk_id, start in rows]
        )

    def _places(self, rows: list[tuple[int, int, float]]) -> Places:
        """Regions in which spans begin, from (chunk_id, start_char in the chunk, score)."""
        tables = self._tables
        if not rows:
            return no_places()
        columns = np.array(rows, np.float64)
        chunks, at = np.unique(tables.position(columns[:, 0].astype(np.int64)), return_inverse=True)
        counts = tables.n_regions[chunks]
        first = np.cumsum(counts) - counts
        regions = run_places(tables.region_start[chunks], counts)
        begins = (np.repeat(np.arange(len(chunks)), counts) << _CHAR_BITS) + tables.regions[regions, 0]
        starts = (at << _CHAR_BITS) + columns[:, 1].astype(np.int64)
        inside = np.maximum(np.searchsorted(begins, starts, "right") - 1, first[at])
        return Places(regions[inside], columns[:, 2].astype(np.float32))

    def region_positions(self, row_ids: Int64Array) -> Int64Array:
        """Positions in the region table of full-text row ids."""
        tables = self._tables
        chunks = tables.position(row_ids >> REGION_BITS)
        return tables.region_start[chunks] + (row_ids & ((1 << REGION_BITS) - 1))

    def _by_words(self, looked_up: LookedUp) -> list[Nominated]:
        """The chunks that full text, symbols and definitions name, a list each, best first."""
        tables = self._tables
        regions = looked_up.regions
        lists = [Nominated(tables.position(regions.row_ids >> REGION_BITS), regions.scores)]
        for places in (looked_up.symbols, looked_up.definitions):
            order = np.argsort(-places.score, kind="stable")
            lists.append(Nominated(self.chunks_of(places.region[order]), places.score[order]))
        return lists

    def chunks_of(self, regions: Int64Array) -> Int64Array:
        """Positions of the chunks of regions, both in their tables."""
        return np.searchsorted(self._tables.region_start, regions, "right") - 1

    def _score_single(
        self,
        query: Float32Array,
        chunks: NDArray[np.int64],
        counts: NDArray[np.int64],
    ) -> tuple[Float32Array, Float32Array]:
        """(N,) cosines of the regions of chunks that have single vectors, and of their chunks."""
        tables = self._tables
        # A chunk's rows: its own, its regions', its wide spans'.
        n_single = tables.n_single[chunks]
        scores = self._single_scores(query, chunks, n_single)
        first = np.cumsum(n_single) - n_single
        single_chunk = np.repeat(scores[first], counts)
        single_region = scores[run_places(first + 1, counts)]
        # A wide span lends its score to the regions that it shows a part of: those from `low` to `high`.
        n_wide = n_single - 1 - counts
        wide = tables.wide[run_places(tables.wide_start[chunks], n_wide)]
        wide_chunk = np.repeat(np.arange(len(chunks)) << _CHAR_BITS, n_wide)
        regions = tables.regions[run_places(tables.region_start[chunks], counts)]
        region_chunk = np.repeat(np.arange(len(chunks)) << _CHAR_BITS, counts)
        low = np.searchsorted(region_chunk + regions[:, 1], wide_chunk + wide[:, 0], "right")
        high = np.searchsorted(region_chunk + regions[:, 0], wide_chunk + wide[:, 1], "left")
        n_shown = np.maximum(high - low, 0)
        wide_scores = scores[run_places(first + 1 + counts, n_wide)] - _WIDE_LOSS
        np.maximum.at(single_region, run_places(low, n_shown), np.repeat(wide_scores, n_shown))
        return single_region, single_chunk

    def _single_scores(self, query: Float32Array, chunks: Int64Array, n_single: Int64Array) -> Float32Array:
        """(S,) cosines of all single-vector rows of the chunks, in order."""
        row = run_places(self._tables.single_start[chunks], n_single)
        segment = np.repeat(self._tables.segment[chunks], n_single)
        scores = np.empty(len(row), np.float32)
        for each in set(segment.tolist()):
            at = np.flatnonzero(segment == each)
            stored = self._segments.single(each, 0, int(row[at].max()) + 1)
            scores[at] = float16_to_float32(stored[row[at]]) @ query
        return scores

    def token_runs(self, chunks: Int64Array) -> TokenRuns | None:
        """The token rows of chunks as runs, a header's and then each region's; None where none are stored."""
        if not len(chunks) or self._codec is None:
            return None
        tables, counts = self._tables, self._tables.n_regions[chunks]
        pieces = [
            self._segments.codes(int(tables.segment[c]), int(tables.rows_start[c]), int(tables.n_rows[c]))
            for c in chunks[tables.n_rows[chunks] > 0].tolist()
        ]
        first_rows = np.cumsum(tables.n_rows[chunks]) - tables.n_rows[chunks]
        regions = run_places(tables.region_start[chunks], counts)
        is_header = np.zeros(len(regions) + len(chunks), bool)
        is_header[np.cumsum(counts) - counts + np.arange(len(chunks))] = True
        ends = np.empty(len(is_header), np.int64)
        ends[is_header] = first_rows + tables.n_header_rows[chunks]
        ends[~is_header] = tables.regions[regions, 2] + np.repeat(first_rows, counts)
        return TokenRuns(pieces, ends, is_header, counts, self._codec)


def are_scored_whole(
    gatherers: Sequence[CandidateGatherer], vectors: QueryVectors | None, mode: Mode
) -> bool:
    """Whether MaxSim has time for all rows of these indexes together, so that nobody need name chunks."""
    if rows_compared(vectors, mode) is None or any(each.has_row_index for each in gatherers):
        return False
    return sum(each.n_rows for each in gatherers) <= FULL_SCAN_ROWS


def split_rows(gathered: Gathered, n_rows: int) -> tuple[Gathered, Gathered]:
    """What the first `n_rows` rows of a query say, and what those behind them say."""
    if gathered.maxima is None or gathered.header_maxima is None:
        return gathered, gathered
    maxima, header = gathered.maxima, gathered.header_maxima
    return (
        replace(gathered, maxima=maxima[:n_rows], header_maxima=header[:n_rows]),
        replace(gathered, maxima=maxima[n_rows:], header_maxima=header[n_rows:]),
    )


def votes_of(lists: Sequence[Int64Array], n_chunks: int) -> Float32Array:
    """(C,) how often and how highly each chunk is named, by reciprocal rank."""
    votes = np.zeros(n_chunks, np.float32)
    for positions in lists:
        _, first = np.unique(positions, return_index=True)
        ordered = positions[np.sort(first)]
        votes[ordered] += 1.0 / (20.0 + np.arange(len(ordered), dtype=np.float32))
    return votes


def best_chunks(votes: Float32Array, n_rows: Int64Array) -> Int64Array:
    """The chunks with most votes that MaxSim has time for, in order of position; `n_rows` is (C,)."""
    chosen = np.flatnonzero(votes)
    chosen = chosen[np.argsort(-votes[chosen], kind="stable")[:MAX_CHUNKS]]
    n_fitting = int(np.searchsorted(np.cumsum(n_rows[chosen]), MAX_ROWS, "right"))
    return np.sort(chosen[: max(1, n_fitting)])


def _allowed(named: Nominated, filters: Masks) -> Nominated:
    if filters.chunks is None:
        return named
    kept = filters.chunks[named.chunk]
    return Nominated(named.chunk[kept], named.score[kept])


def rows_compared(vectors: QueryVectors | None, mode: Mode) -> Float32Array | None:
    """The token rows of a query, where the mode compares rows."""
    return vectors.rows if vectors is not None and mode in (Mode.HYBRID, Mode.COLBERT) else None


def word_columns(
    region: Int64Array, at: Int64Array, found: LexicalMatches, symbols: Places
) -> dict[str, Float32Array]:
    """(N,) columns of `Gathered` for regions (N,) in order, by full text, whose M rows stand `at` (M,)."""
    columns = {name: np.zeros(len(region), np.float32) for name in ("lexical", "lexical_body", "symbol")}
    _scatter(columns["lexical"], region, at, found.scores)
    _scatter(columns["lexical_body"], region, at, found.body_scores)
    _scatter(columns["symbol"], region, symbols.region, symbols.score)
    return columns


def _scatter(column: Float32Array, region: Int64Array, at: Int64Array, scores: Float32Array) -> None:
    """Put the larger of each region's scores into its place in the column; `region` is ascending."""
    if not len(at) or not len(region):
        return
    places = np.minimum(np.searchsorted(region, at), len(region) - 1)
    hit = region[places] == at
    np.maximum.at(column, places[hit], scores[hit])


def no_places() -> Places:
    """None."""
    return Places(np.empty(0, np.int64), np.empty(0, np.float32))
