"""What regions of documents score; `test_ranking.py` has the places that they get."""

from __future__ import annotations

import numpy as np

from indexer.records import QueryToken
from indexer.retrieve.section_ranking import row_rarities, section_scores

APART = np.arange(0, 50, 10)
"""Places in the region table of regions that are no neighbours."""


def test_rows_weigh_as_the_square_of_their_words_rarity() -> None:
    query = "why lamps_burn?"
    spans = [(0, 0), (0, 3), (4, 9), (9, 10), (10, 14), (14, 15), (0, 0)]
    tokens = [QueryToken(query[start:end], start, end) for start, end in spans]
    found = row_rarities(query, tokens, {"lamp": 1.0, "burn": 3.0})
    # Neither specials nor "why" nor marks count; parts of one identifier are words of their own.
    np.testing.assert_allclose(found, [0, 0, 0.1, 0, 0.9, 0, 0], rtol=1e-6)


def test_rows_of_a_script_without_spaces_weigh_as_their_pairs() -> None:
    query = "灯塔在parse"
    tokens = [QueryToken(query[at], at, at + 1) for at in range(3)] + [QueryToken("parse", 3, 8)]
    found = row_rarities(query, tokens, {"灯塔": 3.0, "塔在": 1.0, "pars": 2.0})
    np.testing.assert_allclose(found, np.array([9, 1, 1, 4]) / 15, rtol=1e-6)


def test_where_no_word_tells_all_rows_count_alike() -> None:
    tokens = [QueryToken("", 0, 0), QueryToken("why", 0, 3)]
    assert row_rarities("why", tokens, {}).tolist() == [0.5, 0.5]


def test_a_region_is_scored_with_its_document_by_hand() -> None:
    lexical = np.array([4, 0, 2, 0], np.float32)
    similar = np.array([0.5, 0.9, 0.5, 0.5], np.float32)  # 0.4 above the usual, or nothing
    found = section_scores({"lexical": lexical, "single": similar}, APART[:4], np.array([0, 0, 1, 1]), 2)
    # Of its own, twice what its document's best has, and half of what the best passage has: itself.
    np.testing.assert_allclose(found, [3 + 0.5 + 1, 2 + 1.5, 0.5 + 0.25 + 1, 1], rtol=1e-5)


def test_no_more_than_three_regions_speak_for_a_document() -> None:
    lexical = np.array([1, 1, 1, 1, 3], np.float32)
    found = section_scores({"lexical": lexical}, APART, np.array([0, 0, 0, 0, 1]), 2)
    # Best three: 3 × 1/3 and 1, so both documents add the same 2.
    np.testing.assert_allclose(found, [1.5 / 3 + 2] * 4 + [1.5 + 2], rtol=1e-5)


def test_a_region_below_the_usual_one_is_scored_below_it() -> None:
    similar = np.array([0.5, 0.4, 0.5, 0.7, 0.5], np.float32)
    found = section_scores({"colbert": similar}, APART, np.arange(5), 5)
    assert np.argsort(-found, kind="stable").tolist() == [3, 0, 2, 4, 1]


def test_sections_are_ordered_by_each_ranker_that_ran() -> None:
    values = np.array([0.0, 0.0, 3.0], np.float32)
    nothing = np.zeros(3, np.float32)
    for name in ("colbert", "single", "lexical"):
        parts = dict.fromkeys(("colbert", "single", "lexical"), nothing) | {name: values}
        assert section_scores(parts, APART[:3], np.arange(3), 3).argmax() == 2, name


def test_a_region_is_lifted_by_what_its_neighbours_say() -> None:
    lexical = np.array([3, 2, 0, 2, 3], np.float32)
    here = np.zeros(5, np.int64)
    together = section_scores({"lexical": lexical}, np.array([7, 21, 22, 23, 40]), here, 1)
    # The passages of 21 to 23 hold 4, that of any other 3; a fifth of it, over the largest.
    np.testing.assert_allclose(together - 2, [1 + 0.375, 2 / 3 + 0.5, 0.5, 2 / 3 + 0.5, 1 + 0.375], rtol=1e-5)
    in_another = section_scores(
        {"lexical": lexical}, np.array([7, 21, 22, 23, 40]), np.array([0, 0, 1, 2, 2]), 3
    )
    assert in_another[2] == 0  # neighbours, but of no document of its own


def test_neighbours_are_found_in_whatever_order_regions_come() -> None:
    lexical = np.array([1, 5, 2, 4], np.float32)
    region, here = np.array([1, 2, 3, 6]), np.zeros(4, np.int64)
    shuffled = np.array([2, 0, 3, 1])
    found = section_scores({"lexical": lexical[shuffled]}, region[shuffled], here, 1)
    np.testing.assert_allclose(found, section_scores({"lexical": lexical}, region, here, 1)[shuffled])


def test_vectors_to_which_everything_is_alike_say_nothing_beside_words() -> None:
    lexical = np.array([1, 2, 0, 0, 0], np.float32)
    files = np.arange(5)
    alone = section_scores({"lexical": lexical}, APART, files, 5)
    alike = {name: np.array([0.58, 0.5, 0.5, 0.5, 0.5], np.float32) for name in ("colbert", "single")}
    np.testing.assert_allclose(section_scores(alike | {"lexical": lexical}, APART, files, 5), alone)
    apart = {name: values * 2 for name, values in alike.items()}
    assert section_scores(apart | {"lexical": lexical}, APART, files, 5).argmax() == 0  # and 0.16 tells
    # Where no word is found, they are all there is.
    assert section_scores(alike | {"lexical": lexical * 0}, APART, files, 5).argmax() == 0
