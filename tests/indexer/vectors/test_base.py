from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.vectors.base import (
    MAX_EXACT_SINGLE_ROWS,
    MAX_EXACT_TOKEN_ROWS,
    VectorChoice,
    VectorKind,
    choose,
    top_k,
)

EXACT, FAISS, PLAID = VectorKind.EXACT, VectorKind.FAISS, VectorKind.PLAID


@pytest.mark.parametrize(
    ("wanted", "few", "many"),
    [
        ("auto", VectorChoice(EXACT, EXACT), VectorChoice(FAISS, PLAID)),
        ("exact", VectorChoice(EXACT, EXACT), VectorChoice(EXACT, EXACT)),
        ("faiss", VectorChoice(FAISS, EXACT), VectorChoice(FAISS, EXACT)),
        ("plaid", VectorChoice(EXACT, PLAID), VectorChoice(FAISS, PLAID)),
    ],
)
def test_choice(wanted: str, few: VectorChoice, many: VectorChoice) -> None:
    assert choose(MAX_EXACT_SINGLE_ROWS, MAX_EXACT_TOKEN_ROWS, wanted) == few
    assert choose(MAX_EXACT_SINGLE_ROWS + 1, MAX_EXACT_TOKEN_ROWS + 1, wanted) == many


def test_another_word_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="auto, exact, faiss or plaid"):
        choose(1, 1, "fast")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 35))
def test_top_k_is_a_stable_sort(scores: list[int], k: int) -> None:
    want = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert top_k(np.array(scores, np.float32), k).tolist() == want


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, indexer.vectors.exact, indexer.vectors.faiss_index, indexer.vectors.plaid_index;"
        "print([m for m in ('torch', 'faiss', 'pylate', 'fast_plaid') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
