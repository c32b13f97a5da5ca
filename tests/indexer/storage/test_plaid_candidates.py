from __future__ import annotations

import shutil

import numpy as np
import pytest

from indexer.build import build
from indexer.embeddings.embedding_store import (
    EmbeddingStore,
    NewEmbedding,
    RowLayout,
    SegmentReader,
    stored_rows,
)
from indexer.errors import IndexCorruptError
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings
from indexer.storage.database import ChunkKey
from indexer.storage.mapped_tables import load_tables, make_tables, save_tables
from indexer.storage.plaid_candidates import MultiVectors, build_multi_index
from indexer.vectors.row_codec import row_codec

NO_REGIONS = np.empty((0, 2), np.int32)

# PyLate imports torch, transformers and datasets, which warn of each other's deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")

DIM = 32
LAYOUT = RowLayout(0, row_codec("float16", DIM))
_NO_WIDE = np.empty((0, 2), np.int32)
KEYS = [f"k{i}" for i in range(40)] + ["k7", "empty"]
"""k7 stands twice, as files of equal content do; one chunk has no rows."""


def rows_of(key):
    """Twelve unit rows around a centre of the key's own."""
    rng = np.random.default_rng(list(key.encode()))
    rows = rng.standard_normal(DIM) + 0.5 * rng.standard_normal((12, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Index:
    """Embeddings in a store, and generations of chunks that use them."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "embeddings").mkdir()

    def generation(self, name, keys, wanted="plaid", previous=None):
        with EmbeddingStore(self.folder / "embeddings", LAYOUT) as store:
            for key in dict.fromkeys(keys):
                if not store.known([key]):
                    rows = np.empty((0, DIM), np.float32) if key == "empty" else rows_of(key)
                    regions = np.array([[0, 9, len(rows)]], np.int32)
                    stored, wide = stored_rows(LAYOUT.codec.encode(rows), np.arange(len(rows))), _NO_WIDE
                    store.add(NewEmbedding(key, np.empty((0, 0), np.float32), stored, regions, wide, 0))
            store.commit()
            tables = make_tables(
                [ChunkKey(10 + i, i, key, NO_REGIONS) for i, key in enumerate(keys)], store.load
            )
        folder = self.folder / name
        folder.mkdir()
        save_tables(folder, tables)
        segments = SegmentReader(self.folder / "embeddings", LAYOUT)
        old = self.folder / previous if previous else None
        build_multi_index(folder, tables, segments, LAYOUT.codec, wanted, old)
        return MultiVectors(folder, tables)


@pytest.fixture
def index(tmp_path):
    return Index(tmp_path)


def test_the_chunk_that_a_query_was_taken_from_is_named_first(index):
    multis = index.generation("1", KEYS)
    assert multis.is_built
    for place in (0, 13, 39):
        named = multis.search(rows_of(KEYS[place])[:5], 10)
        assert named[0] == place
        assert len(set(named.tolist())) == len(named)
    assert set(multis.search(rows_of("k7")[:5], 1).tolist()) == {7, 40}


def test_a_filter_lets_only_its_chunks_be_named(index):
    multis = index.generation("1", KEYS)
    chunks = np.zeros(len(KEYS), bool)
    chunks[[3, 40]] = True
    assert set(multis.search(rows_of("k7")[:5], 10, chunks).tolist()) == {3, 40}
    assert len(multis.search(rows_of("k7")[:5], 10, np.zeros(len(KEYS), bool))) == 0


@pytest.mark.parametrize("wanted", ["auto", "exact", "faiss"])
def test_few_rows_need_no_index(index, wanted):
    assert not index.generation("1", KEYS, wanted).is_built


def test_an_index_is_changed_by_what_was_added_and_removed(index, monkeypatch):
    index.generation("1", KEYS)

    def refuse(*arguments):
        raise AssertionError("built anew")

    monkeypatch.setattr("indexer.vectors.plaid_index.build_plaid", refuse)
    keys = [*KEYS[5:], "new"]
    multis = index.generation("2", keys, previous="1")
    assert multis.search(rows_of("new")[:5], 5)[0] == keys.index("new")
    assert multis.search(rows_of("k20")[:5], 5)[0] == keys.index("k20")
    gone = multis.search(rows_of("k2")[:5], len(keys))
    assert set(gone.tolist()) <= set(range(len(keys)))


def test_a_lost_index_is_an_error(index):
    index.generation("1", KEYS)
    (index.folder / "1" / "multi" / "plaid.json").unlink()
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        MultiVectors(index.folder / "1", load_tables(index.folder / "1")).search(rows_of("k1"), 3)


def test_a_product_index_made_with_plaid_answers_as_an_exact_one(task_queue, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(task_queue, root, ignore=shutil.ignore_patterns(".codesearch"))

    def answers():
        with Searcher.open(root) as searcher:
            for mode in (Mode.HYBRID, Mode.COLBERT):
                for query in ("how long until a job is tried again", "stop the workers", "RetryLater"):
                    hits = searcher.search(SearchRequest(query=query, k=3, mode=mode)).hits
                    yield [(searcher.chunk(hit.chunk_id).path, hit.start_char) for hit in hits]

    build(root, BuildSettings())
    exact = list(answers())
    assert build(root, BuildSettings(vectors="plaid")).n_encoded_chunks == 0
    assert list((root / ".codesearch" / "generations").glob("*/multi/plaid.json"))
    assert list(answers()) == exact
    build(root, BuildSettings(vectors="exact"))
    assert not list((root / ".codesearch" / "generations").glob("*/multi"))
