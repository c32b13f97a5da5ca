from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import IndexCorruptError, InputError
from indexer.vectors.index_choice import VectorKind
from indexer.vectors.single_index import build_single, open_single, update_single

EXACT, FAISS, PLAID = VectorKind.EXACT, VectorKind.FAISS, VectorKind.PLAID
NONE = np.array([], np.int64)


def unit_rows(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, 16)).astype(np.float16)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_both_kinds_give_the_same_answers(tmp_path: Path) -> None:
    rows, ids = unit_rows(50), np.random.default_rng(1).permutation(50) * 3
    indexes = []
    for kind in (EXACT, FAISS):
        folder = tmp_path / kind
        folder.mkdir()
        build_single(folder, kind, ids, [rows[:20], rows[20:]])
        indexes.append(open_single(folder))
    assert [index.n_rows for index in indexes] == [50, 50]
    for query in unit_rows(10, seed=2).astype(np.float32):
        for allowed in (None, ids[:9]):
            exact, faiss = (index.search(query, 7, allowed) for index in indexes)
            assert exact.ids.tolist() == faiss.ids.tolist()
            np.testing.assert_allclose(exact.scores, faiss.scores, atol=1e-5)


def test_only_faiss_is_updated_in_place_of_a_build(tmp_path: Path) -> None:
    rows = unit_rows(20)
    for name in ("exact", "faiss", "new"):
        (tmp_path / name).mkdir()
    build_single(tmp_path / "exact", EXACT, np.arange(20), [rows])
    build_single(tmp_path / "faiss", FAISS, np.arange(20), [rows])
    new = tmp_path / "new"
    assert not update_single(tmp_path / "exact", new, EXACT, NONE, NONE, [])
    assert not update_single(tmp_path / "exact", new, FAISS, NONE, NONE, [])
    assert not update_single(tmp_path / "faiss", new, EXACT, NONE, NONE, [])
    assert not list(new.iterdir())
    assert update_single(tmp_path / "faiss", new, FAISS, np.array([4]), np.array([99]), [-rows[:1]])
    assert open_single(new).search(-rows[0].astype(np.float32), 1).ids.tolist() == [99]
    assert open_single(new).n_rows == 20


@pytest.mark.parametrize("name", ["exact_rows.npy", "exact_ids.npy", "exact.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
def test_damage_is_an_error_of_ours(tmp_path: Path, name: str, damage: str) -> None:
    build_single(tmp_path, EXACT, np.arange(20), [unit_rows(20)])
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        (tmp_path / "other").mkdir()
        build_single(tmp_path / "other", EXACT, np.arange(21), [unit_rows(21)])
        path.write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        open_single(tmp_path)


def test_what_cannot_be_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exact or faiss"):
        build_single(tmp_path, PLAID, np.arange(2), [unit_rows(2)])
    with pytest.raises(InputError, match="ids"):
        build_single(tmp_path, EXACT, np.arange(3), [unit_rows(2)])
