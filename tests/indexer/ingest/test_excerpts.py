"""The telling regions of a long chunk as one text: which they are, what the model reads, where vectors go."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.build import build
from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.ingest.excerpts import EXCERPT_TOKENS, excerpt_key, excerpt_of, pick_regions, spread
from indexer.search import Searcher
from indexer.settings import BuildSettings

HALF = EXCERPT_TOKENS / 2


@pytest.mark.parametrize(
    ("worth", "n_tokens", "expected"),
    [
        ((1.0, 0.0, 3.0, 2.0), (HALF, HALF, HALF, HALF), (2, 3)),
        ((0.0, 2.0, 0.0, 3.0, 0.0, 0.0), [EXCERPT_TOKENS / 4] * 6, (1, 2, 3, 4)),
        ((1.0, 5.0), (10, 2 * EXCERPT_TOKENS), (1,)),
        ((0.0, 0.0), (HALF, EXCERPT_TOKENS), (0,)),
    ],
)
def test_the_best_regions_that_fit_are_picked_and_one_at_least(worth, n_tokens, expected):
    assert pick_regions(np.array(worth, np.float32), np.array(n_tokens, float)) == expected


@pytest.fixture
def prepared(tmp_path):
    """A chunk of many regions, ready for the model."""
    lines = [f"def strike_{at}(hour):\n    return ['dong'] * hour + {list(range(40))}\n\n" for at in range(9)]
    (tmp_path / "clock.py").write_text("".join(lines))
    build(tmp_path, BuildSettings(), encode=False)
    with Searcher.open(tmp_path) as searcher:
        store = searcher.generation.store
        preparer = searcher.generation._on_demand._preparer
        (whole,) = preparer.prepare_chunks(list(store.chunks([1]).values()))
    return whole


def test_the_model_reads_the_header_and_the_picked_regions(prepared):
    excerpt = excerpt_of(prepared, (1, 4))
    tokenized = excerpt.tokenized
    assert excerpt.regions.chars.tolist() == prepared.regions.chars[[1, 4]].tolist()
    assert excerpt.key == excerpt_key(prepared.key) != prepared.key
    n_header, n_tail = tokenized.n_header, tokenized.n_tail
    assert tokenized.input_ids[:n_header].tolist() == prepared.tokenized.input_ids[:n_header].tolist()
    assert tokenized.input_ids[-n_tail:].tolist() == prepared.tokenized.input_ids[-n_tail:].tolist()
    starts = prepared.tokenized.token_chars[:, 0]
    inside = [(starts >= start) & (starts < end) for start, end in excerpt.regions.chars.tolist()]
    expected = prepared.tokenized.input_ids[inside[0] | inside[1]]
    assert tokenized.input_ids[n_header:-n_tail].tolist() == expected.tolist()


def test_all_regions_are_all_that_the_model_reads_of_the_chunk(prepared):
    every = excerpt_of(prepared, tuple(range(len(prepared.regions.chars))))
    assert every.tokenized.input_ids.tolist() == prepared.tokenized.input_ids.tolist()


def test_vectors_go_to_the_regions_that_they_are_of():
    whole = np.array([[0, 5, 0], [5, 9, 0], [9, 12, 0], [12, 20, 0]], np.int32)
    own = np.array([[5, 9, 4], [12, 20, 9]], np.int32)  # behind two rows of the header
    stored = StoredEmbedding(0, 0, 3, 0, 9, own, np.empty((0, 2), np.int32), 2)
    over = spread(stored, np.array([[1], [2], [3]], np.float16), whole)
    assert over.regions.tolist() == [[0, 5, 2], [5, 9, 4], [9, 12, 4], [12, 20, 9]]
    assert over.single.ravel().tolist() == [1, 0, 2, 0, 3]
    assert over.unread.tolist() == [0, 2]


def test_a_model_without_single_vectors_has_none_of_an_excerpt():
    whole = np.array([[0, 5, 0], [5, 9, 0]], np.int32)
    stored = StoredEmbedding(0, 0, 0, 0, 3, np.array([[5, 9, 3]], np.int32), np.empty((0, 2), np.int32), 1)
    over = spread(stored, np.empty((0, 0), np.float16), whole)
    assert len(over.single) == 0
    assert over.regions[:, 2].tolist() == [1, 3]
