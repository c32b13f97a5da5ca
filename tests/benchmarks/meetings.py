"""Meetings: does a question find its meeting, and the turns of it that answer?

    python tests/benchmarks/meetings.py                                  # four modes, BM25, ripgrep
    python tests/benchmarks/meetings.py --modes hybrid,lexical --baselines none --show 10
    python tests/benchmarks/meetings.py --label first                    # and keep the result in results/

QMSum's validation half: 35 transcripts of 8,000 words on average, indexed together, 237 questions asked over
all of them. Right is an answering run of turns of which half is shown, or ten of its lines. Data and cache:
see `bench_data.py`. Figures of a question, averaged:

- `first`: the first result is of the right meeting.
- `three`: three results show a run that answers. `places`: the share of the runs that they show.
- `1k` to `4k`: a run that answers is shown within so many returned tokens.

Whole files (`bm25-files`, `rg`) are no passages: of them `first` alone is told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bench_report
import metrics
from baselines import BASELINES, BaselineMissingError, open_baseline
from bench_data import PROJECT, BenchQuery, Collection, DataMissingError, load_meetings
from bench_run import apply_override
from metrics import Returned
from paired_figures import Figures, Run, finish
from product import MODES, IndexSpec, prepare, tree_of

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

N_RESULTS = 3
BUDGETS = (1000, 2000, 4000)
WHOLE_FILES = ("bm25-files", "rg")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system gives when three results are asked for, and when a reader reads on."""

    three: list[Returned]
    many: list[Returned]


def main() -> int:
    """Index, ask, report."""
    arguments = parser().parse_args()
    for override in arguments.set:
        apply_override(override)
    try:
        collection = load_meetings()
        figures = run(collection, _names(arguments.modes), _names(arguments.baselines), arguments.show)
    except (DataMissingError, BaselineMissingError) as error:
        print(error, file=sys.stderr)
        return 2
    facts = bench_report.facts(
        arguments.label or "unrecorded", sys.argv[1:], {"set": arguments.set}, TOKENIZER, "meetings.py"
    )
    ids = [query.query_id for query in collection.queries]
    rival = "lexical" if "lexical" in figures else next(iter(figures))
    finish(Run("meetings", facts, ids, figures, rival), arguments.label, arguments.compare)
    return 0


TOKENIZER = "codesearch-edge"


def run(
    collection: Collection,
    modes: Sequence[str],
    rivals: Sequence[str],
    n_shown: int,
    model: str = TOKENIZER,
) -> Figures:
    """Every question put to every system."""
    from codesearch import CodeIndex
    from codesearch.answers.counting import counter_for

    figures: Figures = {}
    counter = counter_for(TOKENIZER)
    if modes:
        spec = IndexSpec(model)
        prepare(collection, spec, refresh=False)
        with CodeIndex.open(tree_of(collection, spec)) as index:

            def of_product(mode: str) -> Callable[[str], Answer]:
                def ask(text: str) -> Answer:
                    three, many = (
                        [
                            Returned(p.path, p.start_line, p.end_line, p.n_tokens, p.omitted_lines)
                            for p in index.search(text, k=k, mode=mode, tokenizer=counter)
                        ]
                        for k in (N_RESULTS, 40)
                    )
                    return Answer(three, many)

                return ask

            for mode in modes:
                figures[mode] = _ask_all(collection.queries, of_product(mode), n_shown, whole=False)
    for name in rivals:
        baseline = open_baseline(name, collection, counter.count)

        def of_baseline(text: str, baseline: object = baseline) -> Answer:
            found = baseline.search(text, 40)  # type: ignore[attr-defined]
            return Answer(found[:N_RESULTS], found)

        figures[name] = _ask_all(collection.queries, of_baseline, 0, whole=name in WHOLE_FILES)
    return figures


def _ask_all(
    queries: Sequence[BenchQuery], ask: Callable[[str], Answer], n_shown: int, *, whole: bool
) -> dict[str, list[float | None]]:
    columns: dict[str, list[float | None]] = {}
    failed = []
    for query in queries:
        answer = ask(query.text)
        scores = score(query, answer)
        for name, value in scores.items():
            columns.setdefault(name, []).append(None if whole and name != "first" else value)
        if not scores["three"]:
            failed.append((query, answer))
    for query, answer in failed[:n_shown]:
        right = ", ".join(f"{t.path}:{t.start_line}-{t.end_line}" for t in query.targets)
        got = ", ".join(f"{r.path}:{r.start_line}-{r.end_line}" for r in answer.three)
        print(f"{query.query_id} {query.text}\n   right {right}\n   got   {got}", file=sys.stderr)
    return columns


def score(query: BenchQuery, answer: Answer) -> dict[str, float]:
    """The figures of one question."""
    shown = [metrics.tokens_to_span(answer.three, target) is not None for target in query.targets]
    reached = [metrics.tokens_to_span(answer.many, target) for target in query.targets]
    figures = {
        "first": float(bool(answer.three) and answer.three[0].path == query.targets[0].path),
        "three": float(any(shown)),
        "places": sum(shown) / len(shown),
    }
    for budget in BUDGETS:
        figures[f"{budget // 1000}k"] = float(any(n is not None and n <= budget for n in reached))
    return figures


def _names(text: str) -> list[str]:
    return [] if text == "none" else text.split(",")


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--modes", default=",".join(MODES))
    flags.add_argument(
        "--baselines", default="bm25-chunks,bm25-files,rg", help=f"{', '.join(BASELINES)} or none"
    )
    flags.add_argument("--set", action="append", default=[], metavar="PATH=NUMBER", help="as in quality.py")
    flags.add_argument("--label", default="", help="record the run under results/ by this name")
    flags.add_argument("--compare", default="", help="a result's file, `none`; default: newest recorded")
    flags.add_argument("--show", type=int, default=0, metavar="N", help="list N questions not answered")
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
