from __future__ import annotations

import pytest

from indexer.errors import InputError
from indexer.vectors.index_choice import (
    MAX_EXACT_SINGLE_ROWS,
    MAX_EXACT_TOKEN_ROWS,
    VectorChoice,
    VectorKind,
    choose,
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
