"""Measures retrieval quality on the development sets: the product's modes and fixed baselines.

    python tests/benchmarks/quality.py                            # four modes, both sets, tables
    python tests/benchmarks/quality.py --ranks --sets repo        # quick: ranks alone
    python tests/benchmarks/quality.py --modes hybrid --repos zod,zls --show 10
    python tests/benchmarks/quality.py --label fused-v2           # and keep the result in results/
    python tests/benchmarks/quality.py --modes none --baselines all --label baselines

Data: see `bench_data.py` for where it is looked for. Figures: see `metrics.py`. Indexes are built once
into the cache folder (`CODESEARCH_BENCH_CACHE`, else the user's) and used again; after a change of
chunks, tokens, encoder or store, `--refresh` rebuilds them. Every run is compared, query by query, with
BM25 and with the newest recorded run of the same system, or with the run that `--compare` names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bench_report
from baselines import BASELINES, BaselineMissingError
from bench_data import CACHE, SETS, Collection, DataMissingError, load_collections
from bench_report import RESULTS, SetRun
from bench_run import RunSettings, Workers
from product import MODES, IndexSpec, build_setting, prepare

LAST_RUN = CACHE / "last.json"
"""The newest run, recorded or not; `--compare last` names the one before this."""


def main() -> int:
    """Parse, index, search, report."""
    arguments = parser().parse_args()
    try:
        collections = load_collections(_names(arguments.sets, SETS), _names(arguments.repos))
        return run(arguments, collections)
    except (DataMissingError, BaselineMissingError) as error:
        print(error, file=sys.stderr)
        return 2


def run(arguments: argparse.Namespace, collections: list[Collection]) -> int:
    """One run over collections that are there."""
    from codesearch.answers.counting import counter_for

    modes, rivals = _names(arguments.modes, MODES), _names(arguments.baselines, BASELINES)
    tokenizer = counter_for(arguments.tokenizer).name
    spec = IndexSpec(arguments.model, tuple(build_setting(text) for text in arguments.build_set))
    settings = RunSettings(
        systems=(*modes, *rivals), spec=spec, depth=arguments.depth, tokenizer=tokenizer,
        overrides=tuple(arguments.set),
        n_passages=0 if arguments.ranks else arguments.passages,
    )  # fmt: skip
    if not settings.systems:
        print("Nothing to run: both --modes and --baselines are none.", file=sys.stderr)
        return 2
    if arguments.label and arguments.ranks:
        print("A run with --ranks has no token figures and is not recorded.", file=sys.stderr)
        return 2
    builds = prepare_all(collections, spec, refresh=arguments.refresh) if modes else {}
    if arguments.build_only:
        return 0
    started = time.monotonic()
    with Workers(arguments.jobs) as workers:
        runs = workers.run(collections, settings)
    print(f"{time.monotonic() - started:.1f} s of searching", file=sys.stderr)

    recorded_settings = {
        "model": arguments.model, "depth": settings.depth, "jobs": arguments.jobs, "set": arguments.set,
        "build_set": arguments.build_set, "passages": settings.n_passages,
        "indexes_current": all(build["current"] for build in builds.values()),
    }  # fmt: skip
    facts = bench_report.facts(arguments.label or "unrecorded", sys.argv[1:], recorded_settings, tokenizer)
    previous = _previous(arguments.compare, settings.systems)
    reference = bench_report.latest(bench_report.REFERENCE)
    text = bench_report.markdown(runs, facts, previous, reference)
    print(text)
    if arguments.show:
        _show(runs, previous, arguments.show)
    record = bench_report.record(runs, facts | {"index_builds": builds})
    bench_report.write_json(record, LAST_RUN)
    if arguments.label:
        path = RESULTS / f"quality-{facts['time'][:10]}-{arguments.label}.json"
        bench_report.write_json(record, path)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        print(f"recorded as {path.name} and {path.with_suffix('.md').name}", file=sys.stderr)
    return 0


def prepare_all(
    collections: list[Collection], spec: IndexSpec, *, refresh: bool
) -> dict[str, dict[str, Any]]:
    """Index what is not indexed yet, and say which indexes are older than the code."""
    builds = {c.name: prepare(c, spec, refresh=refresh) for c in collections}
    old = [name for name, build in builds.items() if not build["current"]]
    if old:
        print(
            f"{len(old)} of {len(builds)} indexes were built with other code than is here now; "
            "--refresh brings them up to date.",
            file=sys.stderr,
        )
    return builds


def _previous(named: str, systems: tuple[str, ...]) -> dict[str, Any] | None:
    if named == "none":
        return None
    if named == "last":
        return json.loads(LAST_RUN.read_text(encoding="utf-8")) if LAST_RUN.is_file() else None
    if named:
        path = Path(named) if Path(named).is_file() else RESULTS / named
        return json.loads(path.read_text(encoding="utf-8"))
    return bench_report.latest(systems[0])


def _show(runs: dict[str, SetRun], previous: dict[str, Any] | None, n: int) -> None:
    """The queries that the first system answers worst, and those that changed most."""
    for set_name, run in runs.items():
        name, system = next(iter(run.systems.items()))
        queries = {q.query_id: q for c in run.collections for q in c.queries}
        before = bench_report.scores_of(previous, set_name, name) if previous else {}
        change = {i: s.ndcg10 - before[i].ndcg10 for i, s in system.scores.items() if i in before}
        lists = {
            "worst": sorted(queries, key=lambda i: system.scores[i].ndcg10)[:n],
            "lost most": [i for i in sorted(change, key=change.__getitem__) if change[i] < 0][:n],
            "gained most": [i for i in sorted(change, key=lambda i: -change[i]) if change[i] > 0][:n],
        }
        for title, ids in lists.items():
            print(f"\n{set_name}, {name}, {title}:")
            for i in ids:
                was = f" (was {before[i].ndcg10:.2f})" if i in before else ""
                wanted = ", ".join(dict.fromkeys(target.path for target in queries[i].targets))
                print(f"  {system.scores[i].ndcg10:.2f}{was} {i} [{queries[i].category}] {queries[i].text}")
                print(f"       wanted {wanted}; got {', '.join(system.first_files[i])}")


def _names(text: str, known: tuple[str, ...] = ()) -> list[str]:
    if text in ("all", ""):
        return list(known)
    names = [] if text == "none" else [name.strip() for name in text.split(",")]
    unknown = [name for name in names if known and name not in known]
    if unknown:
        raise SystemExit(f"Unknown: {', '.join(unknown)}; there are {', '.join(known)}.")
    return names


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description="Measure retrieval quality on the development sets.")
    flags.add_argument("--sets", default="all", help="repo, cosqa; default both")
    flags.add_argument("--repos", default="", help="names of benchmark repositories, default all 21")
    flags.add_argument("--modes", default="all", help="of the product; `none` runs baselines alone")
    flags.add_argument("--baselines", default="none", help=f"{', '.join(BASELINES)} or all")
    flags.add_argument("--model", default="codesearch-edge")
    flags.add_argument("--tokenizer", default="auto", help="what passages are counted with, e.g. cl100k_base")
    flags.add_argument("--depth", type=int, default=100, help="hits ranked, for NDCG and MRR")
    # 4,000 tokens hold about 36.
    flags.add_argument("--passages", type=int, default=60, help="passages read, for recall within tokens")
    flags.add_argument("--ranks", action="store_true", help="NDCG and MRR alone: cuts no passages, quick")
    flags.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="processes that search")
    flags.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=NUMBER",
        help="another constant for this run, e.g. indexer.retrieve.ranking.WEIGHTS.single=0",
    )
    flags.add_argument(
        "--build-set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="another field of BuildSettings, indexed apart, e.g. max_tokens=1024",
    )
    flags.add_argument("--label", default="", help="record the run under results/ by this name")
    flags.add_argument(
        "--compare",
        default="",
        metavar="RESULT",
        help="a result's file, `last` for the previous run, `none`; default: newest recorded",
    )
    flags.add_argument(
        "--show", type=int, default=0, metavar="N", help="list the N worst and most changed queries"
    )
    flags.add_argument("--refresh", action="store_true", help="bring indexes up to date with the code")
    flags.add_argument("--build-only", action="store_true", help="index and stop")
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
