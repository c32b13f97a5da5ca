from __future__ import annotations

import numpy as np
import pytest

from indexer.embeddings.embedding_store import EmbeddingStore, NewEmbedding, RowLayout, SegmentReader
from indexer.errors import IndexCorruptError
from indexer.storage.database import ChunkKey
from indexer.storage.mapped_tables import load_tables, make_tables, save_tables
from indexer.storage.single_candidates import NearRows, SingleVectors, build_single_index
from indexer.vectors import faiss_index
from indexer.vectors.row_codec import row_codec

NO_REGIONS = np.empty((0, 2), np.int32)

DIM = 8
LAYOUT = RowLayout(DIM, row_codec("int8", 8))


def vectors(key, n):
    rows = np.random.default_rng(list(key.encode())).standard_normal((n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Index:
    """Embeddings in a store, and generations of chunks that use them."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "embeddings").mkdir()

    def generation(self, name, keys, wanted="auto", previous=None):
        """A generation whose chunks have the embeddings `keys`; a key's digits say how many regions."""
        with EmbeddingStore(self.folder / "embeddings", LAYOUT) as store:
            for key in dict.fromkeys(keys):
                if not store.known([key]):
                    n_rows = 1 + int(key[1:])
                    regions = np.zeros((max(n_rows - 1, 1), 3), np.int32)
                    single = vectors(key, n_rows) if n_rows > 1 else np.empty((0, 0), np.float32)
                    rows = np.zeros((1, LAYOUT.n_row_bytes), np.uint8)
                    store.add(NewEmbedding(key, single, rows, regions, np.empty((0, 2), np.int32), 0))
            store.commit()
            chunk_keys = [ChunkKey(10 + i, i, key, NO_REGIONS) for i, key in enumerate(keys)]
            tables = make_tables(chunk_keys, store.load)
        folder = self.folder / name
        folder.mkdir()
        save_tables(folder, tables)
        segments = SegmentReader(self.folder / "embeddings", LAYOUT)
        old = self.folder / previous if previous else None
        build_single_index(folder, tables, segments, wanted, old)
        return SingleVectors(folder, tables)


@pytest.fixture
def index(tmp_path):
    return Index(tmp_path)


@pytest.fixture
def lists_soon(monkeypatch):
    """FAISS makes inverted lists from a hundred rows on, and visits nearly all of them."""
    monkeypatch.setattr(faiss_index, "MAX_FLAT_ROWS", 100)
    monkeypatch.setattr(faiss_index, "RECALL_TARGET", 1.0)


def oracle(keys, query, k, chunks=None):
    """(chunk, row, score) of the k nearest distinct rows, best first, the slow way."""
    rows = {}
    for c, key in enumerate(keys):
        if int(key[1:]) and (chunks is None or chunks[c]):
            for r, row in enumerate(vectors(key, 1 + int(key[1:])).astype(np.float16).astype(np.float32)):
                rows.setdefault((key, r), (float(row @ query), []))[1].append(c)
    best = sorted(rows.items(), key=lambda item: -item[1][0])[:k]
    return [(c, r, score) for (_, r), (score, owners) in best for c in owners]


def check(found: NearRows, wanted, tolerance=1e-3):
    assert found.chunk.tolist() == [c for c, _, _ in wanted]
    assert found.row.tolist() == [r for _, r, _ in wanted]
    assert found.scores.tolist() == pytest.approx([score for _, _, score in wanted], abs=tolerance)


KEYS = ["a3", "b1", "c0", "d7", "a3", "e2", "b1", "f4"]
"""a3 and b1 stand twice: files of equal content. c0 has no rows."""


@pytest.mark.parametrize("wanted", ["auto", "exact", "faiss"])
def test_every_structure_gives_what_a_plain_comparison_gives(index, wanted):
    singles = index.generation("1", KEYS, wanted)
    for seed in range(10):
        query = vectors(f"q{seed}", 1)[0]
        check(singles.search(query, 6), oracle(KEYS, query, 6))
        mask = np.random.default_rng(seed).random(len(KEYS)) < 0.5
        check(singles.search(query, 6, mask), oracle(KEYS, query, 6, mask))


def test_faiss_and_exact_rows_are_equal(index):
    exact, faiss = (index.generation(name, KEYS, name) for name in ("exact", "faiss"))
    assert (index.folder / "faiss" / "single" / "single.faiss").is_file()
    query = vectors("query", 1)[0]
    one, other = exact.search(query, 50), faiss.search(query, 50)
    assert one.chunk.tolist() == other.chunk.tolist()
    assert one.row.tolist() == other.row.tolist()
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


def test_a_filter_that_lets_nothing_through(index):
    singles = index.generation("1", KEYS)
    assert len(singles.search(vectors("q", 1)[0], 5, np.zeros(len(KEYS), bool)).chunk) == 0


def test_without_single_vectors_nothing_is_written_or_found(index):
    singles = index.generation("1", ["a0", "b0"])
    assert sorted(path.name for path in (index.folder / "1").iterdir()) == [
        "chunks.npy", "regions.npy", "wide.npy",
    ]  # fmt: skip
    assert len(singles.search(vectors("q", 1)[0], 5).chunk) == 0


@pytest.mark.usefixtures("lists_soon")
def test_a_large_index_is_changed_by_what_was_added_and_removed(index, monkeypatch):
    first = [f"k{i}" for i in range(1, 24)]
    index.generation("1", first, "faiss")
    second = [*first[3:], "n5", "n6"]

    def refuse(*arguments):
        raise AssertionError("built anew")

    monkeypatch.setattr("indexer.storage.single_candidates.build_single", refuse)
    singles = index.generation("2", second, "faiss", previous="1")
    everywhere = np.ones(len(second), bool)  # a filter visits all lists
    for query in (vectors("q", 1)[0], vectors("n5", 6)[3], vectors("k1", 2)[1]):
        found = singles.search(query, 8, everywhere)
        exact = {(c, r): score for c, r, score in oracle(second, query, 1000)}
        # 8-bit rows: near ties may change places, so each row's score is compared with its exact one.
        exact_scores = [exact[at] for at in zip(found.chunk, found.row, strict=True)]
        assert found.scores == pytest.approx(exact_scores, abs=0.02)
        assert found.scores == pytest.approx([score for *_, score in oracle(second, query, 8)], abs=0.02)
    assert singles.search(vectors("n5", 6)[3], 1, everywhere).chunk.tolist() == [second.index("n5")]


def test_a_small_index_and_another_structure_are_built_anew(index):
    index.generation("1", KEYS, "exact")
    query = vectors("q", 1)[0]
    check(index.generation("2", KEYS[:3], "faiss", "1").search(query, 9), oracle(KEYS[:3], query, 9))
    check(index.generation("3", KEYS[2:], "faiss", "2").search(query, 9), oracle(KEYS[2:], query, 9))
    check(index.generation("4", KEYS, "exact", "3").search(query, 9), oracle(KEYS, query, 9))


def test_a_lost_index_is_an_error(index):
    index.generation("1", KEYS, "faiss")
    (index.folder / "1" / "single" / "single.json").unlink()
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        SingleVectors(index.folder / "1", load_tables(index.folder / "1"))
