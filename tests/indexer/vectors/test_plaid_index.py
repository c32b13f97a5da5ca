from __future__ import annotations

import builtins
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import IndexCorruptError, InputError, MissingExtraError
from indexer.vectors import plaid_index
from indexer.vectors.exact import maxsim
from indexer.vectors.plaid_index import PlaidIndex, build_plaid, rerank, update_plaid
from indexer.vectors.row_codec import row_codec

# PyLate imports torch, transformers and datasets, which warn of each other's deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pylate.indexes
    import pylate.retrieve  # noqa: F401


def clustered_rows(n: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Unit rows around a hundred centres, as token rows lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((100, dim))
    rows = centres[rng.integers(0, 100, n)] + 0.3 * rng.standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make_documents(n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [clustered_rows(int(rng.integers(5, 40)), seed=seed * 10_000 + i) for i in range(n)]


def folders(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    return tmp_path / "old", tmp_path / "new"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plaid")
    build_plaid(folder, np.arange(200) * 3 + 2**40, make_documents(200))
    return folder


def query_for(document: np.ndarray, seed: int = 0) -> np.ndarray:
    """Some of a document's rows, blurred."""
    rng = np.random.default_rng(seed)
    rows = document[rng.choice(len(document), 5, replace=False)]
    rows = rows + 0.02 * rng.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_near_is_found_and_scored_as_exact_maxsim(built: Path) -> None:
    documents, codec = make_documents(200), row_codec("float16", 32)
    index = PlaidIndex(built)
    assert index.n_documents == 200
    codes = [codec.encode(document) for document in documents]
    for wanted in range(0, 200, 20):
        query_rows = query_for(documents[wanted])
        found = index.search(query_rows, 10)
        assert found.ids[0] == wanted * 3 + 2**40
        assert np.all(np.diff(found.scores) <= 0)
        exact = maxsim(query_rows, codes, codec)
        np.testing.assert_allclose(found.scores, exact[(found.ids - 2**40) // 3], atol=0.15)


def test_a_search_leaves_torchs_threads_as_they_were(built: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        PlaidIndex(built).search(query_for(make_documents(200)[0]), 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_filter_and_requests_for_nothing(built: Path) -> None:
    documents = make_documents(200)
    index = PlaidIndex(built)
    query_rows = query_for(documents[50])
    allowed = np.array([2**40, 150 + 2**40, 153 + 2**40, 1])
    assert set(index.search(query_rows, 10, allowed).ids) <= set(allowed[:3])
    assert index.search(query_rows, 1, allowed).ids.tolist() == [150 + 2**40]
    for nothing in (np.array([], np.int64), np.array([1])):
        assert len(index.search(query_rows, 5, nothing).ids) == 0
    assert len(index.search(query_rows, 0).ids) == 0
    assert len(index.search(query_rows[:0], 5).ids) == 0


def test_nothing_is_pickled_or_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle")

    old, new = folders(tmp_path)
    for name in ("load", "loads", "dump", "dumps", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    documents = make_documents(30)
    build_plaid(old, np.arange(30), documents)
    update_plaid(old, new, np.array([3]), np.array([77]), make_documents(1, seed=5))
    PlaidIndex(new).search(query_for(documents[0]), 3)
    names = {path.name for folder in (old, new) for path in folder.rglob("*")}
    assert not names & {"embeddings.npy", "buffer.npy"}
    assert not [name for name in names if name.endswith((".pkl", ".db"))]
    for path in tmp_path.rglob("*.npy"):
        np.load(path, allow_pickle=False)


@pytest.mark.parametrize("name", ["embeddings.npy", "buffer.npy", "metadata.db", "x.pkl"])
def test_a_planted_file_is_refused_before_anything_reads_it(tmp_path: Path, name: str) -> None:
    old, new = folders(tmp_path)
    build_plaid(old, np.arange(10), make_documents(10))
    (old / "plaid" / "fast_plaid_index" / name).write_bytes(b"")
    with pytest.raises(IndexCorruptError, match=name):
        PlaidIndex(old)
    with pytest.raises(IndexCorruptError, match=name):
        update_plaid(old, new, np.array([1]), np.array([], np.int64), [])


def test_documents_are_removed_added_and_found_after_reopening(tmp_path: Path) -> None:
    old, new = folders(tmp_path)
    documents, more = make_documents(60), make_documents(12, seed=4)
    build_plaid(old, np.arange(60) + 5, documents)
    first = PlaidIndex(old).search(query_for(documents[7]), 5)
    facts = update_plaid(old, new, np.array([5, 6, 40, 999]), np.arange(12) + 500, more)
    assert facts is not None
    assert facts.n_stored == 60 - 3 + 12
    index = PlaidIndex(new)
    for i, document in enumerate(more):
        assert index.search(query_for(document), 1).ids.tolist() == [500 + i]
    for i in (7, 20, 41, 59):
        assert index.search(query_for(documents[i]), 1).ids.tolist() == [5 + i]
    everything = index.search(query_for(documents[0]), 100, np.arange(1000)).ids
    assert not set(everything) & {5, 6, 40}
    again = PlaidIndex(old).search(query_for(documents[7]), 5)
    assert again.ids.tolist() == first.ids.tolist()


def test_an_update_that_leaves_or_doubles_too_much_asks_for_a_build(tmp_path: Path) -> None:
    old, new = folders(tmp_path)
    none = np.array([], np.int64)
    build_plaid(old, np.arange(10), make_documents(10))
    assert update_plaid(old, new, np.arange(10), none, []) is None
    assert update_plaid(old, new, none, np.arange(10, 21), make_documents(11)) is None
    with pytest.raises(InputError, match="already"):
        update_plaid(old, new, none, np.array([3]), make_documents(1))
    assert not list(new.iterdir())


def test_the_same_documents_give_the_same_answers_whatever_torch_drew_before(tmp_path: Path) -> None:
    import torch

    old, new = folders(tmp_path)
    documents = make_documents(80)
    torch.manual_seed(1)
    build_plaid(old, np.arange(80), documents)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    build_plaid(new, np.arange(80), documents)
    assert torch.equal(before, torch.random.get_rng_state())
    for i in range(0, 80, 8):
        one, other = (PlaidIndex(folder).search(query_for(documents[i]), 10) for folder in (old, new))
        assert one.ids.tolist() == other.ids.tolist()
        np.testing.assert_array_equal(one.scores, other.scores)


def test_a_build_in_batches_finds_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaid_index, "BATCH_ROWS", 500)
    documents = make_documents(80)
    facts = build_plaid(tmp_path, np.arange(80), documents)
    assert facts.n_trained < 40
    index = PlaidIndex(tmp_path)
    found = [index.search(query_for(document), 1).ids.tolist() for document in documents]
    assert found == [[i] for i in range(80)]


@pytest.mark.parametrize("name", ["plaid.json", "plaid_ids.npy", "plaid/fast_plaid_index/centroids.npy"])
@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_damage_is_an_error_of_ours(
    tmp_path: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build_plaid(tmp_path, np.arange(10), make_documents(10))
    path = tmp_path / name
    path.unlink() if damage == "missing" else path.write_bytes(b"")
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        PlaidIndex(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("ids", [[1, 1], [1], [-1, 2]])
def test_bad_ids_are_refused(tmp_path: Path, ids: list[int]) -> None:
    with pytest.raises(InputError, match="ids"):
        build_plaid(tmp_path, np.array(ids), make_documents(2))


def test_a_document_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without rows"):
        build_plaid(tmp_path, np.arange(3), [*make_documents(2), np.empty((0, 32), np.float32)])


def test_an_index_is_not_built_over_another(built: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        build_plaid(built, np.arange(2), make_documents(2))


def test_reranking_is_exact_maxsim() -> None:
    documents, codec = make_documents(15, seed=2), row_codec("float16", 32)
    ids = np.arange(15) * 2
    query_rows = query_for(documents[4])
    found = rerank(query_rows, ids, documents)
    exact = maxsim(query_rows, [codec.encode(document) for document in documents], codec)
    assert found.ids[0] == 8
    np.testing.assert_allclose(found.scores, exact[found.ids // 2], atol=5e-3)
    assert len(rerank(query_rows, ids[:0], []).ids) == 0


def test_without_pylate_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_pylate(name: str, *rest: object) -> object:
        if name.startswith("pylate"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_pylate)
    with pytest.raises(MissingExtraError, match=r"pip install 'codesearch-local\[pylate\]'"):
        rerank(clustered_rows(2), np.array([1]), [clustered_rows(3)])
