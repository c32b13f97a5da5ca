"""Candidates of several indexes as those of one, so that they are ranked once, by one scale.

Pure arithmetic over arrays. Positions of regions, chunks and files are moved behind those of the indexes
before; paths are judged within their own index, since a `v3` of one says nothing of a `v4` of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from indexer.records import Float32Array, Int64Array
from indexer.retrieve.candidates import Gathered, Nominated, best_chunks, votes_of
from indexer.retrieve.ranking import Ranked
from indexer.retrieve.signals import PathSignals

_RANK_OFFSET = 20.0
"""As candidates are named: the first few places of a ranking differ, and none of them decides alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one index gives to a ranking."""

    gathered: Gathered
    file_of: Int64Array
    """(N,) each region's file, as a position in `paths`."""
    paths: PathSignals


@dataclass(frozen=True, slots=True)
class Union:
    """Several parts as one."""

    gathered: Gathered
    file_of: Int64Array
    paths: PathSignals
    part_of: Int64Array
    """(N,) which part each region is of."""
    place: Int64Array
    """(N,) where in that part."""


def union(parts: Sequence[Part]) -> Union:
    """The parts one behind the other; their rows of a query must be the same model's."""
    n_regions = [len(part.gathered.region) for part in parts]
    region = _offsets([int(part.gathered.region.max(initial=-1)) + 1 for part in parts])
    chunk = _offsets([int(part.gathered.chunk.max(initial=-1)) + 1 for part in parts])
    file = _offsets([len(part.paths.depth) for part in parts])
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
    return Union(
        gathered,
        np.concatenate([part.file_of + at for part, at in zip(parts, file, strict=True)]),
        paths,
        np.repeat(np.arange(len(parts)), n_regions),
        np.concatenate([np.arange(n) for n in n_regions]),
    )


def without_vectors(part: Part) -> Part:
    """What words alone say."""
    g = part.gathered
    nothing = np.zeros_like(g.single)
    words = replace(g, single=nothing, single_chunk=nothing, maxima=None, header_maxima=None)
    return replace(part, gathered=words)


def best_of_all(
    lists: Sequence[Sequence[Nominated]],
    near: Sequence[Sequence[Int64Array]],
    n_rows: Sequence[Int64Array],
) -> list[Int64Array]:
    """The chunks of each index that MaxSim has time for, in order of position.

    `lists` holds for each index what each ranker names in it, the same rankers in the same order; their
    scores can be compared. Those of `near` cannot: each index has its own first place. `n_rows` holds the
    token rows of the chunks (C,) of each.
    """
    starts = _offsets([len(rows) for rows in n_rows])
    named: list[Int64Array] = []
    for each in zip(*lists, strict=True):
        chunk = np.concatenate([one.chunk + at for one, at in zip(each, starts, strict=True)])
        score = np.concatenate([one.score for one in each])
        named.append(chunk[np.argsort(-score, kind="stable")])
    n_chunks = sum(map(len, n_rows))
    votes = votes_of(named, n_chunks)
    for own, at in zip(near, starts, strict=True):
        votes += votes_of([chunks + at for chunks in own], n_chunks)
    chosen = best_chunks(votes, np.concatenate(n_rows))
    bounds = np.searchsorted(chosen, [*starts, n_chunks])
    return [chosen[first:last] - at for at, first, last in zip(starts, bounds[:-1], bounds[1:], strict=True)]


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
