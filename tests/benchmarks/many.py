"""Many indexes as one: the development repositories asked together, fifty small indexes, revisions of one.

    python tests/benchmarks/many.py repositories     # each question over all; needs the data
    python tests/benchmarks/many.py latency          # the same in a workspace: time and memory
    python tests/benchmarks/many.py fifty [FOLDER]   # 50 indexes of 2,000 files against one; makes its trees
    python tests/benchmarks/many.py revisions REPOSITORY REV REV
    python tests/benchmarks/many.py encoded          # chunks encoded where content is the same

Times are of the thread's processor and of the clock; beside other work only the first says much. A right file
of a wrong repository does not count. The vectors of `fifty` are random: the search is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench_data import load_collections
from metrics import bootstrap, ndcg_at
from product import IndexSpec, tree_of

from codesearch import Workspace
from indexer.records import SearchRequest
from indexer.search import Searcher, Together

DEPTH = 60
N_FILES = 2_000
N_TREES = 50


def timed(ask: Callable[[], object], times: list[tuple[float, float]]) -> None:
    """Add the processor and the clock's milliseconds of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    ask()
    times.append((1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)))


def spoken(times: Sequence[tuple[float, float]]) -> str:
    """Medians and 95th percentiles."""
    cpu, wall = (sorted(column) for column in zip(*times, strict=True))
    late = int(0.95 * len(times))
    return (
        f"processor p50 {statistics.median(cpu):.0f} ms, p95 {cpu[late]:.0f};"
        f" clock p50 {statistics.median(wall):.0f} ms, p95 {wall[late]:.0f}"
    )


def memory() -> str:
    """The most that this process held, mapped files that it touched included."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


def repositories() -> None:
    """Every question of every development repository, asked over all of them."""
    collections = load_collections(["repo"], [])
    trees = {c.name: tree_of(c, IndexSpec("codesearch-edge")) for c in collections}
    alone, together, recalls, first = [], [], [], []
    with ExitStack() as stack:
        searchers = {name: stack.enter_context(Searcher.open(tree)) for name, tree in trees.items()}
        union = Together(searchers)
        for collection in collections:
            for query in collection.queries:
                relevant = {target.path for target in query.targets}
                request = SearchRequest(query.text, DEPTH)
                searcher = searchers[collection.name]
                hits = searcher.search(request).hits
                files = list(dict.fromkeys(searcher.chunk(hit.chunk_id).path for hit in hits))
                alone.append(ndcg_at(files, relevant))
                hits = union.search(request).hits
                found = dict.fromkeys(
                    (h.repository, searchers[h.repository].chunk(h.chunk_id).path) for h in hits
                )
                keyed = [f"{name}\0{path}" for name, path in found]
                wanted = {f"{collection.name}\0{path}" for path in relevant}
                together.append(ndcg_at(keyed, wanted))
                recalls.append(len(wanted & set(keyed[:10])) / len(wanted))
                first.append(float(bool(keyed) and keyed[0].startswith(f"{collection.name}\0")))
        n_files = sum(len(searcher.paths()) for searcher in searchers.values())
    print(f"{len(trees)} repositories, {n_files:,} files, {len(together)} questions")
    print(f"NDCG@10 within the own repository {bootstrap(alone)}")
    print(f"NDCG@10 over all                  {bootstrap(together)}")
    print(f"recall@10 over all                {bootstrap(recalls)}")
    print(f"first file of the own repository  {bootstrap(first)}")


def latency() -> None:
    """Time and memory of a fresh process that a person asks all repositories with."""
    collections = load_collections(["repo"], [])
    questions = [query.text for collection in collections for query in collection.queries]
    random.Random(1).shuffle(questions)
    times: list[tuple[float, float]] = []
    with Workspace(
        [tree_of(c, IndexSpec("codesearch-edge")) for c in collections],
        max_open=len(collections),
        follow=False,
    ) as workspace:
        for question in questions[:20]:
            workspace.find(question)
        for question in questions[20:150]:
            timed(lambda q=question: workspace.find(q), times)
    print(f"{len(collections)} repositories in a workspace: {spoken(times)}; peak {memory()}")


def fifty(folder: Path) -> None:
    """One index of 2,000 files, and fifty of them, each question in turn."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.reliability.build_process import use_table_encoder

    use_table_encoder()
    from indexer.build import build
    from indexer.settings import BuildSettings

    roots = []
    for number in range(N_TREES):
        root = folder / f"tree{number:02d}"
        if not root.exists():
            write_tree(root, seed=number)
            build(root, BuildSettings())
        roots.append(root)
    questions = [f"{a} {b} {c}" for a, b, c in (random.Random(q).sample(WORDS, 3) for q in range(46))]
    for follow in (False, True):
        one: list[tuple[float, float]] = []
        many: list[tuple[float, float]] = []
        first: list[tuple[float, float]] = []
        with (
            Workspace(roots[:1], follow=follow) as single,
            Workspace(roots, follow=follow) as whole,
        ):
            timed(lambda w=single: w.find(questions[0]), first)
            timed(lambda w=whole: w.find(questions[0]), first)
            for question in questions[1:6]:
                single.find(question)
                whole.find(question)
            for question in questions[6:]:
                timed(lambda q=question: single.find(q), one)
                timed(lambda q=question: whole.find(q), many)
        print(f"indexes are {'followed' if follow else 'as they were opened'}")
        print(f"  first question, opening: {first[0][0]:.0f} and {first[1][0]:.0f} ms of processor")
        print(f"  one index of {N_FILES:,} files: {spoken(one)}")
        print(f"  {N_TREES} such indexes:        {spoken(many)}; peak {memory()}")
        ratios = [b[0] / a[0] for a, b in zip(one, many, strict=True)]
        sums = [sum(cpu for cpu, _ in each) for each in (one, many)]
        print(f"  ratio of processor times: {statistics.median(ratios):.2f}, of sums {sums[1] / sums[0]:.2f}")


_DOES = ("retry", "route", "parse", "store", "index", "query")
_WITH = ("_handler", "_buffer", "_config", "_session", "_worker", "_result", "_token", "_cache")
WORDS = [verb + noun for verb in _DOES for noun in _WITH]


def write_tree(root: Path, seed: int) -> None:
    """2,000 files of a function or two, of words that they share."""
    draw = random.Random(seed)
    for number in range(N_FILES):
        path = root / f"part{number % 40:02d}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = draw.sample(WORDS, 4)
        lines = [
            f"def {name}_{number}({names[0]}, {names[1]}):\n    return {names[2]}({names[3]})\n"
            for name in names
        ]
        path.write_text("\n".join(lines))
        an_hour_ago = time.time() - 3600  # what was written while a build ran is read at each look
        os.utime(path, (an_hour_ago, an_hour_ago))


def revisions(repository: Path, first: str, second: str) -> None:
    """Processor seconds of a first revision, and of a second one beside it, in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", "--no-checkout", str(repository), str(clone)], check=True)
        changed = subprocess.run(
            ["git", "diff", "--name-only", first, second],
            cwd=clone,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.count("\n")
        seconds = []
        for name in (first, second):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-m", "codesearch", "index", "--rev", name, str(clone)]
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            wall = time.perf_counter() - started
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds.append(cpu)
            print(f"{done.stdout.strip()}  processor {cpu:.1f} s, clock {wall:.1f} s")
        print(
            f"{changed} files differ; the second took {seconds[1] / seconds[0]:.1%} of the first's processor"
            " time"
        )


def encoded() -> None:
    """What is encoded where content is the same: each line of the table is a command that a person types."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder).resolve()
        own = {**os.environ, "XDG_STATE_HOME": str(base / "state"), "XDG_CACHE_HOME": str(base / "cache")}
        first = base / "first"
        sample = Path(__file__).parents[2] / "sample_repos" / "task_queue"
        shutil.copytree(sample, first, ignore=shutil.ignore_patterns(".codesearch", "__pycache__"))

        def git(*arguments: str) -> None:
            author = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
            subprocess.run(["git", *author, *arguments], cwd=first, check=True, capture_output=True)

        def codesearch(*arguments: str) -> str:
            command = [sys.executable, "-m", "codesearch", *arguments]
            return subprocess.run(
                command, cwd=base, env=own, check=True, capture_output=True, text=True
            ).stdout

        def row(what: str, root: Path, *more: str) -> None:
            report = json.loads(codesearch("index", str(root), "--json", *more))
            report = report["revisions"][0] if more else report
            print(f"| {what} | {report['n_files']} | {report['n_encoded_chunks']} |")

        git("init", "-q", "-b", "trunk")
        git("add", ".")
        git("commit", "-q", "-m", "first")
        print("| what is indexed | files | chunks encoded |\n| --- | --- | --- |")
        row("the first checkout", first)
        git("checkout", "-q", "-b", "other")
        (first / "horn.py").write_text("def sound():\n    return 'the fog horn'\n")
        git("add", ".")
        git("commit", "-q", "-m", "second")
        row("another branch, of one file more", first)
        git("checkout", "-q", "trunk")
        row("the first branch again", first)
        row("the other branch by `--rev`, not checked out", first, "--rev", "other")
        git("worktree", "add", "-q", str(base / "worktree"), "other")
        row("a second worktree, of the other branch", base / "worktree")
        codesearch("repos", "add", str(first))
        subprocess.run(["git", "clone", "-q", str(first), str(base / "clone")], check=True)
        row("a second clone", base / "clone")
        for name, more in (("whole", ()), ("vectors", ("--no-text",))):
            codesearch("export", str(base / f"{name}.tar.zst"), str(first), *more)
        renamed = first.rename(base / "renamed")
        row("the folder renamed", renamed)
        row("the same, its other branch by `--rev`", renamed, "--rev", "other")
        for name in ("whole", "vectors"):
            own["XDG_STATE_HOME"] = str(base / f"state of {name}")  # nobody's other index is known
            shutil.copytree(sample, base / name, ignore=shutil.ignore_patterns(".codesearch", "__pycache__"))
            codesearch("import", str(base / f"{name}.tar.zst"), str(base / name), "--trust")
            row(f"an import {'with texts' if name == 'whole' else 'without texts'}", base / name)


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("repositories", "latency", "fifty", "revisions", "encoded"))
    parser.add_argument("given", nargs="*")
    arguments = parser.parse_args()
    if arguments.what == "repositories":
        repositories()
    elif arguments.what == "encoded":
        encoded()
    elif arguments.what == "latency":
        latency()
    elif arguments.what == "revisions":
        revisions(Path(arguments.given[0]), *arguments.given[1:3])
    elif arguments.given:
        fifty(Path(arguments.given[0]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            fifty(Path(folder))


if __name__ == "__main__":
    main()
