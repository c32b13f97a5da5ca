"""Ten questions in a row in a tree of which only words are indexed, each asked again at once.

The first time a question pays for what it has encoded, up to its seconds; then it is a warm search.
What the first takes beside encoding is what must stay as small as the second, whatever was asked before.

    python tests/benchmarks/questions_in_a_row.py TREE
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from indexer.build import build
from indexer.ingest.on_demand import OnDemand
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings

QUESTIONS = (
    "shortest path with weights",
    "minimum spanning tree",
    "read a graph from an edge list file",
    "maximum flow between two nodes",
    "is the graph planar",
    "community detection by modularity",
    "random graph with a given degree sequence",
    "draw nodes and labels",
    "strongly connected components of a directed graph",
    "how is a cycle in a directed graph found",
)


def main() -> None:
    """Print each question's seconds, those of them that went into encoding, and those when asked again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--encode-seconds", type=float, default=1.5)
    arguments = parser.parse_args()
    encoding = 0.0
    encode = OnDemand.encode

    def timed(self: OnDemand, *rest: object) -> object:
        nonlocal encoding
        started = time.perf_counter()
        try:
            return encode(self, *rest)  # type: ignore[arg-type]
        finally:
            encoding += time.perf_counter() - started

    OnDemand.encode = timed  # type: ignore[assignment,method-assign]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / arguments.tree.name
        shutil.copytree(arguments.tree, root, ignore=shutil.ignore_patterns(".codesearch"))
        build(root, BuildSettings(), encode=False)
        with Searcher.open(root) as searcher:
            for question in QUESTIONS:
                request = SearchRequest(question, 10, encode_seconds=arguments.encode_seconds)
                missing = searcher.missing()
                n_before = missing.n_chunks if missing else 0
                encoding, started = 0.0, time.perf_counter()
                searcher.search(request)
                first, in_encoding = time.perf_counter() - started, encoding
                missing = searcher.missing()
                n_new = n_before - (missing.n_chunks if missing else 0)
                started = time.perf_counter()
                searcher.search(SearchRequest(question, 10))
                again = time.perf_counter() - started
                print(
                    f"{question:<52} {first:6.3f} s, {in_encoding:6.3f} of it encoding {n_new:3d} chunks,"
                    f" {first - in_encoding:6.3f} besides; again without encoding {again:6.3f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
