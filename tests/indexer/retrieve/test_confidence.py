"""Confidence by hand-made candidates: what follows from shares and words, whatever the weights are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from indexer.records import Mode
from indexer.retrieve.confidence import (
    CURVES,
    WEAK_BELOW,
    About,
    Curve,
    Shares,
    about,
    confidence_of,
    judge,
    shares_of,
)
from indexer.retrieve.ranking import Ranked
from indexer.storage.full_text import rarity
from tests.indexer.retrieve.test_ranking import Region, scene

OWN = (("a", 9.0), ("b", 3.0), ("c", 2.0), ("d", 1.0))
KNOWN, UNKNOWN = rarity(4, 100), rarity(0, 100)
LEVEL = Curve(-1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Relevance 1 / (1 + e) to 1 / (1 + 1/e), by known words alone; a file as sure as its share."""


def ranked(*scores: float) -> Ranked:
    order = np.arange(len(scores))
    return Ranked(order, np.array(scores, np.float32), np.zeros(len(scores), np.float32))


def shares(scores, files):
    found = shares_of(np.arange(len(scores)), np.array(scores, np.float32), np.array(files))
    return 1 / (1 + np.exp(-found.logits.astype(np.float64))), found.of_best


def test_a_share_is_the_softmax_of_files_by_their_best_scores():
    found, of_best = shares([3.0, 2.0, 1.5], [0, 1, 0])
    total = math.exp(3) + math.exp(2)
    first = math.exp(3) / total
    np.testing.assert_allclose(found, [first, math.exp(2) / total, first], rtol=1e-5)
    np.testing.assert_allclose(of_best, [1, 1, 0.5], rtol=1e-6)


def test_equals_share_alike_and_nothing_is_certain():
    np.testing.assert_allclose(shares([1.0, 1.0, 1.0, 1.0], [0, 1, 2, 3])[0], 0.25, rtol=1e-5)
    assert 0.998 < shares([5.0], [0])[0][0] < 1
    assert not len(shares([], np.zeros(0, np.int64))[0])


def test_what_is_known_of_a_query_weighs_as_its_rarity():
    some = scene([Region("a", lexical=2.2 * (KNOWN + UNKNOWN), single=0.4)]).gathered
    found = about(some, np.array([0.7], np.float32), {"lamp": KNOWN, "helm": UNKNOWN}, UNKNOWN)
    assert found.known == pytest.approx(KNOWN / (KNOWN + UNKNOWN))
    assert (found.bm25, found.colbert, found.single) == pytest.approx((1.0, 0.7, 0.4))
    assert about(some, np.zeros(1, np.float32), {}, UNKNOWN) == About(0.0, 0.0, 0.0, pytest.approx(0.4))


def test_confidence_is_the_chance_of_the_index_times_that_of_the_file():
    shares = Shares(np.array([math.log(3), math.log(1 / 3)], np.float32), np.ones(2, np.float32))
    found = confidence_of(About(0.5, 0, 0, 0), shares, np.array([2, 0]), 3, LEVEL)
    assert found.relevance == pytest.approx(0.5)
    np.testing.assert_allclose(found.of_region, [0.125, 0.0, 0.375], rtol=1e-6)
    first = confidence_of(About(0.5, 0, 0, 0), shares, np.array([2, 0]), 3, replace(LEVEL, first=9.0))
    assert first.of_region[2] > 0.49
    assert first.of_region[0] == found.of_region[0]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_query_of_foreign_words_is_weak_and_one_that_the_index_answers_is_not(mode):
    foreign = scene([Region(name, lexical=0.5, single=0.45) for name in "abcd"])
    words = {"kubernet": UNKNOWN, "helm": UNKNOWN, "chart": UNKNOWN, "deploy": KNOWN}
    vague = replace(ranked(4.0, 3.9, 3.8, 3.7), colbert=np.full(4, 0.45, np.float32))
    weak = judge(vague, foreign.gathered, foreign.file_of, mode, words, UNKNOWN)
    assert weak.relevance < WEAK_BELOW
    assert weak.of_region.max() < 0.3

    own = scene([Region(name, lexical=lexical, single=0.65) for name, lexical in OWN])
    clear = replace(ranked(9.0, 5.0, 4.0, 3.0), colbert=np.full(4, 0.7, np.float32))
    sure = judge(clear, own.gathered, own.file_of, mode, dict.fromkeys(("rout", "regist"), KNOWN), UNKNOWN)
    assert sure.relevance > WEAK_BELOW
    assert sure.of_region[0] > 0.8
    assert (np.diff(sure.of_region) < 0).all()


def test_what_has_no_vectors_yet_is_judged_by_words():
    """Else the missing similarity would pass for unlikeness."""
    some = scene([Region("a", lexical=9.0, has_vectors=False), Region("b", lexical=1.0, has_vectors=False)])
    words = dict.fromkeys(("rout", "regist"), KNOWN)
    found, by_words = (
        judge(ranked(9.0, 5.0), some.gathered, some.file_of, mode, words, UNKNOWN)
        for mode in (Mode.HYBRID, Mode.LEXICAL)
    )
    assert found.relevance == by_words.relevance > WEAK_BELOW


def test_two_texts_of_a_report_count_as_one():
    some = scene([Region("a", lexical=9.0), Region("b", lexical=1.0)])
    rest = some.gathered, some.file_of, Mode.LEXICAL, {"lamp": KNOWN}, UNKNOWN
    np.testing.assert_allclose(
        judge(ranked(9.0, 5.0), *rest).of_region, judge(ranked(18.0, 10.0), *rest, 2).of_region, rtol=1e-6
    )


def test_every_mode_has_a_curve():
    assert set(CURVES) == set(Mode)
