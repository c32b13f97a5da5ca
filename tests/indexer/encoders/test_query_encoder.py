"""Queries in NumPy: equal to the torch path, fast, remembered, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.query_encoder import QueryEncoder
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.records import TokenizedQuery

QUERIES = ("how are routes registered", "x", "", "getUserName raises " * 40)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return open_checkpoint("codesearch-edge")


@pytest.fixture(scope="module")
def queries(checkpoint: Checkpoint) -> QueryEncoder:
    return QueryEncoder(checkpoint)


@pytest.mark.parametrize("query", QUERIES)
def test_the_torch_path_gives_the_same(checkpoint: Checkpoint, queries: QueryEncoder, query: str) -> None:
    import torch

    from indexer.chunking.pack import pack
    from indexer.encoders.chunk_vectors import normalize_rows
    from indexer.encoders.encoder import Encoder
    from indexer.models.tokens import ChunkTokenizer
    from indexer.records import Window

    torch.set_num_threads(1)
    ids = ChunkTokenizer(checkpoint).tokenize_query(query).input_ids
    (batch,) = pack([Window(0, ids, 0, len(ids))], 128)
    expected = Encoder(checkpoint, device="cpu", dtype="float32").encode(batch)
    found = queries.encode(query)
    assert found.rows is not None
    assert found.single is not None
    assert expected.rows is not None
    assert len(found.tokens) == len(found.rows) == len(ids)
    assert np.abs(found.rows - expected.rows).max() < 1e-4
    assert np.abs(found.single - normalize_rows(expected.hidden.mean(axis=0))).max() < 1e-4
    assert found.rows.dtype == found.single.dtype == np.float32


def test_the_last_queries_are_remembered(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encoders.query_encoder._CACHED_QUERIES", 2)
    queries = QueryEncoder(checkpoint)
    first = queries.encode("a")
    queries.encode("b")
    assert queries.encode("a") is first
    queries.encode("c")  # b is the oldest now, and goes
    assert queries.encode("a") is first
    assert set(queries._cache) == {"a", "c"}


def test_texts_in_one_pass_are_what_each_is_alone(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The windows of layers that see little cut the first; products are in pieces, which end within a text.
    report, title = "getUserName raises an error " * 30, "getUserName raises"
    alone = [QueryEncoder(checkpoint).encode(text) for text in (report, title)]
    monkeypatch.setattr("indexer.vectors.products._SMALL", 32 * 256 * 32)
    queries = QueryEncoder(checkpoint)
    together = [queries.encode(report, (title, report)), queries._cache[title]]
    assert queries.encode(title) is together[1]
    for found, expected in zip(together, alone, strict=True):
        assert found.tokens == expected.tokens
        assert found.rows is not None
        assert expected.rows is not None
        assert found.single is not None
        assert expected.single is not None
        assert np.abs(found.rows - expected.rows).max() < 1e-5
        assert np.abs(found.single - expected.single).max() < 1e-5


def test_tokens_that_see_nothing_are_no_nan(plain_folder: Path) -> None:
    queries = QueryEncoder(open_checkpoint(str(plain_folder)))
    ids = np.full(100, 7, np.int32)  # the window of 16 leaves the last ones alone
    hidden = queries._forward([TokenizedQuery(ids, 3, 0, ())])
    assert np.isfinite(hidden).all()


def test_a_query_loads_neither_torch_nor_transformers() -> None:
    program = """
import sys
from indexer.models.checkpoint import open_checkpoint
from indexer.encoders.query_encoder import QueryEncoder
QueryEncoder(open_checkpoint("codesearch-edge")).encode("open a file")
heavy = ("torch", "transformers", "scipy", "huggingface_hub", "safetensors")
print([name for name in heavy if name in sys.modules])
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
