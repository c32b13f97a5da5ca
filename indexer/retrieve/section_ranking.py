"""Documents are answered with sections: their regions are ranked by themselves, not file after file.

A question to code asks for a file; one to documents for the section that says it, and the next best
section may be in the same document or in any other. So the places that documents have among all hits
stay theirs, and within these places regions are ordered anew: by what the rankers say of the region,
and by what they say of its document's best three. A passage of prose is a region with its neighbours, for
what is talked of is said in turns. Vectors count as far as they tell regions apart. Pure arithmetic; called
by `ranking.py`, which decides between code and documents. `DECISIONS.md`, 3, has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.records import Float32Array, Int64Array, QueryToken, QueryVectors
from indexer.retrieve.groups import median, over_largest, top_three
from indexer.retrieve.query_shape import stems_of
from indexer.words import is_unspaced, word_at

_WEIGHTS = {"colbert": 1.0, "single": 0.5, "lexical": 1.0}
"""What a ranker's largest value adds to a region's score."""
_OF_DOCUMENT = 2.0
"""How many times as much the largest value of a document's best three adds to each of its regions."""
_OF_PASSAGE = 0.5
"""How many times as much the best passage's BM25 adds, a region and its neighbours."""
_NEIGHBOURS = 2
"""Regions on either side of a passage's middle."""
_SPREADS = {"colbert": (0.08, 0.2), "single": (0.12, 0.2)}
"""So far above the usual region the best one of a ranker of vectors says nothing, and all that it can.

Text unlike any that the model was trained on is alike to it: transcripts of talk, half of which stand below.
"""
_MAX_QUERY_ROWS = 48
"""Rows of a query that are compared: questions have fewer, and reports lose nothing (`DECISIONS.md`, 14b)."""
_RARITY_POWER = 2.0
"""Rare words of a question carry it; the first power gives common verbs too much of a say."""


def row_rarities(query: str, tokens: Sequence[QueryToken], rarities: Mapping[str, float]) -> Float32Array:
    """(Q,) how telling each row's word is, summing to 1; `rarities` are those of stems (`full_text.rarity`).

    Rows of words that only ask, and of no word at all, get 0, unless no row has a word that tells.
    """
    found = np.zeros(len(tokens), np.float32)
    for row, token in enumerate(tokens):
        start, end = token.start_char, token.end_char
        if not any(character.isalnum() for character in query[start:end]):
            continue
        first = next(at for at in range(start, end) if query[at].isalnum())
        if is_unspaced(query[first]):
            low, high = word_at(query, first)
            start, end = min(start, low), max(end, high)
        else:
            while start > 0 and _is_spaced(query[start - 1]):
                start -= 1
            while end < len(query) and _is_spaced(query[end]):
                end += 1
        rarity = max((rarities.get(stem, 0.0) for stem in stems_of(query[start:end])), default=0.0)
        found[row] = rarity**_RARITY_POWER
    total = float(found.sum())
    if total <= 0:
        return np.full(len(tokens), 1.0 / max(1, len(tokens)), np.float32)
    return found / np.float32(total)


def most_telling(vectors: QueryVectors, weights: Float32Array) -> tuple[QueryVectors, Float32Array]:
    """A query with at most `_MAX_QUERY_ROWS` rows, those that weigh most, and their weights, summing to 1.

    `weights` are `row_rarities` of all. A report has hundreds, and MaxSim costs what they number.
    """
    if vectors.rows is None or len(weights) <= _MAX_QUERY_ROWS:
        return vectors, weights
    kept = np.sort(np.argsort(-weights, kind="stable")[:_MAX_QUERY_ROWS])
    tokens = tuple(vectors.tokens[at] for at in kept.tolist())
    total = weights[kept].sum()
    return replace(vectors, rows=vectors.rows[kept], tokens=tokens), weights[kept] / total


def _is_spaced(character: str) -> bool:
    return character.isalnum() and not is_unspaced(character)


def section_scores(
    parts: Mapping[str, Float32Array],
    file_of: Int64Array,
    n_files: int,
    known: NDArray[np.bool_] | None = None,
) -> Float32Array:
    """(M,) scores of the regions of documents.

    `parts` holds what each ranker says of them, (M,) by the keys of `_WEIGHTS`, and what `passage_means` says
    by `passage`; `file_of` is (M,), each region's file, 0 to `n_files` - 1. `known` is (M,), the regions that
    have vectors; None for all.
    """
    above = {name: _above_usual(v, known) if name in _SPREADS else v for name, v in parts.items()}
    finds_words = bool(above.get("lexical", _NOTHING).any())
    total = np.zeros(len(file_of), np.float32)
    for name, values in above.items():
        if name == "passage":
            total += np.float32(_OF_PASSAGE) * over_largest(values)
            continue
        own = over_largest(values)
        document = over_largest(top_three(own, file_of, n_files))
        score = own + _OF_DOCUMENT * document[file_of]
        if name in _SPREADS and finds_words:
            score *= _says(float(values.max(initial=0.0)), *_SPREADS[name])
        total += np.float32(_WEIGHTS[name]) * score
    return total


def _above_usual(values: Float32Array, known: NDArray[np.bool_] | None) -> Float32Array:
    """(M,) similarities are never nothing: what the usual region has says nothing; 0 where not `known`."""
    if known is None:
        return (values - median(values)).astype(np.float32)
    return np.where(known, values - median(values[known]) if known.any() else 0.0, 0.0).astype(np.float32)


def _says(spread: float, nothing: float, all_: float) -> np.float32:
    """0..1: how much a ranker says whose best region stands so far above the usual one."""
    return np.float32(min(1.0, max(0.0, (spread - nothing) / (all_ - nothing))))


def passage_means(values: Float32Array, region: Int64Array, file_of: Int64Array) -> Float32Array:
    """(M,) BM25 of passages: means over regions and their neighbours in a document, 0 where one is missing.

    `region` is (M,), places in the region table. Talk and other text without headings is what passages are
    for: what they add beside a heading's section is that section's neighbours, which say something else.
    """
    order = np.argsort(region, kind="stable")
    place, file, value = region[order], file_of[order], values[order]
    total = value.copy()
    for distance in range(1, _NEIGHBOURS + 1):
        # The n-th neighbour, where there is one, is at most n further on among the candidates.
        for step in range(1, min(distance, len(order) - 1) + 1):
            near = (place[step:] - place[:-step] == distance) & (file[step:] == file[:-step])
            total[step:][near] += value[:-step][near]
            total[:-step][near] += value[step:][near]
    means = np.empty_like(values)
    means[order] = total / np.float32(2 * _NEIGHBOURS + 1)
    return means


_NOTHING = np.zeros(0, np.float32)
