"""How fast files are found, read, parsed and cut: processor seconds, so that a busy machine says the same.

    python tests/benchmarks/source.py [TREE]

Without a tree only the made-up cases run: a repository of 20,000 files, and a text of 50 MB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from indexer.chunking.chunks import cut_chunks
from indexer.reading.parse import parse
from indexer.reading.source_file import read_source
from indexer.records import FoundFile, SourceFile
from indexer.settings import BuildSettings, WalkSettings
from indexer.tree.walk import walk

N_FILES = 20_000
N_LINES = 1_250_000


@dataclass(slots=True)
class Totals:
    """Of one language."""

    n_files: int = 0
    n_bytes: int = 0
    n_spans: int = 0
    n_problems: int = 0
    seconds: float = 0.0


def processor_seconds() -> float:
    """Processor time of this process and of those it ran to their end (git)."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def best_of(n: int, work: Callable[[], object]) -> float:
    """Least processor seconds of `n` runs."""
    seconds = []
    for _ in range(n):
        started = processor_seconds()
        work()
        seconds.append(processor_seconds() - started)
    return min(seconds)


def measure_walk() -> None:
    """A repository of many small files, with git and without."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(N_FILES // 50):
            inner = root / f"package{i % 20}" / f"module{i}"
            inner.mkdir(parents=True)
            for j in range(50):
                (inner / f"file{j}.py").write_text(f"x = {i * j}\n")
        (root / ".gitignore").write_text("*.log\nbuild/\n*.o\ntmp*\n")
        without = best_of(5, lambda: list(walk(root, WalkSettings())))
        subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
        subprocess.run(["git", "-C", folder, "add", "."], check=True)
        with_git = best_of(5, lambda: list(walk(root, WalkSettings())))
    print(f"walk of {N_FILES:,} files: {with_git:.2f} s with git, {without:.2f} s without")


def measure_cut() -> None:
    """A text of 50 MB without spans."""
    line = "lorem ipsum dolor sit amet consectetur\n"
    words = np.array([[0, 5], [6, 11], [12, 17], [18, 21], [22, 26], [27, 38]], dtype=np.int32)
    starts = np.arange(N_LINES, dtype=np.int32) * len(line)
    tokens = (starts[:, None, None] + words[None]).reshape(-1, 2)  # (N_LINES, 6, 2) → (n, 2)
    source = SourceFile("a.txt", line * N_LINES, "text", "0" * 64, len(line) * N_LINES)
    seconds = best_of(1, lambda: cut_chunks(source, (), tokens, 8192, len, 0))
    print(f"cut of {source.n_bytes / 1e6:.0f} MB, {len(tokens):,} tokens: {seconds:.2f} s")


def measure_tree(root: Path) -> None:
    """Reading and parsing a real tree, by language."""
    settings = BuildSettings()
    totals: defaultdict[str, Totals] = defaultdict(Totals)
    read_seconds = 0.0
    for entry in walk(root, settings.walk):
        if isinstance(entry, FoundFile):
            started = time.process_time()
            source = read_source(root, entry, settings.walk)
            read_seconds += time.process_time() - started
            if isinstance(source, SourceFile):
                started = time.process_time()
                parsed = parse(source, settings.parse_seconds)
                total = totals[source.language]
                total.seconds += time.process_time() - started
                total.n_files += 1
                total.n_bytes += source.n_bytes
                total.n_spans += len(parsed.spans)
                total.n_problems += bool(parsed.problem)
    n_bytes = sum(total.n_bytes for total in totals.values())
    print(f"read: {n_bytes / 1e6:.1f} MB, {n_bytes / 1e6 / max(read_seconds, 1e-9):.0f} MB/s")
    print(f"{'language':12} {'files':>6} {'MB':>7} {'MB/s':>8} {'spans':>7} {'problems':>8}")
    for language, total in sorted(totals.items(), key=lambda item: -item[1].n_bytes):
        if total.n_spans or total.n_problems:
            megabytes = total.n_bytes / 1e6
            speed = megabytes / max(total.seconds, 1e-9)
            counts = f"{total.n_spans:7} {total.n_problems:8}"
            print(f"{language:12} {total.n_files:6} {megabytes:7.2f} {speed:8.1f} {counts}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("tree", nargs="?", type=Path)
    tree = arguments.parse_args().tree
    measure_walk()
    measure_cut()
    if tree is not None:
        measure_tree(tree)
