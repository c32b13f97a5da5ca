from __future__ import annotations

import json
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.errors import IndexCorruptError, InputError, MissingExtraError
from indexer.vectors import faiss_index
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FaissIndex, build_faiss, lists_for, update_faiss


def clustered_rows(n: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Unit rows around a few dozen centres."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, dim))
    rows = centres[rng.integers(0, 40, n)] + 0.5 * rng.standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists begin at a hundred rows, so that tests see them."""
    monkeypatch.setattr(faiss_index, "MAX_FLAT_ROWS", 100)


def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    return tmp_path / "old", tmp_path / "new"


def recall(index: FaissIndex, oracle: ExactIndex, queries: np.ndarray, k: int = 10) -> float:
    hits = [np.isin(index.search(q, k).ids, oracle.search(q, k).ids).sum() / k for q in queries]
    return float(np.mean(hits))


def test_flat_equals_exact(tmp_path: Path) -> None:
    rows, ids = clustered_rows(300), np.arange(300) * 7 + 2**41
    facts = build_faiss(tmp_path, ids, [rows[:100], rows[100:101], rows[101:]])
    assert (facts.n_lists, facts.n_stored, facts.dim) == (0, 300, 32)
    index, oracle = FaissIndex(tmp_path), ExactIndex(rows, ids)
    for query in clustered_rows(20, seed=1).astype(np.float32):
        for allowed in (None, ids[::3]):
            found, want = index.search(query, 10, allowed), oracle.search(query, 10, allowed)
            assert found.ids.tolist() == want.ids.tolist()
            np.testing.assert_allclose(found.scores, want.scores, atol=1e-5)


@pytest.mark.usefixtures("few_are_many")
def test_lists_find_nearly_all_and_a_filter_finds_them_all(tmp_path: Path) -> None:
    rows, ids = clustered_rows(3000), np.arange(3000) + 5
    facts = build_faiss(tmp_path, ids, [rows])
    assert facts.n_lists == 64
    assert 1 <= facts.n_probes < 32
    index, oracle = FaissIndex(tmp_path), ExactIndex(rows, ids)
    queries = clustered_rows(30, seed=1).astype(np.float32)
    assert recall(index, oracle, queries) > 0.95
    allowed = ids[::100]
    for query in queries:
        assert set(index.search(query, 10, allowed).ids) == set(oracle.search(query, 10, allowed).ids)


def test_lists_and_ranges_are_those_of_faiss_own_training() -> None:
    rows = clustered_rows(3000)
    ours = faiss_index._trained([rows[:1000], rows[1000:]], 3000, 32, 64, seed=4)
    theirs = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(32), 32, 64, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, True
    )
    theirs.cp.seed, theirs.cp.niter, theirs.cp.spherical = 5, 8, True
    theirs.cp.min_points_per_centroid, theirs.cp.max_points_per_centroid = 1, 48
    theirs.train(rows.astype(np.float32))
    assert ours.is_trained
    for index in (ours, theirs):
        index.add(rows.astype(np.float32))
    assert np.array_equal(faiss.serialize_index(ours), faiss.serialize_index(theirs))


@pytest.mark.parametrize("n", [80, 3000])
@pytest.mark.usefixtures("few_are_many")
def test_the_same_rows_give_the_same_files(tmp_path: Path, n: int) -> None:
    old, new = folders(tmp_path)
    for folder in (old, new):
        build_faiss(folder, np.arange(n), [clustered_rows(n)])
    assert {p.name: p.read_bytes() for p in old.iterdir()} == {p.name: p.read_bytes() for p in new.iterdir()}


@pytest.mark.parametrize("n", [90, 3000])
@pytest.mark.usefixtures("few_are_many")
def test_rows_are_removed_and_added(tmp_path: Path, n: int) -> None:
    old, new = folders(tmp_path)
    rows, more = clustered_rows(n), clustered_rows(10, seed=3)
    ids, more_ids = np.arange(n), np.arange(10) + 10_000
    build_faiss(old, ids, [rows])
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    removed = np.array([0, 7, n - 1, 77_777])
    facts = update_faiss(old, new, removed, more_ids, [more[:4], more[4:]])
    assert facts is not None
    assert facts.n_stored == n + 7
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    index = FaissIndex(new)
    for i, row in zip(more_ids, more.astype(np.float32), strict=True):
        assert index.search(row, 1).ids.tolist() == [i]
    everything = index.search(rows[0].astype(np.float32), n + 7, np.arange(20_000)).ids
    assert set(everything) == (set(ids) | set(more_ids)) - set(removed)


@pytest.mark.usefixtures("few_are_many")
def test_an_id_may_be_replaced_in_one_step(tmp_path: Path) -> None:
    old, new = folders(tmp_path)
    rows = clustered_rows(50)
    build_faiss(old, np.arange(50), [rows])
    assert update_faiss(old, new, np.array([3]), np.array([3]), [-rows[3:4]]) is not None
    assert FaissIndex(new).search(-rows[3].astype(np.float32), 1).ids.tolist() == [3]
    with pytest.raises(InputError, match="already"):
        update_faiss(old, new, np.array([4]), np.array([3]), [rows[3:4]])


@pytest.mark.usefixtures("few_are_many")
def test_an_update_that_changes_the_kind_asks_for_a_build(tmp_path: Path) -> None:
    old, new = folders(tmp_path)
    none = np.array([], np.int64)
    build_faiss(old, np.arange(90), [clustered_rows(90)])
    assert update_faiss(old, new, none, np.arange(90, 101), [clustered_rows(11)]) is None
    assert update_faiss(old, new, np.arange(90), none, []) is None
    build_faiss(old, np.arange(400), [clustered_rows(400)])
    assert update_faiss(old, new, none, np.arange(400, 900), [clustered_rows(500)]) is None
    assert update_faiss(old, new, np.arange(350), none, []) is None
    assert not list(new.iterdir())


def test_small_and_empty_requests(tmp_path: Path) -> None:
    rows = clustered_rows(3)
    build_faiss(tmp_path, np.array([4, 2, 9]), [rows])
    index = FaissIndex(tmp_path)
    query = rows[1].astype(np.float32)
    assert index.search(query, 1).ids.tolist() == [2]
    assert len(index.search(query, 10).ids) == 3
    assert len(index.search(query, 0).ids) == 0
    assert len(index.search(query, 5, np.array([], np.int64)).ids) == 0
    assert index.search(query, 5, np.array([9, 1000])).ids.tolist() == [9]


@pytest.mark.parametrize("ids", [[1, 1], [1], [-1, 2], []])
def test_bad_ids_are_refused(tmp_path: Path, ids: list[int]) -> None:
    with pytest.raises(InputError, match="ids"):
        build_faiss(tmp_path, np.array(ids, np.int64), [clustered_rows(2)])


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        build_faiss(tmp_path, np.array([], np.int64), [])


@pytest.mark.parametrize("name", ["single.faiss", "single_ids.npy", "single.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_damage_is_an_error_of_ours(tmp_path: Path, name: str, damage: str) -> None:
    build_faiss(tmp_path, np.arange(20), [clustered_rows(20)])
    path = tmp_path / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "other":
        (tmp_path / "other").mkdir()
        build_faiss(tmp_path / "other", np.arange(21), [clustered_rows(21)])
        path.write_bytes((tmp_path / "other" / name).read_bytes())
    else:
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        FaissIndex(tmp_path)


def test_a_pickled_id_file_is_refused(tmp_path: Path) -> None:
    build_faiss(tmp_path, np.arange(3), [clustered_rows(3)])
    np.save(tmp_path / "single_ids.npy", np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(IndexCorruptError):
        FaissIndex(tmp_path)


def test_a_later_format_is_refused_by_name(tmp_path: Path) -> None:
    build_faiss(tmp_path, np.arange(3), [clustered_rows(3)])
    facts = json.loads((tmp_path / "single.json").read_text())
    (tmp_path / "single.json").write_text(json.dumps(facts | {"format_version": 99}))
    with pytest.raises(IndexCorruptError, match="format_version 99"):
        FaissIndex(tmp_path)


@pytest.mark.parametrize(
    ("n", "lists"), [(100, 2), (3000, 64), (50_001, 1024), (100_000, 1024), (1_000_000, 4096)]
)
def test_lists_for(n: int, lists: int) -> None:
    assert lists_for(n) == lists


def test_two_faiss_wheels_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "_WHEELS", ("numpy", "hypothesis", "no-such-package"))
    faiss_index._faiss.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match="numpy and hypothesis are both installed"):
            build_faiss(tmp_path, np.arange(2), [clustered_rows(2)])
    finally:
        faiss_index._faiss.cache_clear()


def test_without_faiss_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    faiss_index._faiss.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match="pip install faiss-cpu"):
            build_faiss(tmp_path, np.arange(2), [clustered_rows(2)])
    finally:
        faiss_index._faiss.cache_clear()


@pytest.mark.usefixtures("few_are_many")
def test_with_a_gpu_lists_are_trained_through_it_and_the_file_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    old, new = folders(tmp_path)
    rows = clustered_rows(500)
    build_faiss(old, np.arange(500), [rows])
    taken = []
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    # The stand-in for a GPU's copy is the index itself.
    monkeypatch.setattr(
        faiss, "index_cpu_to_all_gpus", lambda index: taken.append(index) or index, raising=False
    )
    build_faiss(new, np.arange(500), [rows])
    assert len(taken) == 1
    query = rows[7].astype(np.float32)
    assert FaissIndex(new).search(query, 5).ids.tolist() == FaissIndex(old).search(query, 5).ids.tolist()
