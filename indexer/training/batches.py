"""Which windows are trained together: each once an epoch, beside those that are easily taken for it.

Sequences are packed without padding and attention works sequence by sequence, so that windows of any lengths
go together: what buckets of lengths are for elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.training.corpus import PROSE_SHARE
from indexer.training.examples import Examples

_MOST_REPEATS = 3
"""How often a window of prose comes in an epoch at most, to make up for little of it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's windows and questions; every question's answer is in one of the windows."""

    windows: tuple[int, ...]
    questions: tuple[int, ...]


def epoch_batches(
    examples: Examples, hard: Sequence[Sequence[int]], batch_tokens: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """One epoch. The same arguments give the same batches."""
    random = np.random.default_rng([seed, epoch])
    asked: list[list[int]] = [[] for _ in examples.windows]
    for number, question in enumerate(examples.questions):
        asked[question.window].append(number)
    waiting = _order(examples, asked, random)
    n_left = {window: waiting.count(window) for window in set(waiting)}
    batch: list[int] = []
    n_tokens = 0
    for first in waiting:
        if not n_left[first]:
            continue
        together = [first]
        together += [window for window in hard[first] if n_left.get(window) and window not in batch][:1]
        for window in together:
            if window in batch:
                continue
            n_left[window] -= 1
            if batch and n_tokens + len(examples.windows[window]) > batch_tokens:
                yield _batch(batch, asked)
                batch, n_tokens = [], 0
            batch.append(window)
            n_tokens += len(examples.windows[window])
    if len(batch) > 1:
        yield _batch(batch, asked)


def _order(examples: Examples, asked: Sequence[Sequence[int]], random: np.random.Generator) -> list[int]:
    """The windows that have questions, shuffled; those of prose repeated until they are about a third."""
    own = [window for window, questions in enumerate(asked) if questions]
    prose = [window for window in own if examples.is_prose[window]]
    n_prose, n_code = len(prose), len(own) - len(prose)
    repeats = round(n_code * PROSE_SHARE / (1 - PROSE_SHARE) / n_prose) if n_prose else 1
    own += prose * (min(_MOST_REPEATS, max(1, repeats)) - 1)
    shuffled: list[int] = random.permutation(own).tolist()
    return shuffled


def _batch(windows: Sequence[int], asked: Sequence[Sequence[int]]) -> Batch:
    return Batch(tuple(windows), tuple(number for window in windows for number in asked[window]))
