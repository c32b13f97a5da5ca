from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.vectors.ragged import ramps, run_places


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 6))))
def test_as_loops_over_the_runs_say(runs):
    starts, counts = np.array(runs, np.int64).reshape(-1, 2).T
    assert ramps(counts).tolist() == [at for _, n in runs for at in range(n)]
    assert run_places(starts, counts).tolist() == [start + at for start, n in runs for at in range(n)]
