"""Vectors of all regions and questions of a set of examples, and how they rank.

Computed without gradients: by the starting model once, for what it ranks high wrongly (hard negatives) and
for the scores that the model is held to (distillation); by the model of the moment for the held-out measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.disk.mapped_arrays import save_array
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array, Int64Array
from indexer.training.examples import Examples
from indexer.training.scoring import Encoded, TextEncoder
from indexer.vectors.ragged import run_places

_BLOCK_TOKENS = 16_384
_BLOCK_QUESTIONS = 128
_BLOCK_RANKED, _BLOCK_ROWS = 64, 8_192
"""Questions and rows of regions that are compared in one product."""
_SHARD_REGIONS = 16_384
"""Hard negatives of a question are looked for among so many regions around its own: the cost stays linear."""
_N_NAMED, _N_HARD = 64, 8
"""Regions that single vectors name for a question, and of those the wrong ones that rows rank first."""

Float16Array = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class VectorTable:
    """The vectors of N texts."""

    rows: Float16Array | None
    """(K, D): all rows, text after text."""
    first_rows: Int64Array
    """(N + 1,)"""
    single: Float16Array | None
    """(N, S)"""

    def take(self, numbers: Sequence[int] | Int64Array) -> Encoded:
        """Some of the texts, in the order given."""
        chosen = np.asarray(numbers, np.int64)
        lengths = (self.first_rows[1:] - self.first_rows[:-1])[chosen]
        offsets = np.arange(max(1, int(lengths.max(initial=1))))
        inside = offsets < lengths[:, None]
        mask = torch.from_numpy(inside.astype(np.float32))
        rows = None
        if self.rows is not None:
            index = np.where(inside, self.first_rows[chosen][:, None] + offsets, 0)
            rows = torch.from_numpy(self.rows[index].astype(np.float32)) * mask[:, :, None]
        single = None if self.single is None else torch.from_numpy(self.single[chosen].astype(np.float32))
        return Encoded(rows, mask, single)


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """The vectors of a set of examples by one model."""

    regions: VectorTable
    questions: VectorTable


@dataclass(frozen=True, slots=True)
class Measure:
    """Mean reciprocal ranks of the best right region among all regions of the files measured."""

    rows: float | None
    single: float | None

    @property
    def values(self) -> dict[str, float]:
        """Those that there are, by name."""
        named = (("rows", self.rows), ("single", self.single))
        return {name: value for name, value in named if value is not None}

    @property
    def mrr(self) -> float:
        """Their mean: what a model is chosen by."""
        return sum(self.values.values()) / len(self.values)


def keep(stored: StoredVectors, folder: Path) -> None:
    """Write vectors into a folder, for a run that goes on. Raises OSError."""
    for name, array in _arrays(stored).items():
        new = folder / f"new.{name}.npy"
        save_array(new, array)
        new.replace(folder / f"start.{name}.npy")


def kept(folder: Path, examples: Examples) -> StoredVectors | None:
    """What `keep` wrote, mapped; None where it is not all there or of other examples."""

    def table(name: str) -> VectorTable:
        found = {part: folder / f"start.{name}.{part}.npy" for part in ("rows", "first_rows", "single")}
        arrays = {
            part: np.load(path, mmap_mode="r", allow_pickle=False)
            for part, path in found.items()
            if path.is_file()
        }
        return VectorTable(arrays.get("rows"), np.array(arrays["first_rows"]), arrays.get("single"))

    try:
        stored = StoredVectors(table("regions"), table("questions"))
    except (OSError, ValueError, KeyError):
        return None
    n_regions, n_questions = (len(each.first_rows) - 1 for each in (stored.regions, stored.questions))
    return (
        stored if (n_regions, n_questions) == (len(examples.region_files), len(examples.questions)) else None
    )


def _arrays(stored: StoredVectors) -> dict[str, NDArray[np.generic]]:
    return {
        f"{name}.{part}": array
        for name, table in (("regions", stored.regions), ("questions", stored.questions))
        for part, array in (
            ("rows", table.rows), ("single", table.single), ("first_rows", table.first_rows)
        )
        if array is not None
    }  # fmt: skip


def encode_examples(
    encoder: TextEncoder, examples: Examples, tick: Callable[[int, int], None]
) -> StoredVectors:
    """Every region and question; `tick(done, total)` counts tokens."""
    regions, done = [], 0
    with torch.no_grad():
        for windows in _blocks([len(ids) for ids in examples.windows], _BLOCK_TOKENS):
            regions.append(_table(encoder.regions(examples, windows)))
            done += sum(len(examples.windows[window]) for window in windows)
            tick(done, examples.n_tokens)
        asked = [
            _table(encoder.questions(examples, numbers))
            for numbers in _blocks([1] * len(examples.questions), _BLOCK_QUESTIONS)
        ]
    return StoredVectors(_joined(regions), _joined(asked))


def measure(stored: StoredVectors, examples: Examples) -> Measure:
    """How well the vectors find the answers of the questions."""
    regions = np.arange(len(examples.region_files))
    inverse: dict[str, list[float]] = {"rows": [], "single": []}
    for numbers in _blocks([1] * len(examples.questions), _BLOCK_RANKED):
        answers = examples.answers(numbers, regions)
        for name, scores in _all_scores(stored, numbers):
            best = np.where(answers == 1, scores, -np.inf).max(axis=1, keepdims=True)
            ranks = 1 + ((answers == 0) & (scores > best)).sum(axis=1)
            inverse[name] += (1.0 / ranks).tolist()
    means = {name: float(np.mean(values)) if values else None for name, values in inverse.items()}
    return Measure(means["rows"], means["single"])


def hard_windows(
    stored: StoredVectors, examples: Examples, tick: Callable[[int, int], None]
) -> list[list[int]]:
    """For each window, others that hold what its questions rank high wrongly, the most often named first;
    `tick(done, total)` counts questions."""
    names = torch.from_numpy(_names(stored.regions))
    asked = torch.from_numpy(_names(stored.questions))
    window_of = np.repeat(np.arange(len(examples.windows)), np.diff(examples.first_regions))
    votes: list[dict[int, float]] = [{} for _ in examples.windows]
    for block in _blocks([1] * len(examples.questions), _BLOCK_RANKED):
        middle = int(examples.first_regions[examples.questions[block[0]].window])
        first = max(0, min(middle - _SHARD_REGIONS // 2, len(names) - _SHARD_REGIONS))
        cosine = asked[block] @ names[first : first + _SHARD_REGIONS].T
        nearest = cosine.topk(min(_N_NAMED, cosine.shape[1]), dim=1).indices.sort(dim=1).values
        for number, near in zip(block, nearest, strict=True):
            scores, named = cosine[number - block[0], near].numpy(), near.numpy() + first
            if stored.regions.rows is not None:
                scores = scores + _row_scores(stored, [number], named)[0]
            wrong = examples.answers([number], named)[0] == 0
            own = votes[examples.questions[number].window]
            for rank, region in enumerate(named[wrong][np.argsort(-scores[wrong], kind="stable")[:_N_HARD]]):
                window = int(window_of[region])
                if window != examples.questions[number].window:
                    own[window] = own.get(window, 0.0) + 1.0 / (1 + rank)
        tick(block[-1] + 1, len(examples.questions))
    return [sorted(own, key=lambda window: (-own[window], window)) for own in votes]


def _all_scores(stored: StoredVectors, chosen: Sequence[int]) -> Iterator[tuple[str, Float32Array]]:
    """(Q, R) of the questions `chosen` with all regions, for each kind of vector."""
    regions, questions = stored.regions, stored.questions
    if regions.rows is not None:
        yield "rows", _row_scores(stored, chosen, np.arange(len(regions.first_rows) - 1))
    if regions.single is not None and questions.single is not None:
        yield "single", questions.single[chosen].astype(np.float32) @ regions.single.astype(np.float32).T


def _row_scores(stored: StoredVectors, chosen: Sequence[int], named: Int64Array) -> Float32Array:
    """(Q, N) MaxSim of the questions `chosen` with the regions `named`: the mean of each one's best rows."""
    regions, questions = stored.regions, stored.questions
    assert regions.rows is not None
    assert questions.rows is not None
    at, n_own = _places(questions.first_rows, np.asarray(chosen))
    own = torch.from_numpy(questions.rows[at].astype(np.float32))  # (L, D)
    counts = np.diff(regions.first_rows)[named]
    scores = np.full((len(chosen), len(named)), -1.0, np.float32)
    for block in _blocks(counts.tolist(), _BLOCK_ROWS):
        block = [number for number in block if counts[number]]
        if block:
            at, n_rows = _places(regions.first_rows, named[block])
            rows = torch.from_numpy(regions.rows[at].astype(np.float32))
            similarity = (own @ rows.T).numpy()  # (L, K)
            best = np.maximum.reduceat(similarity, np.cumsum(n_rows) - n_rows, axis=1)
            scores[:, block] = np.add.reduceat(best, np.cumsum(n_own) - n_own, axis=0) / n_own[:, None]
    return scores


def _places(first_rows: Int64Array, chosen: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Where the rows of the texts `chosen` lie, in order, and how many each has."""
    counts = np.diff(first_rows)[chosen]
    return run_places(first_rows[chosen], counts), counts


def _names(table: VectorTable) -> Float32Array:
    """(N, S) what names a text: its single vector, else the mean of its rows."""
    if table.single is not None:
        return table.single.astype(np.float32)
    assert table.rows is not None
    sums = np.zeros((len(table.first_rows) - 1, table.rows.shape[1]), np.float32)
    np.add.at(sums, np.repeat(np.arange(len(sums)), np.diff(table.first_rows)), table.rows.astype(np.float32))
    named: Float32Array = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return named


def _table(block: Encoded) -> VectorTable:
    """Texts as they are kept: on the CPU, without what lies between them."""
    counts = block.mask.sum(dim=1).cpu().numpy().astype(np.int64)
    return VectorTable(
        None if block.rows is None else block.rows[block.mask > 0].half().cpu().numpy(),
        np.concatenate([[0], np.cumsum(counts)]),
        None if block.single is None else block.single.half().cpu().numpy(),
    )


def _joined(tables: Sequence[VectorTable]) -> VectorTable:
    """Tables laid end to end."""
    counts = np.concatenate([np.diff(table.first_rows) for table in tables])
    rows = [table.rows for table in tables if table.rows is not None]
    single = [table.single for table in tables if table.single is not None]
    return VectorTable(
        np.concatenate(rows) if rows else None,
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate(single) if single else None,
    )


def _blocks(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Numbers of neighbours that are together no larger than `most`, at least one."""
    block: list[int] = []
    n = 0
    for number, size in enumerate(sizes):
        if block and n + size > most:
            yield block
            block, n = [], 0
        block.append(number)
        n += size
    if block:
        yield block
