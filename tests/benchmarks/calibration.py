"""Confidence against truth: of what is said to be right with a chance of 0.7, are seven in ten right?

    python tests/benchmarks/calibration.py                  # as the code has it, all modes
    python tests/benchmarks/calibration.py --fit            # and weights for `indexer/retrieve/confidence.py`
    python tests/benchmarks/calibration.py --modes hybrid --label first   # and keep the result in results/

The questions of the 21 development repositories, of which each file of the first ten hits is right or
not, and 100 questions of `nonsense_questions.json` (foreign matter, foreign languages, made-up
words), each put to every seventh repository, of which nothing is right. Indexes are those of `quality.py`.

`ECE`, expected calibration error: the mean distance between the confidence said and the share that was
right, over ten bins of 0.1, weighted by their size; of first files and of all. `left out`: by
weights fitted without the repository, in seven folds. `weak`: answers that are marked so, and those
without any hit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from bench_data import PROJECT, Collection, DataMissingError, load_repositories
from bench_report import RESULTS
from numpy.typing import NDArray
from product import MODES, IndexSpec, tree_of
from quality import prepare_all
from scipy.optimize import minimize

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

N_HITS = 10
N_FOLDS = 7
N_BINS = 10
EACH = 7
"""A repository is asked every so-many-th nonsense question."""
L2 = 0.1
ABOUT = ("known", "bm25", "colbert", "single")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question was answered, and what was right of it."""

    repository: str
    is_real: bool
    about: tuple[float, ...]
    """By the names of `ABOUT`."""
    logits: Floats
    """(F,) of the shares of the files of the first ten hits, by their best hits."""
    is_right: NDArray[np.bool_]
    """(F,)"""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights of the two regressions."""

    index: Floats
    """Constant, then those of `ABOUT`."""
    file: Floats
    """Constant, share, first."""

    def relevance(self, answer: Answer) -> float:
        """The chance that the index is about the query."""
        return _chance(np.array([1.0, *answer.about]) @ self.index)

    def confidence(self, answer: Answer) -> Floats:
        """(F,) the confidence in each file."""
        return self.relevance(answer) * _chance(_columns(answer) @ self.file)


def main() -> int:
    """Ask, fit, report."""
    arguments = parser().parse_args()
    spec = IndexSpec("codesearch-edge")
    try:
        collections = load_repositories([])
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 2
    prepare_all(collections, spec, refresh=False)
    lines = ["# Calibration", "", f"`python tests/benchmarks/calibration.py {' '.join(sys.argv[1:])}`", ""]
    for mode in arguments.modes.split(","):
        answers = [each for at, c in enumerate(collections) for each in ask(c, at, spec, mode)]
        lines += report(mode, answers, shows_fit=arguments.fit)
        print("\n".join(lines[-40:]) if not arguments.label else mode, flush=True)
    if arguments.label:
        (RESULTS / f"calibration-{arguments.label}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def ask(collection: Collection, at: int, spec: IndexSpec, mode: str) -> list[Answer]:
    """Every question of a collection, and its share of nonsense, put to the product."""
    from codesearch.request import make_request
    from indexer.retrieve import confidence
    from indexer.search import Searcher

    noted: dict[str, Any] = {}
    own = confidence.confidence_of

    def note(found: Any, shares: Any, *rest: Any) -> Any:
        noted["about"], noted["logits"] = found, shares.logits.astype(np.float64)
        return own(found, shares, *rest)

    nonsense = json.loads(Path(__file__).with_name("nonsense_questions.json").read_text(encoding="utf-8"))
    strange = [text for texts in nonsense.values() for text in texts][at % EACH :: EACH]
    asked = [(query.text, {target.path for target in query.targets}) for query in collection.queries]
    answers = []
    with ExitStack() as stack:
        stack.enter_context(patch.object(confidence, "confidence_of", note))
        searcher = stack.enter_context(Searcher.open(tree_of(collection, spec)))
        for text, right in [*asked, *((text, set[str]()) for text in strange)]:
            hits = searcher.search(make_request(text, k=N_HITS, mode=mode)).hits
            paths = [searcher.chunk(hit.chunk_id).path for hit in hits]
            best = [at for at, path in enumerate(paths) if path not in paths[:at]]
            is_right = np.array([paths[at] in right for at in best], bool)
            about = tuple(float(getattr(noted["about"], name)) for name in ABOUT)
            answers.append(Answer(collection.name, bool(right), about, noted["logits"][best], is_right))
    return answers


def fit(answers: Sequence[Answer]) -> Fitted:
    """The weights that make what was right, or asked of its own index, most likely."""
    found = [answer for answer in answers if len(answer.logits)]
    index = _regression(
        np.array([[1.0, *answer.about] for answer in found]),
        np.array([answer.is_real for answer in found]),
    )
    real = [answer for answer in found if answer.is_real]
    # What is said is the product: the second is fitted to what the first leaves of it.
    relevance = [np.full(len(a.logits), _chance(np.array([1.0, *a.about]) @ index)) for a in real]
    file = _regression(
        np.concatenate([_columns(answer) for answer in real]),
        np.concatenate([answer.is_right for answer in real]),
        np.concatenate(relevance),
    )
    return Fitted(index, file)


def in_code(mode: str) -> Fitted:
    """The weights as they are."""
    from indexer.records import Mode
    from indexer.retrieve.confidence import CURVES

    curve = CURVES[Mode(mode)]
    return Fitted(
        np.array([curve.constant, *(getattr(curve, name) for name in ABOUT)]),
        np.array([curve.of_file, curve.share, curve.first]),
    )


def left_out(answers: Sequence[Answer]) -> list[Fitted]:
    """For each answer, weights that were fitted without its repository."""
    names = sorted({answer.repository for answer in answers})
    folds = [names[at::N_FOLDS] for at in range(N_FOLDS)]
    fitted = [fit([answer for answer in answers if answer.repository not in fold]) for fold in folds]
    return [next(f for f, fold in zip(fitted, folds, strict=True) if a.repository in fold) for a in answers]


def report(mode: str, answers: Sequence[Answer], *, shows_fit: bool) -> list[str]:
    """Markdown: figures as in the code and left out, and the curve of first hits."""
    from indexer.retrieve.confidence import WEAK_BELOW

    code = in_code(mode)
    lines = [
        f"## {mode}", "",
        "| weights | questions | ECE of first files | of all | marked weak |",
        "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for title, fitted in (("as in the code", [code] * len(answers)), ("left out", left_out(answers))):
        pairs = list(zip(answers, fitted, strict=True))
        for name, kept in (("real", [p for p in pairs if p[0].is_real]), ("all", pairs)):
            said = [f.confidence(a) for a, f in kept if len(a.logits)]
            right = [a.is_right for a, _ in kept if len(a.logits)]
            firsts = error(np.array([s[0] for s in said]), np.array([r[0] for r in right]))
            tens = error(np.concatenate(said), np.concatenate(right))
            weak = [_is_weak(f, a, WEAK_BELOW) for a, f in kept if a.is_real == (name == "real")]
            of = "real" if name == "real" else "nonsense"
            lines.append(
                f"| {title} | {len(kept)} {name} | {firsts:.3f} | {tens:.3f}"
                f" | {np.mean(weak):.3f} of {len(weak)} {of} |"
            )
    said = np.array([code.confidence(a)[0] for a in answers if len(a.logits)])
    right = np.array([a.is_right[0] for a in answers if len(a.logits)])
    lines += ["", "| confidence | first files | said | right |", "| --- | --- | --- | --- |"]
    for at in range(N_BINS):
        own = _bins(said) == at
        if own.any():
            span = f"{at / N_BINS:.1f} to {(at + 1) / N_BINS:.1f}"
            lines.append(f"| {span} | {own.sum()} | {said[own].mean():.2f} | {right[own].mean():.2f} |")
    if shows_fit:
        found = fit(answers)
        values = ", ".join(f"{value:.2f}" for value in (*found.index, *found.file))
        lines += ["", f"Mode.{mode.upper()}: Curve({values})"]
    return [*lines, ""]


def error(said: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over bins of equal width."""
    bins = _bins(said)
    gaps = [
        np.mean(bins == at) * abs(said[bins == at].mean() - right[bins == at].mean())
        for at in np.unique(bins)
    ]
    return float(np.sum(gaps))


def _bins(said: Floats) -> NDArray[np.int64]:
    return np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)


def _is_weak(fitted: Fitted, answer: Answer, below: float) -> bool:
    return not len(answer.logits) or fitted.relevance(answer) < below


def _columns(answer: Answer) -> Floats:
    """(F, 3) constant, logit of the share, first."""
    n = len(answer.logits)
    return np.stack([np.ones(n), answer.logits, np.arange(n) == 0], axis=1)


def _regression(table: Floats, is_true: NDArray[np.bool_], times: Floats | float = 1.0) -> Floats:
    """Logistic, with an L2 penalty on all but the constant; a column of zeros gets 0.

    The chance that a row is true is what the weights give `times` (N,) what is known of it.
    """

    def loss(weights: Floats) -> tuple[float, Floats]:
        own = _chance(table @ weights)
        chance = np.clip(times * own, 1e-12, 1.0 - 1e-12)
        held = np.r_[0.0, weights[1:]]
        total = -np.where(is_true, np.log(chance), np.log1p(-chance)).sum()
        # own (1 - own) times is the chance's slope, and chance (1 - chance) what it is divided by.
        slope = (chance - is_true) * (1.0 - own) / (1.0 - chance)
        return float(total + L2 * held @ held / 2), slope @ table + L2 * held

    found: Floats = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def _chance(logit: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -500.0, 500.0)))


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--modes", default=",".join(MODES))
    flags.add_argument("--fit", action="store_true", help="print weights fitted on all")
    flags.add_argument("--label", default="", help="keep the report under results/ by this name")
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
