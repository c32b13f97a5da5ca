"""How long a warm search takes, passages, evidence and token counts included.

    codesearch index FOLDER
    python tests/benchmarks/search_latency.py FOLDER

Forty queries that differ, each asked once after eight others have loaded what is loaded once; wall-clock and
CPU milliseconds of `CodeIndex.search`, for three, ten and twenty results. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from codesearch import CodeIndex
from codesearch.counting import counter_for

QUESTIONS = (
    "where are keyboard events handled", "parse command line options", "cache results of expensive calls",
    "convert colours between spaces", "close the connection", "shortest path between nodes",
    "validate the type of a field", "render a table with borders",
)  # fmt: skip
ENDINGS = ("", " again", " in tests", " at start", " for users")


def main() -> None:
    """Print one line for each number of results."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("folder", type=Path, help="a folder that is indexed")
    with CodeIndex.open(flags.parse_args().folder) as index:
        status = index.status()
        counter = counter_for().name
        print(
            f"{status.n_files:,} files, {status.n_tokens:,} tokens, {status.n_rows:,} token rows;"
            f" passages counted by {counter}"
        )
        for question in QUESTIONS:
            index.search(f"{question} please")
        for k in (3, 10, 20):
            wall_ms, cpu_ms = [], []
            for ending in ENDINGS:
                for question in QUESTIONS:
                    # Other numbers of results have encoded the same words: the count makes a new query.
                    wall, cpu = time.perf_counter(), time.process_time()
                    index.search(f"{question}{ending} {k}", k=k)
                    wall_ms.append(1e3 * (time.perf_counter() - wall))
                    cpu_ms.append(1e3 * (time.process_time() - cpu))
            wall_ms.sort()
            cpu_ms.sort()
            n = len(wall_ms)
            p50, p95, cpu_p50 = wall_ms[n // 2], wall_ms[int(0.95 * n)], cpu_ms[n // 2]
            print(f"{k:>2} results: p50 {p50:.1f} ms, p95 {p95:.1f} ms, CPU p50 {cpu_p50:.1f} ms")


if __name__ == "__main__":
    main()
