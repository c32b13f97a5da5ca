"""A tree that can be searched by its words before it has vectors, and by more and more vectors then."""

from __future__ import annotations

import os

import pytest

from indexer import build as build_module
from indexer.build import build
from indexer.errors import BuildInterruptedError
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings

pytestmark = pytest.mark.usefixtures("one_encoder")

FILES = {
    "lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "clock.py": "def strike(hour):\n    return ['dong'] * hour\n",
    "horn.py": "def sound(fog):\n    return 'a long note' if fog else ''\n",
}
SETTINGS = BuildSettings()


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    return root


def answers(root, query="ignite the lamp", mode=Mode.HYBRID):
    with Searcher.open(root) as searcher:
        hits = searcher.search(SearchRequest(query=query, mode=mode)).hits
        return [(searcher.chunk(hit.chunk_id).path, hit.score) for hit in hits]


def n_encoded(root):
    with Searcher.open(root) as searcher:
        return int(searcher.generation.tables.has_vectors.sum())


def test_words_alone_answer_and_the_next_build_encodes_the_rest(tree):
    report = build(tree, SETTINGS, encode=False)
    assert (report.n_files, report.n_encoded_chunks, n_encoded(tree)) == (3, 0, 0)
    words = answers(tree, mode=Mode.LEXICAL)
    assert words[0][0] == "lamp.py"
    again = build(tree, SETTINGS, encode=False)
    assert again.n_encoded_chunks == 0
    assert build(tree, SETTINGS).n_encoded_chunks == 3
    assert n_encoded(tree) == 3
    assert build(tree, SETTINGS).n_encoded_chunks == 0
    assert answers(tree, mode=Mode.LEXICAL) == words


def test_a_build_in_two_steps_gives_the_index_of_one(tree, tmp_path):
    build(tree, SETTINGS, encode=False)
    build(tree, SETTINGS)
    other = tmp_path / "other"
    other.mkdir()
    for path, text in FILES.items():
        (other / path).write_text(text)
    build(other, SETTINGS)
    for mode in Mode:
        assert answers(tree, mode=mode) == answers(other, mode=mode)


@pytest.fixture
def in_steps(monkeypatch):
    """Every chunk is a block, and every block is published."""
    monkeypatch.setattr("indexer.ingest.backlog.BLOCK_TOKENS", 1)
    monkeypatch.setattr(build_module, "_AT_ONCE_TOKENS", 0)
    monkeypatch.setattr(build_module, "_PUBLISH_SECONDS", 0.0)
    monkeypatch.setattr(build_module, "_ENCODING_SHARE", 0.0)


def test_generations_with_more_and_more_vectors_are_published(tree, in_steps):
    seen = []

    def look(event):
        if event.stage == "encode":
            seen.append((n_encoded(tree), answers(tree, mode=Mode.LEXICAL)[0][0]))

    build(tree, SETTINGS, look)
    assert [n for n, _ in seen] == [0, 0, 1, 2]
    assert {first for _, first in seen} == {"lamp.py"}
    assert n_encoded(tree) == 3


def test_what_was_published_before_an_interrupt_answers_and_is_not_encoded_again(tree, in_steps):
    def interrupt(event):
        if event.stage == "encode" and event.done and n_encoded(tree) == 1:
            raise KeyboardInterrupt

    with pytest.raises(BuildInterruptedError):
        build(tree, SETTINGS, interrupt)
    assert answers(tree, mode=Mode.LEXICAL)[0][0] == "lamp.py"
    assert build(tree, SETTINGS).n_encoded_chunks == 2  # the block at hand was not committed yet
    assert n_encoded(tree) == 3


def test_files_that_were_changed_last_are_encoded_first(tree, in_steps, monkeypatch):
    for age, path in enumerate(["horn.py", "lamp.py", "clock.py"]):
        os.utime(tree / path, (1_600_000_000 - age, 1_600_000_000 - age))
    order = []

    def look(event):
        if event.stage == "encode":
            with Searcher.open(tree) as searcher:
                keys = searcher.generation.tables
                order.append([searcher.chunk(int(i)).path for i in keys.chunk_id[keys.has_vectors].tolist()])

    build(tree, SETTINGS, look)
    assert order[2] == ["horn.py"]
    assert sorted(order[3]) == ["horn.py", "lamp.py"]


def test_a_chunk_without_vectors_ranks_as_its_words_let_expect(tree, in_steps):
    """The file that answers is not encoded yet, and is not put behind those that are."""
    for path in ("clock.py", "horn.py"):
        os.utime(tree / path, (1_700_000_000, 1_700_000_000))
    os.utime(tree / "lamp.py", (1_600_000_000, 1_600_000_000))
    found = []

    def look(event):
        if event.stage == "encode" and n_encoded(tree) == 2:
            found.append(answers(tree)[0][0])

    build(tree, SETTINGS, look)
    assert found == ["lamp.py"]
