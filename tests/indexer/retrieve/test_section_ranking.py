"""Documents are ranked section by section, within the places that documents have."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import QueryToken
from indexer.retrieve.candidates import Gathered
from indexer.retrieve.query_shape import query_shape
from indexer.retrieve.ranking import Ranked, Weights, order_sections
from indexer.retrieve.section_ranking import row_rarities, section_scores
from indexer.retrieve.signals import FileFacts, path_signals


def test_rows_weigh_as_the_square_of_their_words_rarity() -> None:
    query = "why lamps_burn?"
    spans = [(0, 0), (0, 3), (4, 9), (9, 10), (10, 14), (14, 15), (0, 0)]
    tokens = [QueryToken(query[start:end], start, end) for start, end in spans]
    found = row_rarities(query, tokens, {"lamp": 1.0, "burn": 3.0})
    # Neither specials nor "why" nor marks count; parts of one identifier are words of their own.
    np.testing.assert_allclose(found, [0, 0, 0.1, 0, 0.9, 0, 0], rtol=1e-6)


def test_where_no_word_tells_all_rows_count_alike() -> None:
    tokens = [QueryToken("", 0, 0), QueryToken("why", 0, 3)]
    assert row_rarities("why", tokens, {}).tolist() == [0.5, 0.5]


def test_a_region_is_scored_with_its_document_by_hand() -> None:
    lexical = np.array([4, 0, 2, 0], np.float32)
    similar = np.array([0.5, 0.7, 0.5, 0.5], np.float32)  # 0.2 above the usual, or nothing
    found = section_scores({"lexical": lexical, "single": similar}, np.array([0, 0, 1, 1]), 2)
    # Of its own, and twice what its document's best has.
    np.testing.assert_allclose(found, [3 + 1, 2 + 1.5, 0.5 + 1, 1], rtol=1e-5)


def test_a_document_that_the_query_names_comes_first_among_equals() -> None:
    facts = [FileFacts(name, "markdown") for name in ("other.md", "changelog.md")]
    paths = path_signals(query_shape("changelog", "repository"), {"changelog": 1.0}, facts)
    nothing, at = np.zeros(2, np.float32), np.arange(2)
    gathered = Gathered(at, at, np.ones(2, np.float32), *[nothing] * 5, None, None)
    before = Ranked(at, np.array([2, 1], np.float32), nothing)
    after = order_sections(before, gathered, at, paths, Weights(stem_match=1.0), None)
    assert after.order.tolist() == [1, 0]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 9, width=32)), min_size=1, max_size=12))
def test_code_keeps_its_places(files: list[tuple[bool, float]]) -> None:
    n = len(files)
    facts = [
        FileFacts(f"{at}.x", "markdown" if is_document else "python")
        for at, (is_document, _) in enumerate(files)
    ]
    paths = path_signals(query_shape("lamp", "repository"), {}, facts)
    nothing = np.zeros(n, np.float32)
    lexical = np.array([score for _, score in files], np.float32)
    at = np.arange(n)
    gathered = Gathered(at, at, lexical, nothing, nothing, nothing, nothing, nothing, None, None)
    before = Ranked(at[::-1].copy(), np.linspace(1, 0, n, dtype=np.float32), nothing)
    after = order_sections(before, gathered, at, paths, Weights(), None)
    is_document = paths.is_document.astype(bool)
    assert sorted(after.order.tolist()) == at.tolist()
    assert after.scores.tolist() == before.scores.tolist()
    for old, new in zip(before.order, after.order, strict=True):
        assert old == new or (is_document[old] and is_document[new])
    of_documents = lexical[[int(place) for place in after.order if is_document[place]]]
    assert (np.diff(of_documents) <= 0).all()
