"""What regions of documents score; `test_ranking.py` has the places that they get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from indexer.records import QueryToken, QueryVectors
from indexer.retrieve import section_ranking
from indexer.retrieve.section_ranking import most_telling, passage_means, row_rarities, section_scores


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
    found = section_scores({"lexical": lexical, "single": similar}, np.array([0, 0, 1, 1]), 2)
    # Of its own, and twice what its document's best has.
    np.testing.assert_allclose(found, [3 + 1, 2 + 1.5, 0.5 + 1, 1], rtol=1e-5)


def test_no_more_than_three_regions_speak_for_a_document() -> None:
    lexical = np.array([1, 1, 1, 1, 3], np.float32)
    found = section_scores({"lexical": lexical}, np.array([0, 0, 0, 0, 1]), 2)
    # Best three: 3 × 1/3 and 1, so both documents add the same 2.
    np.testing.assert_allclose(found, [1 / 3 + 2] * 4 + [1 + 2], rtol=1e-5)


def test_a_region_below_the_usual_one_is_scored_below_it() -> None:
    similar = np.array([0.5, 0.4, 0.5, 0.7, 0.5], np.float32)
    found = section_scores({"colbert": similar}, np.arange(5), 5)
    assert np.argsort(-found, kind="stable").tolist() == [3, 0, 2, 4, 1]


def test_sections_are_ordered_by_each_ranker_that_ran() -> None:
    values = np.array([0.0, 0.0, 3.0], np.float32)
    nothing = np.zeros(3, np.float32)
    for name in ("colbert", "single", "lexical"):
        parts = dict.fromkeys(("colbert", "single", "lexical"), nothing) | {name: values}
        assert section_scores(parts, np.arange(3), 3).argmax() == 2, name


def test_a_passage_is_a_region_with_its_neighbours_in_its_document() -> None:
    lexical = np.array([3, 2, 0, 2, 3], np.float32)
    place = np.array([7, 21, 22, 23, 40])
    together = passage_means(lexical, place, np.zeros(5, np.int64))
    np.testing.assert_allclose(together, np.array([3, 4, 4, 4, 3]) / 5, rtol=1e-6)
    apart = passage_means(lexical, place, np.array([0, 0, 1, 2, 2]))
    np.testing.assert_allclose(apart, lexical / 5, rtol=1e-6)
    shuffled = np.array([3, 0, 4, 2, 1])
    found = passage_means(lexical[shuffled], place[shuffled], np.zeros(5, np.int64))
    np.testing.assert_allclose(found, together[shuffled])


def test_half_of_the_best_passage_is_added_to_each() -> None:
    parts = {"lexical": np.array([1, 0, 0], np.float32), "passage": np.array([1, 2, 0], np.float32)}
    np.testing.assert_allclose(section_scores(parts, np.arange(3), 3), [3 + 0.25, 0.5, 0], rtol=1e-6)


def test_vectors_to_which_everything_is_alike_say_nothing_beside_words() -> None:
    lexical = np.array([1, 2, 0, 0, 0], np.float32)
    files = np.arange(5)
    alone = section_scores({"lexical": lexical}, files, 5)
    alike = {name: np.array([0.57, 0.5, 0.5, 0.5, 0.5], np.float32) for name in ("colbert", "single")}
    np.testing.assert_allclose(section_scores(alike | {"lexical": lexical}, files, 5), alone)
    apart = {name: values * 2.2 for name, values in alike.items()}
    assert section_scores(apart | {"lexical": lexical}, files, 5).argmax() == 0  # and 0.16 tells
    # Where no word is found, they are all there is.
    assert section_scores(alike | {"lexical": lexical * 0}, files, 5).argmax() == 0


def test_of_a_long_query_the_rows_that_tell_most_are_compared() -> None:
    n = section_ranking._MAX_QUERY_ROWS + 2
    rows = np.arange(n, dtype=np.float32)[:, None]
    tokens = tuple(QueryToken(str(at), at, at + 1) for at in range(n))
    vectors = QueryVectors(None, rows, tokens)
    weights = np.full(n, 1.0, np.float32)
    weights[[1, 3]] = 0.5
    kept, own = most_telling(vectors, weights / weights.sum())
    assert kept.rows is not None
    assert kept.rows[:, 0].tolist() == [at for at in range(n) if at not in (1, 3)]
    assert [token.text for token in kept.tokens] == [str(at) for at in range(n) if at not in (1, 3)]
    np.testing.assert_allclose(own, 1 / (n - 2), rtol=1e-5)
    short = replace(vectors, rows=rows[:-2], tokens=tokens[:-2])
    assert most_telling(short, weights[:-2])[0] is short
