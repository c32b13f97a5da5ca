"""Places in a joined array of runs of different lengths, without a loop over the runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.records import Int64Array


def ramps(counts: NDArray[Any]) -> Int64Array:
    """0 .. n-1 for each count n, joined: `[2, 0, 3]` is `[0, 1, 0, 1, 2]`. (sum of counts,)."""
    starts: Int64Array = np.cumsum(counts) - counts
    return np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(starts, counts)


def run_places(starts: NDArray[Any], counts: NDArray[Any]) -> Int64Array:
    """start .. start+n-1 for each run, joined: where the elements of runs lie that begin at `starts`."""
    places: Int64Array = np.repeat(starts, counts) + ramps(counts)
    return places
