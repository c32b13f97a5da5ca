"""Which regions may answer, and what each ranker says of them: the first half of a search.

Lexical and single-vector search name chunks; MaxSim is then computed for every region of those, or
of the whole index while that is small enough to read. Composed by `search.py`; ranks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding_store import SegmentReader
from indexer.filters import Filters
from indexer.lexical import FILE_WEIGHTS, REGION_WEIGHTS, search_rows
from indexer.records import Float32Array, Mode, QueryVectors
from indexer.single_vectors import SingleVectors
from indexer.store import StoreReader
from indexer.tables import REGION_BITS, Tables
from indexer.vectors.codec import RowCodec

FULL_SCAN_ROWS = 150_000
"""An index of at most this many token rows is scored whole: nothing can be missed."""
MAX_CHUNKS = 256
"""Chunks scored by MaxSim in a larger one."""
_LEXICAL_REGIONS = 400
_LEXICAL_FILES = 200
_SINGLE_ROWS = 400


@dataclass(frozen=True, slots=True)
class Gathered:
    """N candidate regions in order of chunk, with every score; NaN: not run, or not found."""

    region: NDArray[np.int64]
    """(N,) positions in the region table."""
    chunk: NDArray[np.int64]
    """(N,) positions in the chunk table."""
    lexical_region: Float32Array
    lexical_file: Float32Array
    single_region: Float32Array
    single_chunk: Float32Array
    """(N,) each."""
    maxima: Float32Array | None
    """(Q, N): for each query row, the best cosine within the region; None where MaxSim did not run."""
    header_maxima: Float32Array | None
    """(Q, N): the same over the header rows (the path) of the region's chunk."""


class CandidateGatherer:
    """The rankers over one open generation."""

    def __init__(
        self,
        store: StoreReader,
        tables: Tables,
        segments: SegmentReader,
        codec: RowCodec,
        singles: SingleVectors,
    ) -> None:
        self._store = store
        self._tables = tables
        self._segments = segments
        self._codec = codec
        self._singles = singles

    def gather(
        self, words: Sequence[str], vectors: QueryVectors | None, mode: Mode, filters: Filters
    ) -> Gathered:
        """Candidates for a query; `vectors` is None in lexical mode."""
        tables = self._tables
        lexical_regions: dict[int, float] = {}
        lexical_files: dict[int, float] = {}
        if mode in (Mode.HYBRID, Mode.LEXICAL):
            query = self._store.query
            lexical_regions = search_rows(query, "lexical_regions", words, REGION_WEIGHTS, _LEXICAL_REGIONS)
            lexical_files = search_rows(query, "lexical_files", words, FILE_WEIGHTS, _LEXICAL_FILES)
        single = (
            vectors.single
            if vectors is not None and mode in (Mode.HYBRID, Mode.SINGLE, Mode.COLBERT)
            else None
        )
        near = self._singles.search(single, _SINGLE_ROWS) if single is not None else None
        multi = vectors.rows if vectors is not None and mode in (Mode.HYBRID, Mode.COLBERT) else None

        everything = multi is not None and int(tables.n_rows.sum()) <= FULL_SCAN_ROWS
        if everything:
            chunks = np.arange(tables.n_chunks)
            if filters.chunks is not None:
                chunks = chunks[filters.chunks]
        else:
            chunks = self._choose_chunks(lexical_regions, lexical_files, near, filters)
        counts = tables.n_regions[chunks]
        chunk = np.repeat(chunks, counts)
        region = np.repeat(tables.region_start[chunks], counts) + _ramp(counts)
        allowed = np.ones(len(region), bool) if filters.regions is None else filters.regions[region]

        lexical_region = _looked_up((tables.chunk_id[chunk] << REGION_BITS) + _ramp(counts), lexical_regions)
        lexical_file = _looked_up(tables.file_id[chunk], lexical_files)
        single_region = np.full(len(region), np.nan, np.float32)
        single_chunk = np.full(len(region), np.nan, np.float32)
        if single is not None and mode is not Mode.COLBERT and len(chunks):
            self._score_single(single, chunks, counts, single_region, single_chunk)
        maxima = header = None
        if multi is not None and len(chunks):
            maxima, header = self._score_multi(multi, chunks, counts)
        keep = np.flatnonzero(allowed)
        return Gathered(
            region[keep], chunk[keep], lexical_region[keep], lexical_file[keep], single_region[keep],
            single_chunk[keep],
            None if maxima is None else maxima[:, keep],
            None if header is None else header[:, keep],
        )  # fmt: skip

    def _choose_chunks(
        self,
        lexical_regions: dict[int, float],
        lexical_files: dict[int, float],
        near: tuple[NDArray[np.int64], Float32Array] | None,
        filters: Filters,
    ) -> NDArray[np.int64]:
        """The chunks most often and most highly named, by reciprocal rank, in order of position."""
        tables = self._tables
        votes = np.zeros(tables.n_chunks, np.float32)
        named: list[NDArray[np.int64]] = []
        if lexical_regions:
            ids = np.fromiter(lexical_regions, np.int64) >> REGION_BITS
            named.append(tables.position(ids))
        if lexical_files:
            ids = np.fromiter(lexical_files, np.int64)
            order = np.argsort(tables.file_id, kind="stable")
            firsts = np.searchsorted(tables.file_id[order], ids)
            named.append(order[np.minimum(firsts, tables.n_chunks - 1)])
        if near is not None:
            named.append(np.searchsorted(tables.single_row, near[0], "right") - 1)
        for positions in named:
            _, first = np.unique(positions, return_index=True)
            ordered = positions[np.sort(first)]
            if filters.chunks is not None:
                ordered = ordered[filters.chunks[ordered]]
            votes[ordered] += 1.0 / (20.0 + np.arange(len(ordered), dtype=np.float32))
        found = np.flatnonzero(votes)
        if len(found) > MAX_CHUNKS:
            found = found[np.argsort(-votes[found], kind="stable")[:MAX_CHUNKS]]
        return np.sort(found)

    def _score_single(
        self,
        query: Float32Array,
        chunks: NDArray[np.int64],
        counts: NDArray[np.int64],
        single_region: Float32Array,
        single_chunk: Float32Array,
    ) -> None:
        tables = self._tables
        at = 0
        for chunk, n_regions in zip(chunks.tolist(), counts.tolist(), strict=True):
            rows = self._segments.single(
                int(tables.segment[chunk]), int(tables.single_start[chunk]), int(tables.n_single[chunk])
            )
            scores = rows.astype(np.float32) @ query
            part = slice(at, at + n_regions)
            single_chunk[part] = scores[0]
            single_region[part] = scores[1 : 1 + n_regions]
            for wide, score in zip(self._wide(chunk), scores[1 + n_regions :], strict=True):
                regions = tables.regions[int(tables.region_start[chunk]) :][:n_regions]
                inside = (regions[:, 0] < wide[1]) & (regions[:, 1] > wide[0])
                single_region[part][inside] = np.maximum(single_region[part][inside], score - 0.02)
            at += n_regions

    def _wide(self, chunk: int) -> list[list[int]]:
        tables = self._tables
        return tables.wide[int(tables.wide_start[chunk]) : int(tables.wide_start[chunk + 1])].tolist()

    def _score_multi(
        self, query: Float32Array, chunks: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> tuple[Float32Array, Float32Array]:
        """(Q, N) maxima of each region, and of its chunk's header."""
        tables = self._tables
        codes = np.concatenate(
            [
                self._segments.rows(int(tables.segment[c]), int(tables.rows_start[c]), int(tables.n_rows[c]))
                for c in chunks.tolist()
            ]
        )
        similarities = self._codec.rotate(query) @ self._codec.decode_rotated(codes).T  # (Q, rows)
        first_rows = np.concatenate([[0], np.cumsum(tables.n_rows[chunks])])[:-1]
        headers = tables.n_header_rows[chunks]
        ends = np.concatenate(
            [
                tables.regions[int(tables.region_start[c]) :][: int(n), 2]
                for c, n in zip(chunks, counts, strict=True)
            ]
        )
        ends = ends + np.repeat(first_rows, counts)
        is_first = _ramp(counts) == 0
        starts = np.empty_like(ends)
        starts[1:] = ends[:-1]
        starts[is_first] = first_rows + headers
        maxima = _segment_maxima(similarities, starts, ends)
        header = np.repeat(_segment_maxima(similarities, first_rows, first_rows + headers), counts, axis=1)
        return maxima, header


def _segment_maxima(values: Float32Array, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Float32Array:
    """(Q, N): the largest value of each row between starts and ends; -1 where that is empty."""
    borders = np.stack([starts, ends], axis=1).reshape(-1)
    padded = np.concatenate([values, np.full((len(values), 1), -1.0, np.float32)], axis=1)
    found = np.maximum.reduceat(padded, borders, axis=1)[:, ::2]
    found[:, ends <= starts] = -1.0
    return found


def _ramp(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 .. n-1 for each count, joined."""
    total = int(counts.sum())
    starts = np.cumsum(counts) - counts
    return np.arange(total) - np.repeat(starts, counts)


def _looked_up(ids: NDArray[np.int64], scores: dict[int, float]) -> Float32Array:
    if not scores:
        return np.full(len(ids), np.nan, np.float32)
    return np.array([scores.get(i, np.nan) for i in ids.tolist()], np.float32)
