"""What the quality benchmark measures, as pure functions over ranks and token counts.

Nothing here knows an index, a file or a data set. Called by `quality.py` and its report;
`tests/test_benchmark_metrics.py` checks the numbers by hand.

Definitions:

- **NDCG@k**: binary gain, one result a file, the ideal is every target file at the top.
- **Reciprocal rank**: of the first target file, 0 where none came back.
- **Tokens to a target**: walking the returned passages in order, the running total of their tokens
  at the end of the passage that shows the target. A file is shown by any passage of it; a span of
  lines by passages that together show half of its lines, or `SPAN_LINES_ENOUGH` of them.
- **Recall within n tokens**: the share of a query's targets whose tokens-to-target is at most n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOKEN_BUDGETS = (500, 1000, 2000, 4000, 8000)
SPAN_LINES_ENOUGH = 10
RESAMPLES = 10_000
SEED = 20240229
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Returned:
    """One passage of an answer, in the order in which a reader meets it."""

    path: str
    start_line: int
    """1-based, inclusive."""
    end_line: int
    n_tokens: int
    omitted_lines: tuple[tuple[int, int], ...] = ()
    """Inclusive ranges inside start_line..end_line that the passage leaves out."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a query should find: a file, or lines of it."""

    path: str
    start_line: int = 0
    """1-based, inclusive; 0: the whole file is the target."""
    end_line: int = 0

    @property
    def is_span(self) -> bool:
        """Whether the target names lines."""
        return self.start_line > 0


@dataclass(frozen=True, slots=True)
class QueryScores:
    """One query under one system."""

    ndcg10: float
    reciprocal_rank: float
    file_tokens: tuple[int | None, ...]
    """Tokens to each target file, in the order of first mention; None: not returned."""
    span_tokens: tuple[int | None, ...]
    """The same for each target that names lines."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float


def files_in_order(returned: Iterable[Returned]) -> list[str]:
    """The files of an answer, each where its first passage stands."""
    return list(dict.fromkeys(passage.path for passage in returned))


def ndcg_at(files: Sequence[str], relevant: set[str], k: int = 10) -> float:
    """Binary NDCG of a ranking of distinct files; 0 where nothing is relevant."""
    gain = sum(1 / math.log2(rank + 2) for rank, path in enumerate(files[:k]) if path in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), k)))
    return gain / ideal if ideal else 0.0


def reciprocal_rank(files: Sequence[str], relevant: set[str]) -> float:
    """1 / rank of the first relevant file, 0 where there is none."""
    return next((1 / rank for rank, path in enumerate(files, start=1) if path in relevant), 0.0)


def tokens_to_file(returned: Iterable[Returned], path: str) -> int | None:
    """Tokens read by the end of the first passage of a file; None: no passage of it came back."""
    total = 0
    for passage in returned:
        total += passage.n_tokens
        if passage.path == path:
            return total
    return None


def tokens_to_span(returned: Iterable[Returned], target: Target) -> int | None:
    """Tokens read until the passages show enough of the target's lines; None: they never do."""
    n_lines = target.end_line - target.start_line + 1
    enough = min(SPAN_LINES_ENOUGH, math.ceil(n_lines / 2))
    total = 0
    seen: set[int] = set()
    for passage in returned:
        total += passage.n_tokens
        if passage.path != target.path:
            continue
        start = max(passage.start_line, target.start_line)
        shown = set(range(start, min(passage.end_line, target.end_line) + 1))
        for first, last in passage.omitted_lines:
            shown.difference_update(range(first, last + 1))
        seen |= shown
        if len(seen) >= enough:
            return total
    return None


def score_query(files: Sequence[str], returned: Sequence[Returned], targets: Sequence[Target]) -> QueryScores:
    """Every figure of one answer: ranks over distinct files in order, tokens over what is read."""
    paths = list(dict.fromkeys(target.path for target in targets))
    relevant = set(paths)
    return QueryScores(
        ndcg10=ndcg_at(files, relevant),
        reciprocal_rank=reciprocal_rank(files, relevant),
        file_tokens=tuple(tokens_to_file(returned, path) for path in paths),
        span_tokens=tuple(tokens_to_span(returned, target) for target in targets if target.is_span),
    )


def recall_within(tokens: Sequence[int | None], budget: int) -> float:
    """Share of the targets reached within a budget. There is at least one target."""
    return sum(1 for n in tokens if n is not None and n <= budget) / len(tokens)


def bootstrap(values: Sequence[float], groups: Sequence[str] | None = None) -> Interval:
    """Mean with a percentile bootstrap interval; seeded, so the same values give the same interval.

    Args:
        values: one a query; at least one.
        groups: the repository of each query: whole repositories are drawn, so the interval says how
            the mean would move on *other repositories*. None: queries are drawn.
    """
    array = np.asarray(values, dtype=np.float64)  # (n,)
    sums, counts = array, np.ones_like(array)
    if groups is not None:
        names = {name: position for position, name in enumerate(dict.fromkeys(groups))}
        place = np.array([names[name] for name in groups])
        sums = np.bincount(place, weights=array)
        counts = np.bincount(place).astype(np.float64)
    means = _resampled_means(sums, counts)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(array.mean()), float(low), float(high))


def paired_difference(
    ours: Sequence[float], theirs: Sequence[float], groups: Sequence[str] | None = None
) -> Interval:
    """Mean of ours - theirs over the same queries, with its interval."""
    if len(ours) != len(theirs):
        raise ValueError(f"paired runs need the same queries: {len(ours)} and {len(theirs)}")
    return bootstrap([a - b for a, b in zip(ours, theirs, strict=True)], groups)


def _resampled_means(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(RESAMPLES,) means of units drawn with replacement; a unit is a query or a repository."""
    random = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    block = max(1, 2_000_000 // len(sums))
    for start in range(0, RESAMPLES, block):
        n = min(block, RESAMPLES - start)
        drawn = random.integers(0, len(sums), size=(n, len(sums)))
        means[start : start + n] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means
