"""Folders to training files: texts lack what is asked, nothing is there twice, a tenth is held out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from indexer.settings import BuildSettings
from indexer.training.corpus import Corpus, read_corpus
from indexer.training.near_duplicates import NearDuplicates
from indexer.training.pair import PROSE_KINDS, PairKind
from tests.git_command import git
from tests.indexer.training.conftest import write_bank


@pytest.fixture
def corpus(tree: Path) -> Corpus:
    write_bank(tree)
    (tree / "copy.py").write_text((tree / "account_0.py").read_text() + "\nMORE = 1\n")
    return read_corpus([tree], BuildSettings(), 0, lambda done, total: None)


def test_documents_lack_their_queries_and_places_are_moved(corpus: Corpus) -> None:
    n_removed = 0
    for file in corpus.files:
        for pair in file.pairs:
            answer = file.source.text[pair.start_char : pair.end_char]
            if pair.kind is PairKind.DOC:
                n_removed += 1
                assert pair.query not in file.source.text
                assert answer.startswith("def ")
                assert answer.rstrip().endswith(")")
        for span in file.spans:
            if span.kind == "function":
                assert file.source.text[span.start_char :].startswith(f"def {span.name}(")
                assert file.source.text.count("\n", 0, span.start_char) + 1 == span.start_line
    assert n_removed >= 40


def test_copies_and_generated_files_are_left_out_and_a_tenth_is_held_out(corpus: Corpus, tree: Path) -> None:
    paths = {file.source.path for file in corpus.files}
    assert len(paths & {"copy.py", "account_0.py"}) == 1
    assert "made_pb2.py" not in paths
    assert corpus.n_near_duplicates == 1
    held, trained = corpus.count(held_out=True), corpus.count(held_out=False)
    assert 0.05 <= held.total() / (held + trained).total() <= 0.2
    counts: Counter[bool] = Counter()
    for kind, n in (held + trained).items():
        counts[kind in PROSE_KINDS] += n
    assert counts[True] / counts.total() <= 0.36
    again = read_corpus([tree], BuildSettings(), 0, lambda done, total: None)
    assert again == corpus
    other = read_corpus([tree], BuildSettings(), 1, lambda done, total: None)
    assert other != corpus


def test_near_duplicates_are_texts_that_share_most_lines() -> None:
    seen = NearDuplicates()
    lines = [f"line {n} says {n * n}" for n in range(100)]
    assert not seen.has_seen("\n".join(lines))
    assert seen.has_seen("\n".join(reversed([*lines, "one more"])))
    assert not seen.has_seen("\n".join(lines[:40] + [f"another {n}" for n in range(60)]))


def test_history_and_tests_ask_for_functions(tree: Path) -> None:
    write_bank(tree, 3)
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "initial import")
    changed = tree / "account_0.py"
    changed.write_text(
        changed.read_text().replace(
            "return balance.find(", "bank.refuse_strangers(value)\n    return balance.find("
        )
    )
    git(tree, "commit", "-q", "-am", "fix(bank): refuse strangers at the counter (#12)")
    (tree / "tests").mkdir()
    (tree / "tests" / "test_bank.py").write_text(
        "def test_balance_invoice_0_of_a_closed_account():\n    assert True\n"
    )
    corpus = read_corpus([tree], BuildSettings(), 0, lambda done, total: None)
    found = {
        pair.kind: (pair.query, file.source.text[pair.start_char : pair.end_char].split("(")[0])
        for file in corpus.files
        for pair in file.pairs
    }
    assert found[PairKind.COMMIT] == ("refuse strangers at the counter", "def account_balance_0")
    assert found[PairKind.TEST] == ("balance invoice 0 of a closed account", "def balance_invoice_0")
