"""What a file of code is asked by, and where its answer lies."""

from __future__ import annotations

import pytest

from indexer.languages import language_of
from indexer.reading.parse import parse
from indexer.records import SourceFile
from indexer.training.code_pairs import code_pairs, doc_query, name_words
from indexer.training.pair import Pair, PairKind

PYTHON = '''"""Moves money between accounts of one bank."""

import decimal


class Ledger:
    """Holds the balances of every account."""

    def transfer(self, source, target, amount):
        """Move an amount from one account to another.

        Args:
            amount: what is moved
        """
        # Refuse what would leave an account below zero.
        if self.balances[source] < amount:
            raise ValueError(source)

        self.balances[target] += amount

    def close_all_open_accounts(self):
        self.balances.clear()
        self.is_open = False
'''


def _pairs(text: str, language: str, path: str) -> list[Pair]:
    source = SourceFile(path, text, language, "", 0)
    return list(code_pairs(source, parse(source, 5.0).spans))


def test_python_gives_docstrings_comments_and_names_with_their_places() -> None:
    pairs = {pair.query: pair for pair in _pairs(PYTHON, "python", "bank/money_transfer_ledger.py")}
    assert {query: pair.kind for query, pair in pairs.items()} == {
        "Moves money between accounts of one bank.": PairKind.DOC,
        "Holds the balances of every account.": PairKind.DOC,
        "Move an amount from one account to another.": PairKind.DOC,
        "Refuse what would leave an account below zero.": PairKind.COMMENT,
        "close all open accounts": PairKind.NAME,
        "bank money transfer ledger": PairKind.PATH,
    }
    method = pairs["Move an amount from one account to another."]
    assert PYTHON[method.start_char : method.end_char].startswith("def transfer")
    assert method.removed is not None
    removed = PYTHON[slice(*method.removed)]
    assert removed.strip().startswith('"""Move')
    assert removed.strip().endswith('"""')
    comment = pairs["Refuse what would leave an account below zero."]
    assert PYTHON[comment.start_char : comment.end_char].strip().startswith("if self.balances")
    assert PYTHON[comment.start_char : comment.end_char].endswith("raise ValueError(source)\n")


SAID = "Counts the words of a line."
COMMENTED = {
    "a.rs": "/// {}\nfn count(line: &str) -> usize {{\n    line.split_whitespace().count() + OFFSET\n}}\n",
    "a.go": "package a\n\n// {}\nfunc count(line string) int {{\n\treturn len(strings.Fields(line))\n}}\n",
    "A.java": "class A {{\n  /**\n   * {}\n   * @param line read\n   */\n"
    "  int count(String line) {{ return line.trim().split(pattern).length; }}\n}}\n",
    "a.js": "/* {} */\nfunction count(line) {{\n  return line.trim().split(pattern).length\n}}\n",
    "a.lua": "-- {}\nlocal function count(line)\n  return #vim.split(vim.trim(line), ' ', {{}})\nend\n",
    "A.hs": "module A where\n\n-- | {}\ncount :: String -> Int\ncount line = length (words line) + of line\n",
}


@pytest.mark.parametrize("path", COMMENTED)
def test_comments_in_front_are_found_in_each_language(path: str) -> None:
    text = COMMENTED[path].format(SAID)
    language = language_of(path, text)
    (pair,) = [pair for pair in _pairs(text, language, path) if pair.kind is PairKind.DOC]
    assert pair.query == SAID
    assert pair.removed is not None
    assert "Counts" not in text[: pair.removed[0]] + text[pair.removed[1] :]
    assert "count" in text[pair.removed[1] : pair.end_char]


@pytest.mark.parametrize(
    "said",
    [
        "# TODO: make this faster one day",
        "// Copyright 2024 the authors of this",
        "# type: ignore",
        "Returns it.",
    ],
)
def test_what_tells_nothing_of_the_code_is_no_query(said: str) -> None:
    assert doc_query(said) == ""


def test_names_are_read_as_words() -> None:
    assert name_words("parseHTTPRequest_line2") == "parse http request line 2"
