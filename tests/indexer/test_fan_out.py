"""What full text says in one index is the same by FTS5 and by where words stand."""

from __future__ import annotations

import numpy as np
import pytest

from indexer import fan_out
from indexer.fan_out import FanOut, Index
from indexer.records import Mode, SearchRequest
from indexer.retrieve.query_shape import query_shape
from indexer.search import Searcher

pytestmark = pytest.mark.usefixtures("one_encoder")

TEXTS = ("what happens when a job keeps failing", "BackoffPolicy.delay of the worker", "nowhere zebra", "字")


@pytest.fixture
def generation(task_queue):
    with Searcher.open(task_queue) as searcher:
        yield searcher.generation


def said(generation, text, paths):
    request = SearchRequest(text, paths=paths)
    index = Index("", generation, generation.masks(request))
    (found,), counts = next(FanOut().looking_up([query_shape(text, "x")], Mode.HYBRID, [index]))()
    arrays = [found.regions.row_ids, found.regions.scores, found.regions.body_scores]
    for places in (found.symbols, found.definitions):
        arrays += [places.region, places.score]
    return arrays, counts


@pytest.mark.parametrize("paths", [(), ("*.py",)])
def test_a_first_question_asks_fts5_and_later_ones_read_words_with_the_same_answer(generation, paths):
    first = [said(generation, text, paths) for text in TEXTS[: fan_out._LOOK_UPS_BY_FTS5]]
    assert "postings" not in vars(generation)
    later = [said(generation, text, paths) for text in TEXTS]
    assert "postings" in vars(generation)
    assert len(later[0][0][0]) > 10
    for (arrays, counts), (others, other_counts) in zip(first, later, strict=False):
        assert counts == other_counts
        for one, other in zip(arrays, others, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_the_words_of_a_large_index_stay_fts5s(generation, monkeypatch):
    monkeypatch.setattr(fan_out, "_MAX_REGIONS_READ", generation.n_regions - 1)
    for _ in range(fan_out._LOOK_UPS_BY_FTS5 + 2):
        said(generation, TEXTS[0], ())
    assert "postings" not in vars(generation)


def test_texts_looked_up_together_get_what_each_gets_alone(generation):
    index = Index("", generation, generation.masks(SearchRequest(TEXTS[0])))
    shapes = [query_shape(text, "x") for text in TEXTS[:2]]
    together = [waiting() for waiting in FanOut().looking_up(shapes, Mode.HYBRID, [index])]
    for shape, (looked_up, counts) in zip(shapes, together, strict=True):
        ((expected,), expected_counts) = next(FanOut().looking_up([shape], Mode.HYBRID, [index]))()
        assert counts == expected_counts
        (found,) = looked_up
        np.testing.assert_array_equal(found.regions.row_ids, expected.regions.row_ids)
        np.testing.assert_array_equal(found.symbols.region, expected.symbols.region)
