"""Exact scores over stored rows: MaxSim by region, token similarities, and plain inner products.

NumPy alone: no index, no training, nothing approximated but what the codec rounded. Work goes tile by
tile, so that memory stays at a few megabytes whatever the number of rows, which may be mapped files.
The ranker (`candidates.py`) calls it for candidate chunks, and for everything while an
index is small; it is what FAISS and PLAID are measured against.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.vectors.base import Neighbours, top_k
from indexer.vectors.cores import Share, on_cores
from indexer.vectors.products import tall_product
from indexer.vectors.ragged import ramps
from indexer.vectors.row_codec import RowCodec, UInt8Array, float16_to_float32

TILE_BYTES = 4 << 20
"""Size of the single vectors decoded at once, as float32."""

SHARE_BYTES = 4 << 20
"""Decoded rows that make it worth while to give another core its share: half a millisecond's and more."""

KEPT_BYTES = 32 << 20
"""Single vectors that fit in so much as float32 stay decoded from the second search on."""

KEPT_BYTES_OF_ALL = 512 << 20
"""So much of all indexes together."""

COMPARED_BYTES = 1 << 20
"""Size of the token rows decoded at once: they, their scores and the codec's table stay in a core's cache.
For a report 98,000 rows take 21, 22, 26 ms of CPU time in tiles of 1, 2, 4 MB, beside other work."""

_GROUP_ROWS = 64
"""Rows of a run that are compared one after the other: a longer run is several groups."""

_BLOCK_ROWS = 1 << 16
"""Rows that are put in order at once."""

NOTHING = -1.0
"""The maximum over no rows: the least that a cosine can be."""


def run_maxima(
    query_rows: Float32Array,
    pieces: Sequence[UInt8Array],
    codec: RowCodec,
    starts: NDArray[np.integer],
    ends: NDArray[np.integer],
) -> Float32Array:
    """For each query row and each run of stored rows, the best inner product: (Q, N).

    Preconditions: runs are half-open, numbered through all pieces, in order, and do not overlap;
    gaps and empty runs are allowed (an empty run scores -1).

    `query_rows` is (Q, D); `pieces` are code arrays (n, bytes_per_row), one a chunk say, views of
    mapped files or not; `starts` and `ends` are (N,). Raises InputError where the runs are not as said.
    """
    run_starts: Int64Array = np.asarray(starts, dtype=np.int64)
    run_ends: Int64Array = np.asarray(ends, dtype=np.int64)
    _check_runs(run_starts, run_ends, sum(len(piece) for piece in pieces))

    best = np.full((len(run_starts), len(query_rows)), NOTHING, dtype=np.float32)
    between_shares = threading.Lock()
    groups = _grouped(run_starts, run_ends)
    queries = np.ascontiguousarray(codec.rotate(query_rows).T)  # (D, Q)
    piece_ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)

    def share_maxima(share: Share) -> None:
        for block in _blocks(groups, share):
            first, n_rows, run = groups.first[block], groups.n_rows[block], groups.run[block]
            stored = _rows_between(pieces, piece_ends, int(first[0]), int(first[-1] + n_rows[-1]))
            of_group = _group_maxima(queries, stored, codec, first - first[0], n_rows)
            begins = np.flatnonzero(np.diff(run, prepend=-1))
            found = np.maximum.reduceat(of_group, begins, axis=0)
            inside = run[begins]
            with between_shares:  # a run may begin in one share and end in the next
                best[inside] = np.maximum(best[inside], found)

    mean_rows = max(1, int(groups.n_rows.sum()) // max(1, len(groups.run)))
    on_cores(share_maxima, len(groups.run), _rows_in(SHARE_BYTES, codec.dim) // mean_rows)
    return np.ascontiguousarray(best.T)


def maxsim(query_rows: Float32Array, pieces: Sequence[UInt8Array], codec: RowCodec) -> Float32Array:
    """ColBERT's score of each piece, one document each: (n_pieces,), summed over query rows."""
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends])[:-1]
    total: Float32Array = run_maxima(query_rows, pieces, codec, starts, ends).sum(axis=0)
    return total


def similarities(query_rows: Float32Array, codes: UInt8Array, codec: RowCodec) -> Float32Array:
    """Inner products of query rows (Q, D) with stored rows, all of them: (Q, n). For evidence."""
    return codec.rotate(query_rows) @ codec.decode_rotated(codes).T


def inner_products(rows: NDArray[np.floating], query: Float32Array) -> Float32Array:
    """Inner products of rows (n, D), float16 or float32, with a query (D,): (n,) float32."""
    scores = np.empty(len(rows), dtype=np.float32)
    n_tile = _rows_in(TILE_BYTES, rows.shape[1])

    def share_products(share: Share) -> None:
        buffer = _scratch("decoded", (min(n_tile, share.last - share.first), rows.shape[1]))
        for start in range(share.first, share.last, n_tile):
            tile = rows[start : min(start + n_tile, share.last)]
            if tile.dtype == np.float16:
                tile = float16_to_float32(np.ascontiguousarray(tile), buffer[: len(tile)])
            np.matmul(tile, query, out=scores[start : start + len(tile)])

    on_cores(share_products, len(rows), _rows_in(SHARE_BYTES, rows.shape[1]))
    return scores


class ExactIndex:
    """All rows scored, none missed: a `SingleIndex` over an array, mapped or in memory."""

    def __init__(self, rows: NDArray[np.floating], ids: Int64Array | None = None) -> None:
        """Rows (n, D) float16 or float32 and their ids, ascending; without ids, a row's position."""
        self._rows = rows
        self._ids = ids
        self._is_used = False

    @property
    def n_rows(self) -> int:
        """Vectors stored."""
        return len(self._rows)

    def search(
        self, query: Float32Array, k: int, allowed: Int64Array | None = None, least: float = -math.inf
    ) -> Neighbours:
        """The k nearest to a query (D,), as `SingleIndex` says."""
        scores = inner_products(self._rows, query)
        self._keep_decoded()
        ids = self._ids if self._ids is not None else np.arange(len(scores), dtype=np.int64)
        if allowed is not None:
            kept = np.flatnonzero(np.isin(ids, allowed))
            ids, scores = ids[kept], scores[kept]
        if least > -math.inf:
            kept = np.flatnonzero(scores >= least)
            ids, scores = ids[kept], scores[kept]
        best = top_k(scores, k)
        return Neighbours(ids[best], scores[best])

    def _keep_decoded(self) -> None:
        """Decode all rows for good once a second search shows that the process asks more than once.

        Decoding takes three quarters of a search: 15,000 rows of 256 numbers 1.3 ms, without it 0.35.
        """
        n_bytes = 4 * self._rows.size
        if self._is_used and self._rows.dtype == np.float16 and n_bytes <= KEPT_BYTES and _Kept.take(n_bytes):
            weakref.finalize(self, _Kept.give_back, n_bytes).atexit = False
            self._rows = float16_to_float32(np.ascontiguousarray(self._rows))
        self._is_used = True


class _Kept:
    """Bytes that stay decoded in this process."""

    lock = threading.RLock()  # an index may be collected while it is held
    n_bytes = 0

    @classmethod
    def take(cls, n_bytes: int) -> bool:
        """Whether so many more may stay, which are counted then."""
        with cls.lock:
            fits = cls.n_bytes + n_bytes <= KEPT_BYTES_OF_ALL
            cls.n_bytes += n_bytes if fits else 0
        return fits

    @classmethod
    def give_back(cls, n_bytes: int) -> None:
        """So many are gone."""
        with cls.lock:
            cls.n_bytes -= n_bytes


@dataclass(frozen=True, slots=True)
class _Groups:
    """G groups of at most `_GROUP_ROWS` rows that follow each other in a run."""

    run: Int64Array
    """(G,) ascending."""
    first: Int64Array
    """(G,) its first row."""
    n_rows: Int64Array
    """(G,) at least one."""


def _grouped(starts: Int64Array, ends: Int64Array) -> _Groups:
    n_groups = -(-(ends - starts) // _GROUP_ROWS)
    run = np.repeat(np.arange(len(starts)), n_groups)
    first = starts[run] + _GROUP_ROWS * ramps(n_groups)
    return _Groups(run, first, np.minimum(ends[run] - first, _GROUP_ROWS))


def _blocks(groups: _Groups, share: Share) -> Iterator[slice]:
    """The groups of a share in stretches of some `_BLOCK_ROWS` rows."""
    ends = np.cumsum(groups.n_rows)
    at = share.first
    while at < share.last:
        stop = int(np.searchsorted(ends, int(ends[at]) + _BLOCK_ROWS))
        # A gap between runs could make what is read between them any number.
        within = int(np.searchsorted(groups.first, int(groups.first[at]) + 2 * _BLOCK_ROWS))
        stop = min(max(at + 1, min(stop, within)), share.last)
        yield slice(at, stop)
        at = stop


def _group_maxima(
    queries: Float32Array, stored: UInt8Array, codec: RowCodec, first: Int64Array, n_rows: Int64Array
) -> Float32Array:
    """(G, Q) the best inner product of groups of stored rows, (G,) first ones and how many, with (D, Q).

    The first rows of all groups stand before their second ones and so on, the longest group's first: the best
    of each is then found for whole matrices at once, where to reduce runs NumPy goes row by row.
    """
    n_tile, n_queries = _rows_in(COMPARED_BYTES, codec.dim), queries.shape[1]
    longest_first = np.argsort(-n_rows, kind="stable")
    # So many groups have a first row, a second one, ...
    n_groups = np.searchsorted(-n_rows[longest_first], -np.arange(int(n_rows.max())))
    rows = first[longest_first][ramps(n_groups)] + np.repeat(np.arange(len(n_groups)), n_groups)
    ends = np.cumsum(n_groups)
    starts = ends - n_groups
    decoded = _scratch("decoded", (n_tile, codec.dim))
    scores = _scratch("scores", (n_tile, n_queries))
    best = np.full((len(first), n_queries), NOTHING, dtype=np.float32)
    for at in range(0, len(rows), n_tile):
        codes = stored.take(rows[at : at + n_tile], axis=0)
        n = len(codes)
        tall_product(codec.decode_unscaled(codes, decoded[:n]), queries, scores[:n])
        scales = codec.scales(codes)
        if scales is not None:
            scores[:n] *= scales[:, None]
        places = slice(np.searchsorted(ends, at, "right"), np.searchsorted(starts, at + n))
        for start, end in zip(starts[places].tolist(), ends[places].tolist(), strict=True):
            low, high = max(start, at), min(end, at + n)
            own = best[low - start : high - start]
            np.maximum(own, scores[low - at : high - at], out=own)
    found = np.empty_like(best)
    found[longest_first] = best
    return found


_kept = threading.local()


def _scratch(name: str, shape: tuple[int, int]) -> Float32Array:
    """A buffer that this thread has used before: new pages of a megabyte take as long as scoring it."""
    size = shape[0] * shape[1]
    buffer: Float32Array | None = getattr(_kept, name, None)
    if buffer is None or len(buffer) < size:
        buffer = np.empty(size, dtype=np.float32)
        setattr(_kept, name, buffer)
    return buffer[:size].reshape(shape)


def _rows_in(n_bytes: int, dim: int) -> int:
    """Rows of `dim` float32 that fit in so many bytes, at least one."""
    return max(1, n_bytes // (4 * dim))


def _rows_between(pieces: Sequence[UInt8Array], ends: Int64Array, first: int, last: int) -> UInt8Array:
    """The pieces' rows from first to last, in one array; `ends` are where each piece ends."""
    low, high = int(np.searchsorted(ends, first, "right")), int(np.searchsorted(ends, last))
    parts = list(pieces[low : high + 1])
    before = int(ends[high - 1]) if high else 0
    parts[-1] = parts[-1][: last - before]
    parts[0] = parts[0][first - (int(ends[low - 1]) if low else 0) :]
    return np.concatenate(parts)


def _check_runs(starts: Int64Array, ends: Int64Array, n_rows: int) -> None:
    """Raise InputError unless the runs are in order, disjoint and within the rows."""
    fits = len(starts) == len(ends) and (not len(starts) or (starts[0] >= 0 and ends[-1] <= n_rows))
    if not fits or (starts > ends).any() or (starts[1:] < ends[:-1]).any():
        raise InputError("Runs of rows must be in order, disjoint and within the rows given.")
