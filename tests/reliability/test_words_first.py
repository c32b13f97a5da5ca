"""An index of words that searches fill: whatever happens to either, it answers, and nothing is lost.

tests/benchmarks/reliability.py does the same many more times.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from indexer.doctor import examine
from tests.reliability.trees import (
    Builder,
    answer,
    damage,
    needed_keys,
    stored_keys,
    texts_in_index,
    texts_on_disk,
    write_tree,
)

QUESTION = "merge the invoice number"


def has_index(root: Path) -> bool:
    return (root / ".codesearch" / "manifest.json").exists()


def check_now(root: Path) -> None:
    """What is published is whole, and answers, with whatever vectors there are."""
    if has_index(root):
        assert texts_in_index(root) == texts_on_disk(root)
        assert damage(root) == []
        assert answer(root, QUESTION)


def check_rest(root: Path, builder: Builder, calm: Calm) -> None:
    """A build encodes what is missing, and only that; then the index is as if nothing had happened."""
    finished = stored_keys(root)
    assert builder(root)["n_encoded"] == len(needed_keys(root) - finished)
    assert answer(root, QUESTION) == calm.answer
    assert not (findings := examine(root).findings), findings


class Calm:
    """What comes of a tree where nothing goes wrong."""

    def __init__(self, folder: Path, builder: Builder) -> None:
        write_tree(folder)
        asked = builder(folder, encode=False, ask=QUESTION, count=True)
        self.hits: list[Any] = asked["hits"]
        assert all(asked["has_vectors"])
        assert answer(folder, QUESTION)
        self.n_calls: int = asked["n_calls"]
        self.n_file_bytes = max(path.stat().st_size for path in (folder / ".codesearch").rglob("*"))
        builder(folder)
        self.answer = answer(folder, QUESTION)


def kill_words_first(folder: Path, builder: Builder, calm: Calm, n_kills: int, seed: int = 5) -> int:
    """Kill a build of words or the search that encodes after it; how many were killed in time."""
    draw, n_killed = random.Random(seed), 0
    for number in range(n_kills):
        root = folder / f"killed_{number}"
        write_tree(root)
        kill_at = draw.randrange(1, calm.n_calls)
        n_killed += builder(root, encode=False, ask=QUESTION, kill_at=kill_at)["killed"]
        check_now(root)
        assert builder(root, encode=False, ask=QUESTION)["hits"] == calm.hits
        check_now(root)
        check_rest(root, builder, calm)
        shutil.rmtree(root)
    return n_killed


def write_together(folder: Path, builders: Sequence[Builder], calm: Calm, n_rounds: int) -> None:
    """Words, a whole build and a search that encodes, all at once: one writes, the others say so or read."""
    for number in range(n_rounds):
        root = folder / f"together_{number}"
        write_tree(root)
        if number % 2:  # the search finds something to encode
            builders[0](root, encode=False)
        orders: list[dict[str, Any]] = [{"encode": False}, {}, {"build": False, "ask": QUESTION}]
        for builder, order in zip(builders, orders, strict=True):
            builder.start(root, **order)
        results = [builder.wait() for builder in builders]
        errors = {result["error"] for result in results if "error" in result}
        assert errors <= ({"IndexBusyError"} if number % 2 else {"IndexBusyError", "IndexMissingError"}), (
            results
        )
        check_now(root)
        check_rest(root, builders[0], calm)
        shutil.rmtree(root)


def fill_the_disk(folder: Path, builder: Builder, calm: Calm, n_rounds: int, seed: int = 6) -> int:
    """No file can grow beyond some size: a build says so, a search answers; how many builds had no room."""
    draw, n_failed = random.Random(seed), 0
    for number in range(n_rounds):
        root = folder / f"full_{number}"
        write_tree(root)
        limit = draw.randrange(2 * calm.n_file_bytes)
        words = builder(root, encode=False, file_limit=limit)
        assert words.get("error") in (None, "StorageError"), words
        n_failed += "error" in words
        check_now(root)
        if "error" in words:
            assert not has_index(root)
            builder(root, encode=False)
        asked = builder(root, build=False, ask=QUESTION, file_limit=limit)
        assert asked.get("hits") == calm.hits, asked
        check_now(root)
        check_rest(root, builder, calm)
        shutil.rmtree(root)
    return n_failed


def forbid_writing(folder: Path, builder: Builder, calm: Calm) -> None:
    """Nothing in a tree can be written: without an index that is said, with one a search answers."""
    root = folder / "closed"
    write_tree(root)
    try:
        root.chmod(0o555)
        refused = builder(root, encode=False, unprivileged=True)
        assert refused["error"] == "StorageError", refused
        root.chmod(0o755)
        assert not (root / ".codesearch").exists()
        builder(root, encode=False)
        state = root / ".codesearch"
        for path in (root, state, *(p for p in state.rglob("*") if p.is_dir())):
            path.chmod(0o555)
        before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
        asked = builder(root, build=False, ask=QUESTION, unprivileged=True)
        assert asked.get("hits") == calm.hits, asked
        assert all(asked["has_vectors"])
        assert before == {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    finally:
        for path in (root, *(p for p in root.rglob("*") if p.is_dir())):
            path.chmod(0o755)
    check_now(root)
    check_rest(root, builder, calm)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Calm:
    return Calm(tmp_path_factory.mktemp("calm"), builder)


def test_killed_anywhere(tmp_path: Path, builder: Builder, calm: Calm) -> None:
    assert kill_words_first(tmp_path, builder, calm, 3)


def test_several_writers_and_a_search(
    tmp_path: Path, builders: Callable[[int], list[Builder]], calm: Calm
) -> None:
    write_together(tmp_path, builders(3), calm, 2)


def test_a_full_disk(tmp_path: Path, builder: Builder, calm: Calm) -> None:
    assert fill_the_disk(tmp_path, builder, calm, 3)


def test_a_tree_that_cannot_be_written(tmp_path: Path, builder: Builder, calm: Calm) -> None:
    forbid_writing(tmp_path, builder, calm)
