"""Runs systems over collections, in several processes, and gathers what each query scored.

It knows neither flags nor files of results. Called by `quality.py` and `sweep.py`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from baselines import BASELINES, Baseline, open_baseline
from bench_data import PROJECT, Collection
from bench_report import SetRun, SystemRun
from metrics import QueryScores, Returned, files_in_order, score_query
from product import MODES, IndexSpec, Product, tree_of

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

QUERIES_A_TASK = 100
WARM_UP = "how is the configuration read"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is made with, beside the data."""

    systems: tuple[str, ...]
    """Modes of the product and names of baselines."""
    spec: IndexSpec
    depth: int
    """Hits that are ranked: NDCG and MRR look at their files."""
    n_passages: int
    """Passages that are read: recall within tokens looks at those. 0: ranks only, which is quick."""
    tokenizer: str
    overrides: tuple[str, ...] = ()
    """`package.module.OBJECT.field=number`, in force while this run searches."""


@dataclass(frozen=True, slots=True)
class _Task:
    collection: Collection
    """With the queries of this task alone."""
    systems: tuple[str, ...]
    settings: RunSettings


@dataclass(frozen=True, slots=True)
class _Scored:
    set_name: str
    system: str
    query_id: str
    scores: QueryScores
    rank_seconds: float
    seconds: float
    first_files: list[str]


class Workers:
    """Processes that keep indexes and query vectors open from one run to the next."""

    def __init__(self, jobs: int):
        # Read by the numerical libraries when the children import them.
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
        self._pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, collections: Sequence[Collection], settings: RunSettings) -> dict[str, SetRun]:
        """Every system over every collection. The product's indexes are there already."""
        scored: list[_Scored] = []
        for part in self._pool.map(_run_task, _tasks(collections, settings)):
            scored += part
        return _gather(collections, settings.systems, scored)


def _tasks(collections: Sequence[Collection], settings: RunSettings) -> list[_Task]:
    modes = tuple(name for name in settings.systems if name in MODES)
    others = tuple(name for name in settings.systems if name not in MODES)
    tasks = []
    # Largest first, so that no process is left alone with it at the end.
    for collection in sorted(collections, key=lambda c: -len(c.queries)):
        if modes:
            for start in range(0, len(collection.queries), QUERIES_A_TASK):
                part = replace(collection, queries=collection.queries[start : start + QUERIES_A_TASK])
                tasks.append(_Task(part, modes, settings))
        tasks += [_Task(collection, (name,), settings) for name in others]
    return tasks


def _run_task(task: _Task) -> list[_Scored]:
    from codesearch.answers.counting import counter_for

    settings, collection = task.settings, task.collection
    if task.systems[0] in BASELINES:
        (name,) = task.systems
        baseline = open_baseline(name, collection, counter_for(settings.tokenizer).count)
        return _ask(collection, name, _of_baseline(baseline, settings.depth))
    before = [apply_override(override) for override in settings.overrides]
    try:
        product = _open_product(tree_of(collection, settings.spec), settings.tokenizer)
        scored: list[_Scored] = []
        for mode in task.systems:
            scored += _ask(collection, mode, _of_product(product, mode, settings))
        return scored
    finally:
        for override in reversed(before):
            apply_override(override)


@cache
def _open_product(tree: Path, tokenizer: str) -> Product:
    """Open as long as the process: runs that differ in constants share it."""
    return Product(tree, tokenizer)


@dataclass(frozen=True, slots=True)
class _Answer:
    files: list[str]
    returned: list[Returned]
    rank_seconds: float
    seconds: float


def _of_baseline(baseline: Baseline, depth: int) -> Callable[[str], _Answer]:
    def answer(query: str) -> _Answer:
        started = time.perf_counter()
        returned = baseline.search(query, depth)
        seconds = time.perf_counter() - started
        return _Answer(files_in_order(returned), returned, seconds, seconds)

    return answer


def _of_product(product: Product, mode: str, settings: RunSettings) -> Callable[[str], _Answer]:
    def answer(query: str) -> _Answer:
        started = time.perf_counter()
        files = product.files(query, settings.depth, mode)
        ranked = time.perf_counter()
        returned = product.passages(query, settings.n_passages, mode) if settings.n_passages else []
        return _Answer(files, returned, ranked - started, time.perf_counter() - ranked)

    return answer


def _ask(collection: Collection, system: str, ask: Callable[[str], _Answer]) -> list[_Scored]:
    ask(WARM_UP)
    scored = []
    for query in collection.queries:
        answer = ask(query.text)
        scores = score_query(answer.files, answer.returned, query.targets)
        times = (answer.rank_seconds, answer.seconds)
        scored.append(_Scored(collection.set_name, system, query.query_id, scores, *times, answer.files[:3]))
    return scored


def _gather(
    collections: Sequence[Collection], systems: Sequence[str], scored: Sequence[_Scored]
) -> dict[str, SetRun]:
    runs: dict[str, SetRun] = {}
    by_key = {(one.set_name, one.system, one.query_id): one for one in scored}
    for set_name in dict.fromkeys(c.set_name for c in collections):
        part = [c for c in collections if c.set_name == set_name]
        ids = [query.query_id for c in part for query in c.queries]
        runs[set_name] = SetRun(part, {})
        for system in systems:
            found = [by_key[set_name, system, query_id] for query_id in ids]
            runs[set_name].systems[system] = SystemRun(
                scores={one.query_id: one.scores for one in found},
                rank_seconds={one.query_id: one.rank_seconds for one in found},
                seconds={one.query_id: one.seconds for one in found},
                first_files={one.query_id: one.first_files for one in found},
            )
    return runs


# --- ablations -------------------------------------------------------------------------------


def apply_override(override: str) -> str:
    """Set one constant of the product for this process, `indexer.retrieve.ranking.WEIGHTS.single=0`.

    Returns the override that takes it back.
    """
    path, _, value = override.partition("=")
    owner_path, _, name = path.rpartition(".")
    owner = resolve(owner_path)
    if not hasattr(owner, name):
        raise SystemExit(f"There is no {path}.")
    old = getattr(owner, name)
    new = type(old)(float(value))
    if is_dataclass(owner):
        object.__setattr__(owner, name, new)  # in place: other modules hold the same frozen object
    else:
        setattr(owner, name, new)
    return f"{path}={float(old)!r}"


def resolve(path: str) -> Any:
    """The module, or the object in one, that a dotted path names."""
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:n]))
        except ModuleNotFoundError as error:
            if error.name is None or not path.startswith(error.name):
                raise
            continue
        for name in parts[n:]:
            if not hasattr(found, name):
                raise SystemExit(f"There is no {path}.")
            found = getattr(found, name)
        return found
    raise SystemExit(f"There is no {path}.")


def number_fields(path: str) -> dict[str, float]:
    """The numeric fields of a table of constants."""
    table = resolve(path)
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
