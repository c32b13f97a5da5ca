"""A build that is killed loses nothing but time: the old index or the new one answers, and finished
vectors are not computed again. tests/benchmarks/reliability.py does the same with many more kills."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from indexer.doctor import examine, repair
from tests.reliability.trees import (
    Builder,
    answer,
    change_tree,
    damage,
    needed_keys,
    stored_keys,
    texts_in_index,
    texts_on_disk,
    write_tree,
)

N_KILLS = 8


def check_after_kill(root: Path, builder: Builder, before: dict[str, str] | None) -> None:
    """Whole now, and whole after the same command again."""
    now = texts_on_disk(root)
    if (root / ".codesearch" / "manifest.json").exists():
        assert texts_in_index(root) in (before, now)
        assert damage(root) == []
        assert answer(root)
    else:
        assert before is None
    finished = stored_keys(root)
    result = builder(root)
    assert texts_in_index(root) == now
    assert result["n_encoded"] == len(needed_keys(root) - finished)
    assert not (findings := examine(root).findings), findings


def kill_builds(folder: Path, builder: Builder, n_kills: int, seed: int = 1) -> int:
    """Kill first builds, each of a tree of its own, at random calls; how many were killed in time."""
    draw = random.Random(seed)
    write_tree(folder / "calm")
    n_calls = builder(folder / "calm", count=True)["n_calls"]
    expected = answer(folder / "calm")
    n_killed = 0
    for number in range(n_kills):
        root = folder / f"killed_{number}"
        write_tree(root)
        n_killed += builder(root, kill_at=draw.randrange(1, n_calls))["killed"]
        check_after_kill(root, builder, None)
        assert answer(root) == expected
        shutil.rmtree(root)
    return n_killed


def kill_updates(folder: Path, indexed: Path, builder: Builder, n_kills: int, seed: int = 2) -> int:
    """The same with updates of an index."""
    draw = random.Random(seed)
    before = texts_on_disk(indexed)
    calm = folder / "calm"
    shutil.copytree(indexed, calm)
    change_tree(calm, seed=99)
    n_calls = builder(calm, count=True)["n_calls"]
    expected = answer(calm)
    n_killed = 0
    for number in range(n_kills):
        root = folder / f"tree_{number}"
        shutil.copytree(indexed, root)
        change_tree(root, seed=99)
        n_killed += builder(root, kill_at=draw.randrange(1, n_calls))["killed"]
        check_after_kill(root, builder, before)
        assert answer(root) == expected
        shutil.rmtree(root)
    return n_killed


def test_a_first_build_killed_anywhere_goes_on_where_it_was(tmp_path: Path, builder: Builder) -> None:
    assert kill_builds(tmp_path, builder, N_KILLS) > N_KILLS // 2


def test_an_update_killed_anywhere_leaves_the_old_index_or_the_new(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    assert kill_updates(tmp_path, indexed, builder, N_KILLS) > N_KILLS // 2


def test_one_update_killed_again_and_again_gets_there(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    """Each attempt gets further; garbage of the killed ones is gone at the end."""
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    for number, kill_at in enumerate(range(150, 2400, 250)):
        change_tree(root, seed=number)
        builder(root, kill_at=kill_at)
        assert damage(root) == []
    builder(root)
    assert texts_in_index(root) == texts_on_disk(root)
    assert examine(root).findings == ()
    assert len(list((root / ".codesearch" / "generations").iterdir())) == 1


def kill_by_the_clock(folder: Path, indexed: Path, builder: Builder, n_kills: int, seed: int = 3) -> int:
    """Kill updates not between two calls but inside one; how many were killed in time."""
    draw = random.Random(seed)
    before = texts_on_disk(indexed)
    n_killed = 0
    for number in range(n_kills):
        root = folder / f"tree_{number}"
        shutil.copytree(indexed, root)
        change_tree(root, seed=7)
        n_killed += builder(root, kill_after=draw.uniform(0.01, 0.3))["killed"]
        check_after_kill(root, builder, before)
        shutil.rmtree(root)
    return n_killed


def test_a_kill_by_the_clock(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    kill_by_the_clock(tmp_path, indexed, builder, 3)


def test_garbage_of_embeddings_is_collected_and_a_kill_in_it_loses_nothing(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    embeddings = root / ".codesearch" / "embeddings"

    def n_bytes() -> int:
        return sum(path.stat().st_size for path in embeddings.iterdir() if path.suffix != ".db")

    def replace_most() -> None:
        for path in sorted(root.rglob("*.py"))[:6]:
            path.write_text(path.read_text() + f"\n# {path.name} again: {n_bytes()}\n")

    n_before = n_bytes()
    replace_most()
    calm = tmp_path / "calm"
    shutil.copytree(root, calm)
    n_calls = builder(calm, count=True)["n_calls"]
    assert (calm / ".codesearch" / "embeddings" / "0000.rows").exists()  # under half is garbage yet
    replace_most()
    for kill_at in range(n_calls // 2, n_calls, n_calls // 10):
        builder(root, kill_at=kill_at)
        assert damage(root) == []
    builder(root)
    replace_most()
    builder(root)
    assert not (embeddings / "0000.rows").exists()
    assert n_bytes() < 2.2 * n_before
    assert texts_in_index(root) == texts_on_disk(root)
    assert examine(root).findings == ()


def test_ctrl_c_leaves_the_old_index_and_one_sentence(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    before = texts_on_disk(indexed)
    calm = tmp_path / "calm"
    shutil.copytree(indexed, calm)
    change_tree(calm, seed=4)
    n_calls = builder(calm, count=True)["n_calls"]
    for number, share in enumerate((0.01, 0.2, 0.5, 0.8)):
        root = tmp_path / f"tree_{number}"
        shutil.copytree(indexed, root)
        change_tree(root, seed=4)
        result = builder(root, kill_at=int(share * n_calls), interrupt=True)
        assert result.get("error") == "BuildInterruptedError", result
        is_new = "can be searched" in result["message"]
        assert is_new or "previous index is untouched" in result["message"]
        assert texts_in_index(root) == (texts_on_disk(root) if is_new else before)
        assert examine(root).findings == ()  # a folder half written is taken away at once


@pytest.mark.parametrize(
    ("vectors", "training"),
    [
        ("faiss", "faiss:Clustering.train_encoded"),
        ("plaid", "fast_plaid.search.fast_plaid:compute_kmeans"),
    ],
)
def test_a_kill_while_a_vector_index_is_trained_leaves_the_old_index(
    tmp_path: Path, indexed: Path, builder: Builder, vectors: str, training: str
) -> None:
    root = tmp_path / "tree"
    shutil.copytree(indexed, root)
    before = texts_on_disk(root)
    change_tree(root, seed=6)
    result = builder(root, vectors=vectors, kill_in=training, in_steps=False)
    assert result["killed"]
    assert texts_in_index(root) == before
    assert damage(root) == []
    assert answer(root)
    assert builder(root)["n_encoded"] == 0  # every vector had been finished
    assert texts_in_index(root) == texts_on_disk(root)


def test_doctor_takes_away_what_a_kill_left(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    """Not every kill leaves something: later and later ones are tried until one does."""
    calm = tmp_path / "calm"
    shutil.copytree(indexed, calm)
    change_tree(calm, seed=5)
    n_calls = builder(calm, count=True)["n_calls"]
    for kill_at in range(n_calls // 3, n_calls, n_calls // 15):
        root = tmp_path / f"tree_{kill_at}"
        shutil.copytree(indexed, root)
        change_tree(root, seed=5)
        assert builder(root, kill_at=kill_at)["killed"]
        if left := {finding.kind for finding in examine(root).findings}:
            break
    assert left == {"leftover"}
    assert repair(root).findings == ()
