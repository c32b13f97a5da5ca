"""Which shards a question goes to where it cannot go to all."""

from __future__ import annotations

import numpy as np

from indexer.cluster.prefilter import Prefilter, word_hash


def sketch(*words):
    return np.array(sorted(map(word_hash, words)), np.int64)


def test_rare_words_and_near_vectors_choose():
    names = ["web", "shop", "mail", "game"]
    sketches = [sketch("route", "get"), sketch("price", "get"), sketch("letter", "get"), sketch("get")]
    vectors = [np.array(v, np.float32) for v in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    prefilter = Prefilter(names, sketches, vectors)
    assert prefilter.choose(names, ["price", "get"], None, 1) == ["shop"]
    assert prefilter.choose(names, ["get"], np.array([0, -1], np.float32), 1) == ["game"]
    assert prefilter.choose(names, [], np.array([1, 0.9], np.float32), 2) == ["web", "shop"]
    assert prefilter.choose(["mail", "game"], ["price"], None, 1) == ["mail"], "of those that are asked alone"
    assert prefilter.choose(names, ["price"], None, 4) == names


def test_without_vectors_words_choose():
    prefilter = Prefilter(["a", "b"], [sketch("x"), sketch("y")], [np.empty(0, np.float32)] * 2)
    assert prefilter.choose(["a", "b"], ["y"], np.array([1.0], np.float32), 1) == ["b"]
