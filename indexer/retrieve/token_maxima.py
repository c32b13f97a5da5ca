"""MaxSim over the candidates of one index or of several, in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.vectors.exact import run_maxima
from indexer.vectors.row_codec import RowCodec, UInt8Array


@dataclass(frozen=True, slots=True)
class TokenRuns:
    """The token rows of some chunks of one index: M runs that tile all its pieces."""

    pieces: list[UInt8Array]
    ends: Int64Array
    """(M,) the row behind each run."""
    is_header: NDArray[np.bool_]
    """(M,) a chunk's header's run, which comes before its regions'."""
    counts: Int64Array
    """(C,) regions of each chunk."""
    codec: RowCodec


@dataclass(frozen=True, slots=True)
class RegionMaxima:
    """For each query row, the best cosine within each region, and within its chunk's header."""

    regions: Float32Array
    """(Q, N)"""
    headers: Float32Array
    """(Q, N)"""


def maxima_of(query: Float32Array, runs: Sequence[TokenRuns]) -> list[RegionMaxima]:
    """MaxSim's maxima for query rows (Q, D) over the runs of each index, all of one codec, in one pass."""
    n_rows = [int(each.ends[-1]) for each in runs]
    starts_at = np.cumsum([0, *n_rows])
    ends = np.concatenate([each.ends + at for each, at in zip(runs, starts_at.tolist(), strict=False)])
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    pieces = [piece for each in runs for piece in each.pieces]
    maxima = run_maxima(query, pieces, runs[0].codec, starts, ends)
    borders = np.cumsum([len(each.ends) for each in runs])[:-1]
    return [
        RegionMaxima(own[:, ~each.is_header], np.repeat(own[:, each.is_header], each.counts, axis=1))
        for each, own in zip(runs, np.split(maxima, borders, axis=1), strict=True)
    ]
