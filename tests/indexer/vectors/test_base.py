from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.vectors.base import BestScores, top_k


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 35))
def test_top_k_is_a_stable_sort(scores: list[int], k: int) -> None:
    want = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert top_k(np.array(scores, np.float32), k).tolist() == want


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-9, 9), max_size=8), max_size=8), st.integers(1, 12))
def test_the_least_of_the_best_is_that_of_all_scores_together(parts: list[list[int]], k: int) -> None:
    best = BestScores(k)
    for part in parts:
        best.add(np.array(part, np.float32))
    every = sorted((score for part in parts for score in part), reverse=True)
    assert best.least == (every[k - 1] if len(every) >= k else -np.inf)


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, indexer.vectors.exact, indexer.vectors.faiss_index, indexer.vectors.plaid_index;"
        "print([m for m in ('torch', 'faiss', 'pylate', 'fast_plaid') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
