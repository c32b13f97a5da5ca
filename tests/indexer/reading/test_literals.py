"""What is found among many strings is what `in` finds."""

from __future__ import annotations

import random

import pytest

from indexer.reading.literals import Literals

STRINGS = ["abc", "bcd", "abcabc", "a_-.", "://", "cba", "secret", "aaa", "aaab"]


@pytest.mark.parametrize("n_chars", [0, 2, 50, 3_000])
def test_those_that_a_text_holds(n_chars: int) -> None:
    chance = random.Random(n_chars)
    literals = Literals(STRINGS)
    seen: set[str] = set()
    for alphabet in ("abcd", "ab_-.", "abc:/d", "é中abc\ud800", "secrt"):
        for _ in range(20):
            text = "".join(chance.choices(alphabet, k=n_chars))
            found = literals.within(text)
            assert found == {literal for literal in STRINGS if literal in text}
            seen |= found
    assert len(seen) > 5 or n_chars <= 2


def test_a_long_text_is_searched_for_few() -> None:
    asked = []

    class Text(str):
        def __contains__(self, part: str) -> bool:
            asked.append(part)
            return super().__contains__(part)

    text = Text("def route(path):\n    return secret\n" * 100)
    assert Literals([f"token{n}" for n in range(90)] + ["secret"]).within(text) == {"secret"}
    assert asked == ["secret"]
