"""Rows about memory and time: odd files and large trees, indexed and searched by the command itself."""

from __future__ import annotations

import json
import random
import shutil
import sys
import threading
from pathlib import Path

from tests.benchmarks.reliability_figures import Bench, Finished, Row, checked, run_child
from tests.reliability.trees import write_tree

MAX_INDEXING_BYTES = 1_500_000_000
MAX_SEARCHING_BYTES = 500_000_000
_REAL_FILES = 1_000
"""With --stand-in, so many files are still encoded by the model."""

_FRESHNESS = """
import json, sys, time
from pathlib import Path
from indexer.search import Searcher
with Searcher.open(Path(sys.argv[1])) as searcher:
    searcher.freshness(float(sys.argv[2]))  # the disk's cache is warm, as in daily use
    figures = []
    for _ in range(5):
        started, used = time.perf_counter(), time.process_time()
        stale = searcher.freshness(float(sys.argv[2]))
        figures.append((time.perf_counter() - started, time.process_time() - used))
    print(json.dumps({"seconds": min(f[0] for f in figures), "cpu": min(f[1] for f in figures),
                      "n_stale": stale.count, "complete": stale.complete}))
"""


READ_HOSTILE = """
import json, resource, sys, time
from indexer.languages import LANGUAGES
from indexer.reading.grammar_process import end_processes
from indexer.reading.parse import parse
from indexer.records import SourceFile
from tests.reliability.fuzzing import check_span
from tests.reliability.hostile_texts import hostile_texts
n, seconds, slowest, texts, without = int(sys.argv[1]), 2.0, 0.0, 0, 0
for number, language in enumerate(row.name for row in LANGUAGES.values() if row.grammar):
    for hostile in hostile_texts(n, 1_000_000, seed=number):
        started = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        parsed = parse(SourceFile("a", hostile.text, language, "", len(hostile.text)), seconds)
        for span in parsed.spans[:100] + parsed.spans[-100:]:
            check_span(span, hostile.text)
        end_processes()
        took = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - started
        if took > slowest:
            slowest = took
            print(language, hostile.kind, f"{took:.1f} s", parsed.problem, file=sys.stderr, flush=True)
        texts, without = texts + 1, without + bool(parsed.problem)
peaks = [resource.getrusage(of).ru_maxrss * 1024 for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"texts": texts, "without": without, "slowest": slowest, "peaks": peaks}))
"""
"""Each text has a process of its own, so that the time it took is known."""


def hostile_sources(bench: Bench) -> Row:
    """Texts that grow a grammar's error recovery, nest deep or end in the middle, for every grammar."""
    done = checked(run_child(str(bench.count(200)), code=READ_HOSTILE, niceness=bench.niceness))
    result = json.loads(done.output.splitlines()[-1])
    assert sum(result["peaks"]) < 1_000_000_000, result
    assert result["slowest"] < 10, done.output[-2000:]
    return Row(
        "hostile-sources",
        "texts of 1 kB to 1 MB made to break each grammar: repeated openers, deep nesting, unclosed strings,"
        " random bytes; parsed, or indexed as text with its reason",
        f"{result['texts']:,} texts, {result['without']:,} without symbols",
        peak_bytes=sum(result["peaks"]),
        detail=f"the slowest took {result['slowest']:.1f} s of processor time",
    )


def odd_files(bench: Bench) -> Row:
    """Files that have made indexers fall over, beside two ordinary ones that must be found."""
    root = bench.place("odd") / "tree"
    write_tree(root, n_files=2)
    line = b"word " * bench.count(10_000_000)
    for name in ("line.txt", "line.json", "line.py", "line.html"):
        (root / name).write_bytes(line)
    for name, text in {
        "round.py": "x = " + "(" * 10_000 + ")" * 10_000,
        "open.js": "[" * 10_000,
        "curly.c": "int f() " + "{" * 10_000 + "}" * 10_000,
        "angle.html": "<div>" * 10_000,
        "quotes.md": ">" * 10_000 + " deep",
        "data.json": "[" * 10_000 + "]" * 10_000,
    }.items():
        (root / name).write_text(text + "\n")
    for name in ("sparse.txt", "sparse.pdf", "sparse.py"):
        with (root / name).open("wb") as file:
            file.truncate(1 << 30)
    grown, done = root / "growing.log.txt", threading.Event()
    grown.write_text("a line\n")

    def grow() -> None:
        with grown.open("ab", buffering=0) as file:
            while not done.is_set() and file.tell() < 200_000_000:
                file.write(b"another line of words\n" * 50)
                done.wait(0.002)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        built = checked(run_child("index", str(root), "--json", niceness=bench.niceness))
        found = checked(run_child("search", "merge the invoice number", str(root), "--format", "json"))
    finally:
        done.set()
        writer.join()
    # What a child says to stderr stands around its answer.
    answer, _ = json.JSONDecoder().raw_decode(found.output[found.output.index("{") :])
    assert answer["passages"]
    skipped = checked(run_child("status", str(root), "--skipped")).output
    assert all(name in skipped for name in ("line.py", "sparse.txt", "sparse.pdf"))
    assert built.peak_bytes < MAX_INDEXING_BYTES
    shutil.rmtree(root)
    return Row(
        "odd-files",
        "lines of 50 MB, 10,000 nested brackets, sparse files of 1 GB, a file growing while it is read",
        "14 files",
        lost="nothing; each indexed or skipped with its reason",
        peak_bytes=max(built.peak_bytes, found.peak_bytes),
        seconds=built.seconds + found.seconds,
    )


def write_many(root: Path, n_files: int, first: int = 0) -> None:
    """Files of two lines, all different, a hundred a folder."""
    draw = random.Random(f"{first} {n_files}")
    verbs = ("load", "save", "merge", "count", "drop", "route", "parse", "check")
    nouns = ("route", "job", "room", "invoice", "token", "lesson", "engine", "order")
    for number in range(first, first + n_files):
        folder = root / f"package_{number // 10_000:02}" / f"part_{number // 100 % 100:02}"
        if number % 100 == 0 or number == first:
            folder.mkdir(parents=True, exist_ok=True)
        name = f"{draw.choice(verbs)}_{draw.choice(nouns)}"
        text = f"def {name}(value):\n    return value + {draw.randrange(10**7)}\n"
        (folder / f"m{number}.py").write_text(text)


def large(bench: Bench, n_files: int, max_memory: str) -> tuple[Path, Finished]:
    """A tree of many files and the child that indexed it."""
    root = bench.place("large") / "tree"
    n_real = min(_REAL_FILES, n_files) if bench.stand_in else 0
    write_many(root, n_files - n_real)
    if bench.stand_in:
        bench.builder(root)
        # Vectors stay, the index goes: what follows is a whole build that computes only what is new.
        shutil.rmtree(root / ".codesearch" / "generations")
        (root / ".codesearch" / "manifest.json").unlink()
        write_many(root, n_real, n_files - n_real)
    arguments = ("index", str(root), "--max-memory", max_memory, "--json")
    return root, checked(run_child(*arguments, niceness=bench.niceness))


def _large_row(bench: Bench, name: str, n_files: int, max_memory: str, limit_bytes: int) -> Row:
    root, built = large(bench, n_files, max_memory)
    freshness = _freshness(root, budget_seconds=10.0)
    found = checked(run_child("search", "merge an invoice", str(root), "--format", "json"))
    assert '"passages"' in found.output
    print(f"{name}: indexed with {built.peak_bytes / 1e6:,.0f} MB, searched with"
          f" {found.peak_bytes / 1e6:,.0f} MB,"
          f" {freshness}", file=sys.stderr)  # fmt: skip
    assert found.peak_bytes < MAX_SEARCHING_BYTES, found.peak_bytes
    assert built.peak_bytes < limit_bytes, built.peak_bytes
    shutil.rmtree(root)
    stand_in = f"; vectors of all but {_REAL_FILES:,} files were stand-ins" if bench.stand_in else ""
    return Row(
        name,
        f"{n_files:,} generated files indexed, then searched",
        "1 build, 1 search",
        peak_bytes=built.peak_bytes,
        seconds=built.seconds,
        detail=f"searching {found.peak_bytes / 1e6:,.0f} MB and {found.seconds:.1f} s; all unchanged in"
        f" {freshness['seconds']:.2f} s{stand_in}",
    )


def _freshness(root: Path, budget_seconds: float) -> dict[str, float]:
    seen = checked(run_child(str(root), str(budget_seconds), code=_FRESHNESS))
    figures: dict[str, float] = json.loads(seen.output.splitlines()[-1])
    assert not figures["n_stale"]
    return figures


def twenty_thousand(bench: Bench) -> Row:
    """Within `--max-memory`, and checked for changes in under half a second."""
    return _large_row(bench, "20000-files", bench.count(20_000), "1.2GB", 1_200_000_000)


def hundred_thousand(bench: Bench) -> Row:
    """Under 1.5 GB for indexing and 500 MB for searching."""
    return _large_row(bench, "100000-files", bench.count(100_000), "1.4GB", MAX_INDEXING_BYTES)
