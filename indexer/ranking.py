"""From what three rankers say of candidate regions to one order: fusion, priors, diversity.

Pure arithmetic over arrays: nothing here reads an index. `search.py` gathers `Candidates`; `rank`
scores files first (a file is what a question is about), then orders the regions inside each.
Every constant is in `WEIGHTS`; `DESIGN.md` has the table of what each is worth on the development data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.records import Float32Array, Mode


@dataclass(frozen=True, slots=True)
class Weights:
    """The table of constants, tuned on the development repositories alone."""

    colbert: float = 1.0
    single: float = 0.6
    lexical: float = 0.8
    next_region: float = 0.85
    """A file's second region scores this share of its first, its third the square of it."""


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Candidates:
    """N regions that may answer, with what each ranker says of them and of their files.

    Scores are as the rankers gave them; NaN where a ranker did not run or did not find the region.
    """

    region: NDArray[np.int64]
    """(N,) positions in the generation's region table."""
    chunk: NDArray[np.int64]
    """(N,) positions in its chunk table."""
    file: NDArray[np.int64]
    """(N,) 0 .. F-1, positions in the caller's list of files."""
    lexical_region: Float32Array
    """(N,) BM25."""
    lexical_file: Float32Array
    """(N,) BM25 of the whole file."""
    single_region: Float32Array
    """(N,) cosine, the better of the region's own row and the wide spans around it."""
    single_chunk: Float32Array
    """(N,) cosine of the chunk's row."""
    colbert_region: Float32Array
    """(N,) mean over the query's rows of the best cosine within the region."""
    colbert_chunk: Float32Array
    """(N,) the same within the whole chunk."""
    file_prior: Float32Array
    """(F,) added to a file's score: its path against the query, tests, vendored code."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates in order."""

    order: NDArray[np.int64]
    """(M,) positions in `Candidates`, best first."""
    scores: Float32Array
    """(M,)"""


def rank(candidates: Candidates, mode: Mode, weights: Weights = WEIGHTS) -> Ranked:
    """Order candidates; in a mode of one ranker, those that it did not find are left out."""
    c = candidates
    parts: list[tuple[float, Float32Array, Float32Array]] = []
    if mode in (Mode.HYBRID, Mode.COLBERT):
        parts.append((weights.colbert, c.colbert_region, c.colbert_chunk))
    if mode in (Mode.HYBRID, Mode.SINGLE):
        parts.append((weights.single, c.single_region, c.single_chunk))
    if mode in (Mode.HYBRID, Mode.LEXICAL):
        parts.append((weights.lexical, c.lexical_region, c.lexical_file))
    n = len(c.region)
    found = np.zeros(n, bool)
    total = np.zeros(n, np.float32)
    of_file = np.zeros(n, np.float32)
    for weight, region, whole in parts:
        found |= ~np.isnan(region) | ~np.isnan(whole)
        total += weight * _unit(region)
        of_file += weight * _unit(whole)
    keep = np.flatnonzero(found)
    if not len(keep):
        return Ranked(np.empty(0, np.int64), np.empty(0, np.float32))
    file = c.file[keep]
    n_files = int(file.max()) + 1
    file_score = np.full(n_files, -np.inf, np.float32)
    np.maximum.at(file_score, file, total[keep] + of_file[keep])
    file_score += c.file_prior[:n_files]

    in_file = np.lexsort((-total[keep], file))
    place = _place_in_group(file[in_file])
    scores = np.empty(len(keep), np.float32)
    scores[in_file] = _shift(file_score)[file[in_file]] * weights.next_region**place
    order = np.lexsort((keep, -scores))
    return Ranked(keep[order], scores[order])


def _unit(scores: Float32Array) -> Float32Array:
    """Per query: 0 for the weakest candidate found and for those not found, 1 for the strongest."""
    found = ~np.isnan(scores)
    if not found.any():
        return np.zeros_like(scores)
    low, high = scores[found].min(), scores[found].max()
    return np.where(found, (scores - low) / max(float(high - low), 1e-6), 0.0).astype(np.float32)


def _shift(file_score: Float32Array) -> Float32Array:
    """Make all scores positive, so that a share of one is less than it."""
    finite = file_score[np.isfinite(file_score)]
    low = float(finite.min())
    return np.where(np.isfinite(file_score), file_score - min(low, 0.0) + 1e-3, 0.0).astype(np.float32)


def _place_in_group(sorted_groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, ... from the start of each run of equal values."""
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    lengths = np.diff(np.r_[starts, len(sorted_groups)])
    return np.arange(len(sorted_groups)) - np.repeat(starts, lengths)
