"""Fits the weights of `indexer/retrieve/ranking.py` on the development questions; says what they are worth.

    python tests/benchmarks/fit.py                        # the weights, beside those in the code
    python tests/benchmarks/fit.py --mode lexical         # those of another mode
    python tests/benchmarks/fit.py --l2 0.001,0.003,0.01  # how strongly they are held back
    python tests/benchmarks/fit.py --worth                # what each signal is worth, left out by itself
    python tests/benchmarks/fit.py --components           # each ranker by itself beside the sum, by language

The model is a softmax over a question's candidate files, the loss the negative logarithm of the share that
the right files get, and an L2 penalty. What is not meant unless it is asked for (tests, another system's
files, an older version's) is held to one weight, for one repository each has the last two. CoSQA's questions
count 0.6, issue reports (`localise.py --part python`, those with an index) 0.2 to words and 0.35 else.
`left out` is NDCG@10 over repositories that a fit has not seen, and reciprocal rank of reports by a fit that
has seen none. The signals are those that the product's own search hands to `rank`; indexes are those of
`quality.py`. Nothing is recorded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from unittest.mock import patch

import metrics
import numpy as np
from bench_data import PROJECT, DataMissingError, load_collections
from localise import IndexKind, Issue, kept_at, load_issues
from numpy.typing import NDArray
from product import IndexSpec, tree_of
from quality import prepare_all
from scipy.optimize import minimize

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

COSQA_WEIGHT = 0.6
ISSUES_WEIGHT = {"hybrid": 0.35, "lexical": 0.2}
"""By mode; reports are not put to the others, whose rows and vectors speak of prose."""
ALIKE = ("is_test", "is_foreign", "is_older")
"""Held to the weight that suits all of them, not to none."""
GROUP_L2 = {"hybrid": 0.003}
"""What holds that weight back, by mode; 0.001 elsewhere."""
ISSUE_INDEXES = IndexKind("python", has_vectors=True)
MAX_FILES = 50
"""Files of a question that a fit looks at, the best by the weights of now, beside the right ones."""
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
class Question:
    """A text and the files that are right."""

    text: str
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Part:
    """Questions of one set as the loss reads them: all their candidates in one table."""

    signals: Floats
    is_right: NDArray[np.bool_]
    starts: NDArray[np.int64]
    question: NDArray[np.int64]
    """(N,) of each candidate."""
    weight: float


@dataclass(frozen=True, slots=True)
class Setting:
    """What a fit is made with."""

    names: tuple[str, ...]
    held: dict[str, float]
    """Weights that stay as they are."""
    l2: float
    group_l2: float
    issues: float
    """What reports count."""


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
    from indexer.search import Searcher

    strengths = arguments.l2 or [0.0015 if arguments.mode == "hybrid" else 0.001]
    code = WEIGHTS[Mode(arguments.mode)]
    names = [f.name for f in fields(Weights) if getattr(code, f.name) and f.name not in arguments.fixed]
    held = {name: getattr(code, name) for name in arguments.fixed}
    by_set: dict[str, list[Asked]] = {"repo": [], "cosqa": [], "issues": []}
    for collection in collections:
        with Searcher.open(tree_of(collection, spec)) as engine:
            questions = [
                Question(q.text, frozenset(target.path for target in q.targets)) for q in collection.queries
            ]
            asked = _ask(engine, questions, arguments.mode, [*names, *held])
        by_set[collection.set_name] += [replace(each, repository=collection.name) for each in asked]
    for issue in _issues() if arguments.mode in ISSUES_WEIGHT else ():
        with Searcher.open(kept_at(issue, ISSUE_INDEXES)) as engine:
            question = Question(issue.text, frozenset(issue.files))
            by_set["issues"] += _ask(engine, [question], arguments.mode, [*names, *held])
    now = np.array([getattr(code, name) for name in [*names, *held]])
    by_set = {key: [_narrowed(asked, now) for asked in part] for key, part in by_set.items()}
    if arguments.components:
        languages = {collection.name: collection.language for collection in collections}
        _print_components(by_set["repo"], languages, [*names, *held], now)
        return 0
    print(f"as in the code: {_figures(by_set, now)}")
    mode = arguments.mode
    setting = Setting(
        (*names, *held), held, strengths[-1], GROUP_L2.get(mode, 0.001), ISSUES_WEIGHT.get(mode, 0.0)
    )
    for l2 in strengths:
        own = replace(setting, l2=l2)
        print(f"L2 {l2}: {_figures(by_set, _fit(by_set, own))}, {_left_out(by_set, own)}", flush=True)
    for at, name in enumerate(names if arguments.worth else ()):
        fewer = {key: [_without(asked, at) for asked in part] for key, part in by_set.items()}
        own = replace(setting, names=tuple(np.delete(setting.names, at).tolist()))
        print(f"without {name:<16} {_left_out(fewer, own)}", flush=True)
    found = _fit(by_set, setting)
    print(", ".join(f"{name}={weight:.2f}" for name, weight in zip(setting.names, found, strict=True)))
    return 0


def _issues() -> list[Issue]:
    """Those whose index is there."""
    return [each for each in load_issues() if (kept_at(each, ISSUE_INDEXES).parent / "built-with").is_file()]


def _ask(engine: Any, questions: Sequence[Question], mode: str, names: Sequence[str]) -> list[Asked]:
    """Questions put to the product: the signals that its search noted, a title's added to the whole's."""
    from codesearch.request import make_request
    from indexer import open_generation, search_steps
    from indexer.retrieve.ranking import file_signals

    noted: dict[str, Any] = {}

    def note_paths(shape: Any, rarities: Any, facts: Any) -> Any:
        noted["paths"] = [fact.path for fact in facts]
        return path_signals(shape, rarities, facts)

    def note_signals(gathered: Any, file_of: Any, paths: Any, *rest: Any) -> Any:
        _, rows, title = rest
        noted["tables"] = []
        if len(gathered.region):
            whole = file_signals(gathered, file_of, paths, rows if title is None else None)
            titled = [] if title is None else [file_signals(title.gathered, file_of, title.paths)]
            noted["tables"] = [each.columns for each in (whole, *titled)]
        return rank(gathered, file_of, paths, *rest)

    path_signals, rank = open_generation.path_signals, search_steps.rank
    asked = []
    with (
        patch.object(open_generation, "path_signals", note_paths),
        patch.object(search_steps, "rank", note_signals),
    ):
        for question in questions:
            engine.search(make_request(question.text, k=1, mode=mode))
            if not noted["tables"]:
                continue
            tables = [np.stack([columns[name] for name in names], axis=1) for columns in noted["tables"]]
            is_right = np.array([path in question.files for path in noted["paths"]], bool)
            asked.append(Asked("", np.sum(tables, axis=0, dtype=np.float64), is_right, len(question.files)))
    return asked


def _narrowed(asked: Asked, now: Floats) -> Asked:
    """The files that can come first, and the right ones."""
    kept = asked.is_right.copy()
    kept[np.argsort(-(asked.signals @ now), kind="stable")[:MAX_FILES]] = True
    return replace(asked, signals=asked.signals[kept], is_right=asked.is_right[kept])


def _fit(by_set: dict[str, list[Asked]], setting: Setting) -> Floats:
    """(S,) weights: first those that are held alike as one, then each by itself from there."""
    parts = [
        _part(by_set[name], weight)
        for name, weight in (("repo", 1.0), ("cosqa", COSQA_WEIGHT), ("issues", setting.issues))
        if by_set[name] and weight
    ]
    fixed = np.array([setting.held.get(name, 0.0) for name in setting.names])
    own = np.eye(len(fixed))[:, [name not in (*setting.held, *ALIKE) for name in setting.names]]
    alike = np.array([name in ALIKE for name in setting.names], float)[:, None]
    table = np.concatenate([alike, own], axis=1)
    penalty = np.r_[setting.group_l2, np.full(own.shape[1], setting.l2)]

    def together(values: Floats) -> tuple[float, Floats]:
        total, slope = _loss(parts, table @ values + fixed)
        return total + float(penalty @ values**2) / 2, slope @ table + penalty * values

    first = minimize(together, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B").x
    centre = alike[:, 0] * first[0]
    free = np.array([name not in setting.held for name in setting.names])

    def apart(weights: Floats) -> tuple[float, Floats]:
        total, slope = _loss(parts, weights)
        away = (weights - centre) * free
        return total + setting.l2 * float(away @ away) / 2, (slope + setting.l2 * away) * free

    found: Floats = minimize(apart, table @ first + fixed, jac=True, method="L-BFGS-B").x
    return found


def _loss(parts: Sequence[Part], weights: Floats) -> tuple[float, Floats]:
    """The negative logarithm of the right files' shares, and its slope (S,)."""
    total, gradient = 0.0, np.zeros_like(weights)
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


def _left_out(by_set: dict[str, list[Asked]], setting: Setting) -> str:
    """Each repository ranked with the weights that the others gave, reports with those of the other sets."""
    scores: list[float] = []
    for repository in dict.fromkeys(asked.repository for asked in by_set["repo"]):
        others = [asked for asked in by_set["repo"] if asked.repository != repository]
        weights = _fit(by_set | {"repo": others}, setting)
        scores += [_ndcg(asked, weights) for asked in by_set["repo"] if asked.repository == repository]
    line = f"left out {np.mean(scores):.4f}"
    if by_set["issues"]:
        weights = _fit(by_set, replace(setting, issues=0.0))
        line += f", reports {_mean_rank(by_set['issues'], weights):.4f}"
    return line


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
    line = f"NDCG@10 {ndcg:.4f}, CoSQA MRR {_mean_rank(by_set['cosqa'], weights):.4f}"
    return line + (f", reports MRR {_mean_rank(by_set['issues'], weights):.4f}" if by_set["issues"] else "")


def _mean_rank(questions: Sequence[Asked], weights: Floats) -> float:
    """The mean reciprocal rank of the first right file."""
    orders = [asked.is_right[np.argsort(-(asked.signals @ weights), kind="stable")] for asked in questions]
    return float(np.mean([1.0 / (1 + order.argmax()) if order.any() else 0.0 for order in orders]))


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
        help="default 0.0015 for hybrid, 0.001 for the modes of fewer signals",
    )
    parser.add_argument(
        "--fixed",
        type=lambda text: [name for name in text.split(",") if name],
        default=["is_vendored", "named_path"],
        help="signals whose weight stays as it is; default is_vendored and named_path, set by hand",
    )
    parser.add_argument("--components", action="store_true", help="each ranker by itself, by language")
    parser.add_argument("--worth", action="store_true", help="each signal left out by itself")
    return parser


if __name__ == "__main__":
    sys.exit(main())
