"""Fits the weights of `indexer/ranking.py` on the development questions; says what they are worth elsewhere.

    python tests/benchmarks/fit.py                        # the weights, beside those in the code
    python tests/benchmarks/fit.py --mode lexical         # those of another mode
    python tests/benchmarks/fit.py --l2 0.001,0.003,0.01  # how strongly they are held back
    python tests/benchmarks/fit.py --worth                # what each signal is worth, left out by itself
    python tests/benchmarks/fit.py --components           # each ranker by itself beside the sum, by language

The model is a softmax over a question's candidate files, the loss the negative logarithm of the share that
the right files get, and an L2 penalty. CoSQA's questions count a third. `left out` is NDCG@10 over
repositories that a fit has not seen: each in turn is ranked with what the others gave. The signals are those
that the product's own search hands to `rank`; indexes are those of `quality.py`. Nothing is recorded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any
from unittest.mock import patch

import metrics
import numpy as np
from bench_data import PROJECT, Collection, DataMissingError, load_collections
from numpy.typing import NDArray
from product import IndexSpec, tree_of
from quality import prepare_all
from scipy.optimize import minimize

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

COSQA_WEIGHT = 0.35
COMPONENTS = (
    "lexical_top", "lexical_body", "symbol", "colbert_file", "colbert_chunk", "colbert_top",
    "single_chunk", "single_region", "single_top",
)  # fmt: skip
"""What the rankers say of a file: BM25, MaxSim and single vectors, each in the forms that the sum holds."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what the rankers and paths say of its candidate files, and which of them are right."""

    repository: str
    signals: Floats
    """(F, S)"""
    is_right: NDArray[np.bool_]
    """(F,)"""
    n_right: int
    """Right files, those that are no candidates counted too."""


@dataclass(frozen=True, slots=True)
class Part:
    """Questions of one set as the loss reads them: all their candidates in one table."""

    signals: Floats
    is_right: NDArray[np.bool_]
    starts: NDArray[np.int64]
    question: NDArray[np.int64]
    """(N,) of each candidate."""
    weight: float


def main() -> int:
    """Print figures, and the weights of the last fit."""
    arguments = _parser().parse_args()
    try:
        collections = load_collections(["repo", "cosqa"], [])
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 2
    spec = IndexSpec("codesearch-edge")
    prepare_all(collections, spec, refresh=False)
    from indexer.records import Mode
    from indexer.retrieve.ranking import WEIGHTS, Weights

    strengths = arguments.l2 or [0.003 if arguments.mode == "hybrid" else 0.001]
    code = WEIGHTS[Mode(arguments.mode)]
    names = [f.name for f in fields(Weights) if getattr(code, f.name) and f.name not in arguments.fixed]
    held = {name: getattr(code, name) for name in arguments.fixed}
    by_set: dict[str, list[Asked]] = {"repo": [], "cosqa": []}
    for collection in collections:
        by_set[collection.set_name] += _ask(collection, spec, arguments.mode, [*names, *held])
    now = np.array([getattr(code, name) for name in [*names, *held]])
    if arguments.components:
        languages = {collection.name: collection.language for collection in collections}
        _print_components(by_set["repo"], languages, [*names, *held], now)
        return 0
    print(f"as in the code: {_figures(by_set, now)}")
    for l2 in strengths:
        fitted = _figures(by_set, _fit(by_set, l2, len(held), now))
        print(f"L2 {l2}: {fitted}, {_left_out(by_set, l2, held, now)}", flush=True)
    l2 = strengths[-1]
    for at, name in enumerate(names if arguments.worth else ()):
        fewer = {key: [_without(asked, at) for asked in part] for key, part in by_set.items()}
        print(f"without {name:<16} {_left_out(fewer, l2, held, np.delete(now, at))}", flush=True)
    found = _fit(by_set, l2, len(held), now)
    print(", ".join(f"{name}={weight:.2f}" for name, weight in zip([*names, *held], found, strict=True)))
    return 0


def _ask(collection: Collection, spec: IndexSpec, mode: str, names: Sequence[str]) -> list[Asked]:
    """Every question of a collection put to the product, and the signals that its search noted."""
    from codesearch.request import make_request
    from indexer import open_generation, search_steps
    from indexer.retrieve.ranking import file_signals
    from indexer.search import Searcher

    noted: dict[str, Any] = {}

    def note_paths(shape: Any, rarities: Any, facts: Any) -> Any:
        noted["paths"] = [fact.path for fact in facts]
        return path_signals(shape, rarities, facts)

    def note_signals(gathered: Any, file_of: Any, paths: Any, *rest: Any) -> Any:
        rarities = rest[1]
        found = file_signals(gathered, file_of, paths, rarities).columns if len(gathered.region) else None
        noted["signals"] = found
        return rank(gathered, file_of, paths, *rest)

    path_signals, rank = open_generation.path_signals, search_steps.rank
    asked = []
    with ExitStack() as stack:
        stack.enter_context(patch.object(open_generation, "path_signals", note_paths))
        stack.enter_context(patch.object(search_steps, "rank", note_signals))
        engine = stack.enter_context(Searcher.open(tree_of(collection, spec)))
        for query in collection.queries:
            engine.search(make_request(query.text, k=1, mode=mode))
            right = {target.path for target in query.targets}
            if noted["signals"] is None:
                continue
            table = np.stack([noted["signals"][name] for name in names], axis=1).astype(np.float64)
            is_right = np.array([path in right for path in noted["paths"]])
            asked.append(Asked(collection.name, table, is_right, len(right)))
    return asked


def _fit(by_set: dict[str, list[Asked]], l2: float, n_held: int, now: Floats) -> Floats:
    """(S,) weights; the last `n_held` stay as they are now."""
    parts = [
        _part(by_set[name], weight)
        for name, weight in (("repo", 1.0), ("cosqa", COSQA_WEIGHT))
        if by_set[name]
    ]
    bounds = [(None, None)] * (len(now) - n_held) + [(value, value) for value in now[len(now) - n_held :]]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = l2 * float(weights @ weights) / 2, l2 * weights
        for part in parts:
            scores = part.signals @ weights
            largest = np.maximum.reduceat(scores, part.starts)
            shares = np.exp(scores - largest[part.question])
            right = shares * part.is_right
            of_all, of_right = np.add.reduceat(shares, part.starts), np.add.reduceat(right, part.starts)
            scale = part.weight / len(part.starts)
            total -= scale * float(np.log(of_right / of_all).sum())
            slope = shares / of_all[part.question] - right / of_right[part.question]
            gradient = gradient + scale * (slope @ part.signals)
        return total, gradient

    start = np.where([low is not None for low, _ in bounds], now, 0.0)
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


def _part(questions: Sequence[Asked], weight: float) -> Part:
    """Those with a right file among their candidates."""
    kept = [asked for asked in questions if asked.is_right.any()]
    counts = np.array([len(asked.is_right) for asked in kept])
    return Part(
        signals=np.concatenate([asked.signals for asked in kept]),
        is_right=np.concatenate([asked.is_right for asked in kept]),
        starts=np.cumsum(counts) - counts,
        question=np.repeat(np.arange(len(kept)), counts),
        weight=weight,
    )


def _left_out(by_set: dict[str, list[Asked]], l2: float, held: dict[str, float], now: Floats) -> str:
    """Each repository ranked with the weights that the others gave."""
    scores: list[float] = []
    for repository in dict.fromkeys(asked.repository for asked in by_set["repo"]):
        others = [asked for asked in by_set["repo"] if asked.repository != repository]
        weights = _fit(by_set | {"repo": others}, l2, len(held), now)
        scores += [_ndcg(asked, weights) for asked in by_set["repo"] if asked.repository == repository]
    return f"left out {np.mean(scores):.4f}"


def _print_components(
    questions: Sequence[Asked], languages: dict[str, str], names: Sequence[str], now: Floats
) -> None:
    """A line a language: NDCG@10 of the sum, and of the best ranker by itself."""
    alone = {
        name: np.where([name == other for other in names], 1.0, 0.0) for name in COMPONENTS if name in names
    }
    n_above = 0
    for language in dict.fromkeys(languages[asked.repository] for asked in questions):
        own = [asked for asked in questions if languages[asked.repository] == language]
        total = np.mean([_ndcg(asked, now) for asked in own])
        best, name = max((np.mean([_ndcg(asked, alone[name]) for asked in own]), name) for name in alone)
        n_above += total > best
        print(f"{language:<12} {total:.3f}  {name:<14} {best:.3f}")
    print(f"above the best ranker by itself in {n_above} languages")


def _figures(by_set: dict[str, list[Asked]], weights: Floats) -> str:
    ndcg = np.mean([_ndcg(asked, weights) for asked in by_set["repo"]])
    ranks = [
        (
            np.flatnonzero(asked.is_right[np.argsort(-(asked.signals @ weights), kind="stable")])[:1] + 1
        ).tolist()
        for asked in by_set["cosqa"]
    ]
    return f"NDCG@10 {ndcg:.4f}, CoSQA MRR {np.mean([1 / rank[0] if rank else 0.0 for rank in ranks]):.4f}"


def _ndcg(asked: Asked, weights: Floats) -> float:
    order = np.argsort(-(asked.signals @ weights), kind="stable")
    ranked = [str(at) for at in order[:10]]
    missing = {f"missing {n}" for n in range(asked.n_right - int(asked.is_right.sum()))}
    return metrics.ndcg_at(ranked, {str(at) for at in np.flatnonzero(asked.is_right)} | missing)


def _without(asked: Asked, at: int) -> Asked:
    return Asked(asked.repository, np.delete(asked.signals, at, axis=1), asked.is_right, asked.n_right)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mode", default="hybrid", help="whose weights are fitted")
    parser.add_argument(
        "--l2",
        type=lambda text: [float(x) for x in text.split(",")],
        default=[],
        help="default 0.003 for hybrid, 0.001 for the modes of fewer signals",
    )
    parser.add_argument(
        "--fixed",
        type=lambda text: [name for name in text.split(",") if name],
        default=["is_vendored"],
        help="signals whose weight stays as it is; default is_vendored, of which the data cannot speak",
    )
    parser.add_argument("--components", action="store_true", help="each ranker by itself, by language")
    parser.add_argument("--worth", action="store_true", help="each signal left out by itself")
    return parser


if __name__ == "__main__":
    sys.exit(main())
