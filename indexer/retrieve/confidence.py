"""How sure an answer is, from 0 to 1, whatever the query: what a score by itself does not say.

Two questions, each a logistic regression on a few numbers, and the product of both. Is the index about the
query at all? Its words are known here, a region holds them, and vectors of the query and of some region are
alike. And is it this file? A score is the logarithm of a share (the weights of `ranking.py` were fitted so),
and the share that a hit's file has among the candidates is the chance that it is meant, if any is.

Pure arithmetic over arrays. `tests/benchmarks/calibration.py` fits the weights on the development
repositories, and sets what was said against what was right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array, Mode
from indexer.retrieve.candidates import Gathered
from indexer.retrieve.ranking import Ranked

WEAK_BELOW = 0.65
"""An answer is weak where the index is about the query with less than this chance."""
_HIGHEST_BM25 = 2.2
"""Times its rarity, what a word adds at most to BM25 with FTS5's k1 of 1.2."""
_SURE = 6.9
"""No share is taken for more than one chance in a thousand to be wrong."""


@dataclass(frozen=True, slots=True)
class About:
    """What an index and a query have in common, each 0 to about 1."""

    known: float
    """Share of the query's words that any region holds, by their rarity."""
    bm25: float
    """BM25 of the best region, over what a region of all words could have; 0 where words were not asked."""
    colbert: float
    """Weighted MaxSim of the best region; 0 where it did not run."""
    single: float
    """Cosine of the best region; 0 where it did not run."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Weights of a mode's two regressions."""

    constant: float
    known: float
    bm25: float
    colbert: float
    single: float
    of_file: float
    """Constant of the second."""
    share: float
    """Of the logit of a file's share among the candidates."""
    first: float
    """Of the first hit."""


CURVES: dict[Mode, Curve] = {
    Mode.HYBRID: Curve(-13.41, 6.89, 4.62, 8.28, 7.28, 0.11, 0.88, 0.65),
    Mode.LEXICAL: Curve(-5.99, 8.02, 6.66, 0.00, 0.00, 0.08, 0.81, 0.57),
    Mode.COLBERT: Curve(-11.66, 8.93, 0.00, 12.54, 0.00, 0.18, 0.91, 0.09),
    Mode.SINGLE: Curve(-10.88, 9.16, 0.00, 0.00, 11.53, 0.13, 0.90, 0.12),
}
"""As `calibration.py --fit` gives them, with the default model; how alike texts are is each model's own."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What the scores of M hits say of them."""

    logits: Float32Array
    """(M,) of the share that the hit's file has among all files, by the softmax of their best scores."""
    of_best: Float32Array
    """(M,) the hit's score over that of its file's best hit, at most 1."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """What is to be thought of an answer."""

    of_region: Float32Array
    """(N,) the chance that the region's file is one that is meant, less for its weaker regions."""
    relevance: float
    """The chance that the index is about the query at all."""


def judge(
    ranked: Ranked,
    gathered: Gathered,
    file_of: Int64Array,
    mode: Mode,
    rarities: Mapping[str, float],
    unknown: float,
    n_texts: int = 1,
) -> Confidence:
    """The confidence in what was ranked, `rarities` and `unknown` as `about` has them.

    A query with a title is `n_texts` texts, whose scores were added.
    """
    curve = CURVES[mode if gathered.has_vectors.all() else Mode.LEXICAL]
    shares = shares_of(ranked.order, ranked.scores / np.float32(n_texts), file_of)
    return confidence_of(
        about(gathered, ranked.colbert, rarities, unknown),
        shares,
        ranked.order,
        len(file_of),
        curve,
    )


def about(gathered: Gathered, colbert: Float32Array, rarities: Mapping[str, float], unknown: float) -> About:
    """What the candidates say of the query; `colbert` is (N,), the weighted MaxSim of each.

    `rarities` are those of the query's stems, `unknown` that of a stem that no region holds.
    """
    total = sum(rarities.values())
    known = sum(each for each in rarities.values() if each < unknown - 1e-6)
    return About(
        known=known / total if total else 0.0,
        bm25=float(gathered.lexical.max(initial=0.0)) / (_HIGHEST_BM25 * total) if total else 0.0,
        colbert=float(colbert.max(initial=0.0)),
        single=float(gathered.single.max(initial=0.0)),
    )


def shares_of(order: Int64Array, scores: Float32Array, file_of: Int64Array) -> Shares:
    """What each hit's file has among the candidates.

    `order` is (M,), hits best first as places in `file_of` (N,); `scores` is (M,).
    """
    if not len(order):
        return Shares(np.zeros(0, np.float32), np.zeros(0, np.float32))
    _, first, file = np.unique(file_of[order], return_index=True, return_inverse=True)
    exponents = np.exp(scores[first].astype(np.float64) - float(scores[first].max()))
    share = exponents / exponents.sum()
    logits = np.clip(np.log(share / np.maximum(1.0 - share, 1e-9)), -_SURE, _SURE)
    of_best = np.minimum(scores / np.maximum(scores[first], 1e-6)[file], 1.0)
    return Shares(logits[file].astype(np.float32), of_best.astype(np.float32))


def confidence_of(found: About, shares: Shares, order: Int64Array, n: int, curve: Curve) -> Confidence:
    """The confidence in each of `n` candidates, ranked as `order` (M,) says."""
    relevance = _chance(
        curve.constant
        + curve.known * found.known
        + curve.bm25 * found.bm25
        + curve.colbert * found.colbert
        + curve.single * found.single
    )
    of_file = curve.of_file + curve.share * shares.logits
    of_file[:1] += np.float32(curve.first)
    of_region = np.zeros(n, np.float32)
    of_region[order] = relevance * shares.of_best / (1.0 + np.exp(-of_file))
    return Confidence(of_region, relevance)


def _chance(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, logit))))
