"""Candidates of several indexes as those of one, so that they are ranked once, by one scale.

Pure arithmetic over arrays. Positions of regions, chunks and files are moved behind those of the indexes
before; paths are judged within their own index, since a `v3` of one says nothing of a `v4` of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.retrieve.candidates import Gathered, Nominated, Nominations, best_chunks, votes_of
from indexer.retrieve.path_signals import PathSignals
from indexer.retrieve.ranking import Ranked

_RANK_OFFSET = 20.0
"""As candidates are named: the first few places of a ranking differ, and none of them decides alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one index gives to a ranking."""

    gathered: Gathered
    file_of: Int64Array
    """(N,) each region's file, as a position in `paths`."""
    paths: PathSignals


def union(parts: Sequence[Part]) -> Part:
    """The parts one behind the other; their rows of a query must be the same model's."""
    if len(parts) == 1:
        return parts[0]
    n_regions = [len(part.gathered.region) for part in parts]
    region = _offsets([int(part.gathered.region.max(initial=-1)) + 1 for part in parts])
    chunk = _offsets([int(part.gathered.chunk.max(initial=-1)) + 1 for part in parts])
    file = _offsets([part.paths.n_files for part in parts])
    all_ = [part.gathered for part in parts]
    columns: dict[str, Any] = {
        each.name: np.concatenate([getattr(g, each.name) for g in all_])
        for each in fields(Gathered)
        if each.name not in ("region", "chunk", "maxima", "header_maxima")
    }
    gathered = Gathered(
        region=np.concatenate([g.region + at for g, at in zip(all_, region, strict=True)]),
        chunk=np.concatenate([g.chunk + at for g, at in zip(all_, chunk, strict=True)]),
        maxima=_rows([g.maxima for g in all_], n_regions),
        header_maxima=_rows([g.header_maxima for g in all_], n_regions),
        **columns,
    )
    paths = PathSignals(
        **{
            each.name: np.concatenate([getattr(part.paths, each.name) for part in parts])
            for each in fields(PathSignals)
        }
    )
    files = [part.file_of + at for part, at in zip(parts, file, strict=True)]
    return Part(gathered, np.concatenate(files), paths)


def without_vectors(part: Part) -> Part:
    """What words alone say."""
    g = part.gathered
    nothing = np.zeros_like(g.single)
    words = replace(g, single=nothing, single_chunk=nothing, maxima=None, header_maxima=None)
    return replace(part, gathered=words)


def best_of_all(named: Sequence[Sequence[Nominations]], n_rows: Sequence[Int64Array]) -> list[Int64Array]:
    """The chunks of each index that MaxSim has time for, in order of position.

    `named` holds for each index what its rankers name for each text, the query first. `n_rows` holds the
    token rows of the chunks (C,) of each. Scores of words and of single vectors can be compared between
    indexes; what PLAID names cannot: each index has its own first place. Words of another text than the
    query vote as one ranker, for there the query's own have voted.
    """
    starts, n_chunks = _offsets([len(rows) for rows in n_rows]), sum(map(len, n_rows))
    lists: list[Int64Array] = []
    for at, of_text in enumerate(zip(*named, strict=True)):
        by_words = [_merged(each, starts) for each in zip(*(own.words for own in of_text), strict=True)]
        if at:
            together = votes_of(by_words, n_chunks)
            chosen = np.flatnonzero(together)
            by_words = [chosen[np.argsort(-together[chosen], kind="stable")]]
        by_rows = [
            own.rows + start for own, start in zip(of_text, starts, strict=True) if own.rows is not None
        ]
        singles = [own.single for own in of_text if own.single is not None]
        lists += [*by_words, *by_rows, *([_merged(singles, starts)] if singles else [])]
    votes = votes_of(lists, n_chunks)
    chosen = best_chunks(votes, np.concatenate(n_rows))
    bounds = np.searchsorted(chosen, [*starts, n_chunks])
    return [chosen[first:last] - at for at, first, last in zip(starts, bounds[:-1], bounds[1:], strict=True)]


def _merged(each: Sequence[Nominated], starts: Sequence[int]) -> Int64Array:
    """What one ranker names in all indexes, best first."""
    if len(each) == 1:
        return each[0].chunk
    chunk = np.concatenate([one.chunk + at for one, at in zip(each, starts, strict=True)])
    return chunk[np.argsort(-np.concatenate([one.score for one in each]), kind="stable")]


def by_rank(rankings: Sequence[Int64Array], n: int) -> Ranked:
    """n candidates by the sum of their reciprocal ranks, 1 for the first; those in none are left out."""
    total = np.zeros(n, np.float64)
    for order in rankings:
        total[order] += 1.0 / (_RANK_OFFSET + np.arange(len(order)))
    found = np.flatnonzero(total)
    total /= max(total.max(initial=0.0), 1e-9)
    order = found[np.argsort(-total[found], kind="stable")]
    return Ranked(order, total[order].astype(np.float32), np.zeros(n, np.float32))


def _offsets(sizes: Sequence[int]) -> list[int]:
    """Where each begins, one behind the other."""
    return [sum(sizes[:at]) for at in range(len(sizes))]


def _rows(parts: Sequence[Float32Array | None], n_regions: Sequence[int]) -> Float32Array | None:
    """(Q, N) side by side; zeros for a part without, None where all are."""
    n_rows = next((len(part) for part in parts if part is not None), None)
    if n_rows is None:
        return None
    return np.concatenate(
        [
            np.zeros((n_rows, n), np.float32) if part is None else part
            for part, n in zip(parts, n_regions, strict=True)
        ],
        axis=1,
    )
