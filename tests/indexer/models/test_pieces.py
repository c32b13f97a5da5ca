"""Tokens by pieces are the tokens of the tokenizer itself, one for one and in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from indexer.models import pieces
from indexer.models.hub import BUNDLED_FOLDER
from indexer.models.pieces import PieceTokenizer, cuts_as_known, tokens_of
from indexer.models.tokens import load_tokenizer

SAMPLE_REPOS = Path(__file__).parents[3] / "sample_repos"
ASCII = [chr(code) for code in range(128)]
ODD = [
    "[D]",
    "[q]",
    "[CLS]",
    "[cls]",
    "[PAD",
    "é",
    "e\u0301",
    "\u0301",
    "中文",
    "\xa0",
    "\x85",
    "\u2028",
    "ﬁ",
    "ß",
]
ODD += ["\u0130", "\u212a", "٣", "😀", "\u200d"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(BUNDLED_FOLDER / "codesearch-edge" / "tokenizer.json")


@pytest.fixture(scope="module")
def by_pieces(tokenizer: Tokenizer) -> PieceTokenizer:
    return PieceTokenizer(tokenizer)


def assert_same(by_pieces: PieceTokenizer, tokenizer: Tokenizer, text: str) -> None:
    found, (expected,) = by_pieces.tokens([text])[0], tokens_of(tokenizer, [text])
    assert (found.ids.dtype, found.chars.dtype) == (np.int32, np.int32)
    assert found.ids.tolist() == expected.ids.tolist(), text
    assert found.chars.tolist() == expected.chars.tolist(), text
    assert by_pieces.count(text) == len(expected.ids), text


@given(st.lists(st.sampled_from([*ASCII, *ODD, *"aAbB_ \n\n\t["]), max_size=60).map("".join))
def test_any_text(by_pieces: PieceTokenizer, tokenizer: Tokenizer, text: str) -> None:
    assert_same(by_pieces, tokenizer, text)


def test_source(by_pieces: PieceTokenizer, tokenizer: Tokenizer) -> None:
    texts = [
        path.read_text("utf-8", "replace") for path in sorted(SAMPLE_REPOS.rglob("*.*")) if path.is_file()
    ]
    assert len(texts) > 40
    assert any(text.isascii() for text in texts)
    assert any(not text.isascii() for text in texts)
    for text in texts:
        assert_same(by_pieces, tokenizer, text)


def test_text_that_the_tokenizer_takes_for_a_token_of_its_own(
    by_pieces: PieceTokenizer, tokenizer: Tokenizer
) -> None:
    text = "rows[d]\nrows[Q] = 1\nrows[x]\n[CLS]\n[cls]\n"
    assert {5, 6, 2} <= set(by_pieces.tokens([text])[0].ids.tolist())
    assert_same(by_pieces, tokenizer, text)


def test_what_was_seen_is_not_read_again_until_there_is_too_much_of_it(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []

    def noted(tokenizer: Tokenizer, read: list[str]) -> list[pieces.Tokens]:
        texts.extend(read)
        return tokens_of(tokenizer, read)

    monkeypatch.setattr(pieces, "_FEW_PIECES", 0)
    monkeypatch.setattr(pieces, "tokens_of", noted)
    monkeypatch.setattr(pieces, "_MAX_PIECES", 3)
    by_pieces = PieceTokenizer(tokenizer)
    read = [
        by_pieces.count(text) for text in ("one", "one two two three", "one four", "one four", "five five")
    ]
    assert read == [1, 4, 2, 2, 2]
    assert texts == ["one", "two\nthree", "four", "five"]
    assert_same(by_pieces, tokenizer, "one five")
    monkeypatch.setattr(pieces, "_MAX_CHARS", 5)
    by_pieces = PieceTokenizer(tokenizer)
    texts.clear()
    for text in ("return", "one", "return"):
        assert by_pieces.count(text) == 1
    assert texts == ["return", "one", "return"]


@pytest.mark.parametrize("n_few", [0, 3, 1000])
def test_what_is_counted_piece_by_piece_is_what_is_counted_together(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, n_few: int
) -> None:
    monkeypatch.setattr(pieces, "_FEW_PIECES", n_few)
    monkeypatch.setattr(pieces, "_MAX_PIECES", 20)
    by_pieces = PieceTokenizer(tokenizer)
    for line in [*Path(__file__).read_text("utf-8").splitlines()[:60], "… 3 lines omitted (4-6) …\nx_y = 1"]:
        assert by_pieces.count(line) == len(tokenizer.encode(line, add_special_tokens=False).ids)


def test_long_gaps_take_no_longer_than_they_are_long(by_pieces: PieceTokenizer, tokenizer: Tokenizer) -> None:
    assert_same(by_pieces, tokenizer, "a" + "\n" * 300_000 + "b" + " _\n" * 100_000)


def test_other_tokenizers_read_for_themselves(tokenizer: Tokenizer) -> None:
    assert cuts_as_known(tokenizer)
    other = Tokenizer.from_str(tokenizer.to_str())
    assert cuts_as_known(other)
    other.normalizer = normalizers.Lowercase()
    assert not cuts_as_known(other)
    other.normalizer = tokenizer.normalizer
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    assert not cuts_as_known(other)
    assert not cuts_as_known(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    prefixed = Tokenizer.from_str(tokenizer.to_str())
    prefixed.model.continuing_subword_prefix = "##"
    assert not cuts_as_known(prefixed)
