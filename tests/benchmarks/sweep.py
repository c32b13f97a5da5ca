"""Tries values of the product's constants, one search run each, and prints what each is worth.

    python tests/benchmarks/sweep.py indexer.retrieve.ranking.WEIGHTS.single=0,0.3,0.6,1
    python tests/benchmarks/sweep.py --zero indexer.retrieve.ranking.WEIGHTS         # each constant set to 0
    python tests/benchmarks/sweep.py --scale 0.5,2 indexer.retrieve.ranking.WEIGHTS  # each halved and doubled

Differences are to the constants as they are in the code, paired over queries; `worst repository` is
the largest loss that any one repository takes. Nothing is recorded and indexes are not rebuilt.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

import metrics
from bench_data import SETS, DataMissingError, load_collections
from bench_report import SetRun
from bench_run import RunSettings, Workers, number_fields
from product import MODES, IndexSpec
from quality import prepare_all


def main() -> int:
    """Run the base and every variant."""
    arguments = parser().parse_args()
    try:
        collections = load_collections(
            arguments.sets.split(","), [n for n in arguments.repos.split(",") if n]
        )
    except DataMissingError as error:
        print(error, file=sys.stderr)
        return 2
    spec = IndexSpec(arguments.model)
    prepare_all(collections, spec, refresh=False)

    settings = RunSettings(
        (arguments.mode,), spec, arguments.depth, n_passages=0, tokenizer="codesearch-edge"
    )
    with Workers(arguments.jobs) as workers:
        base = workers.run(collections, settings)
        for name, part in base.items():
            figures = part.systems[arguments.mode].scores.values()
            ndcg, rr = ([getattr(s, f) for s in figures] for f in ("ndcg10", "reciprocal_rank"))
            print(f"{name}: NDCG@10 {sum(ndcg) / len(ndcg):.4f}, MRR {sum(rr) / len(rr):.4f} as it is")
        for override in variants(arguments):
            changed = workers.run(collections, replace(settings, overrides=(override,)))
            for name in base:
                line = difference(base[name], changed[name], arguments.mode)
                print(f"{override:<60} {name:<6} {line}", flush=True)
    return 0


def variants(arguments: argparse.Namespace) -> list[str]:
    """Every `path=number` to try."""
    if arguments.zero:
        return [f"{arguments.constants}.{name}=0" for name, value in _fields(arguments).items() if value]
    if arguments.scale:
        factors = [float(factor) for factor in arguments.scale.split(",")]
        return [
            f"{arguments.constants}.{name}={value * factor:.6g}"
            for name, value in _fields(arguments).items()
            for factor in factors
        ]
    path, _, values = arguments.constants.partition("=")
    return [f"{path}={value}" for value in values.split(",")]


def _fields(arguments: argparse.Namespace) -> dict[str, float]:
    return number_fields(arguments.constants)


def difference(base: SetRun, changed: SetRun, mode: str) -> str:
    """One line: change of NDCG@10 and MRR with intervals, and the repository that loses most."""
    before, after = base.systems[mode].scores, changed.systems[mode].scores
    ndcg = metrics.paired_difference([after[i].ndcg10 for i in before], [s.ndcg10 for s in before.values()])
    rr = metrics.paired_difference(
        [after[i].reciprocal_rank for i in before], [s.reciprocal_rank for s in before.values()]
    )
    by_collection = {
        c.name: sum(after[q.query_id].ndcg10 - before[q.query_id].ndcg10 for q in c.queries) / len(c.queries)
        for c in base.collections
    }
    better = sum(change > 1e-9 for change in by_collection.values())
    worse = sum(change < -1e-9 for change in by_collection.values())
    worst = min(by_collection, key=by_collection.__getitem__)
    return (
        f"ΔNDCG {ndcg.mean:+.4f} [{ndcg.low:+.4f}, {ndcg.high:+.4f}]  ΔMRR {rr.mean:+.4f}  "
        f"worst {worst} {by_collection[worst]:+.3f}  "
        f"better in {better}, worse in {worse}"
    )


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description="Try values of the product's constants.")
    flags.add_argument(
        "constants", help="package.module.OBJECT.field=a,b,c, or the object with --zero or --scale"
    )
    flags.add_argument(
        "--zero", action="store_true", help="set each number of the object to 0, one at a time"
    )
    flags.add_argument("--scale", default="", help="multiply each number of the object, one at a time")
    flags.add_argument("--mode", default="hybrid", choices=MODES)
    flags.add_argument("--sets", default="repo", help=",".join(SETS))
    flags.add_argument("--repos", default="")
    flags.add_argument("--model", default="codesearch-edge")
    flags.add_argument("--depth", type=int, default=100)
    flags.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
