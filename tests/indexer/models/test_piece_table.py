"""Pieces by arrays: where a regular expression finds them, each known by its own number."""

from __future__ import annotations

import random
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.models.piece_table import PieceTable, cut

PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]{1,3}|[^\s\w]{1,8}", re.ASCII)


def raw_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("ascii"), np.uint8)


@given(st.text(st.sampled_from("aaABb01.-_ \n\x00\x1c"), max_size=80))
def test_pieces_lie_where_the_pattern_of_the_tokenizer_says(text: str) -> None:
    cuts = cut(raw_of(text))
    assert list(zip(cuts.starts.tolist(), cuts.ends.tolist(), strict=True)) == [
        match.span() for match in PIECE.finditer(text)
    ]


def test_every_piece_has_its_own_number_however_long_it_is() -> None:
    chance = random.Random(7)
    pieces = list({"".join(chance.choices("abc", k=chance.randint(1, 90))) for _ in range(20_000)})
    pieces += ["a" * n for n in range(91, 120)]  # ends of words and of what is hashed among them
    raw = raw_of(" ".join(pieces))
    table, cuts = PieceTable(), cut(raw)
    keys = table.keys(raw, cuts)
    half = len(keys) // 2
    for part in (slice(0, 10), slice(10, half)):
        table.add(keys[part], np.arange(len(keys))[part])
    assert table.find(keys).tolist() == [*range(half), *[-1] * (len(keys) - half)]
    again = raw_of(" \n".join(reversed(pieces)))
    table.add(keys[half:], np.arange(half, len(keys)))
    found = table.find(table.keys(again, cut(again)))
    assert found.tolist() == list(reversed(range(len(pieces))))
