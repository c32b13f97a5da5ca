"""How long a warm search takes, passages, evidence and token counts included.

    codesearch index FOLDER
    python tests/benchmarks/search_latency.py FOLDER

Forty questions about forty things, each asked once in one process, after eight others have loaded what is
loaded once; wall-clock and CPU milliseconds of `CodeIndex.search`. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from codesearch import CodeIndex
from codesearch.answers.counting import counter_for

WARMING = (
    "where are keyboard events handled", "parse command line options", "cache results of expensive calls",
    "convert colours between spaces", "close the connection", "shortest path between nodes",
    "validate the type of a field", "render a table with borders",
)  # fmt: skip
QUESTIONS = (
    "read settings from the environment", "what happens when a request times out",
    "merge two sorted lists into one", "how are failed requests tried again",
    "escape special characters in html attributes", "how is a plugin loaded by its name",
    "where is the log level set", "split a text into tokens for parsing",
    "write a temporary file and then rename it", "compute the gradients of a loss function",
    "how are cookies stored between two requests", "format dates and times for people",
    "which of two version numbers is newer", "draw a progress bar in the terminal",
    "what happens to bytes that are not utf-8", "lock shared state while it is written",
    "walk a directory tree and skip some files", "how is an algebraic expression simplified",
    "multiply two large sparse matrices", "dispatch on the type of an argument",
    "middleware that adds headers to a response", "how does the widget with focus get keys",
    "colour scheme used for syntax highlighting", "where are default values of dataclass fields made",
    "generate random data of a given shape", "minimum spanning tree of a weighted graph",
    "upload a large file in several parts", "stop all workers when the program ends",
    "undo the last edit of a text", "download a model together with its weights",
    "turn an object into json and back", "how wide is a string on the screen",
    "scroll to the end after new lines", "redirect a request to another address",
    "register a new lexer for a language", "copy arrays only when they are written",
    "check whether every node can be reached", "warn that a function is deprecated",
    "attention mask that leaves padding out", "unify two terms that hold variables",
)  # fmt: skip
"""As many words as those of the development data on average: six to seven."""


def main() -> None:
    """Print one line."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("folder", type=Path, help="a folder that is indexed")
    flags.add_argument("--results", type=int, default=10, help="how many are asked for")
    arguments = flags.parse_args()
    wall_ms, cpu_ms = [], []
    with CodeIndex.open(arguments.folder) as index:
        status = index.status()
        for question in WARMING:
            index.search(question, k=arguments.results)
        for question in QUESTIONS:
            wall, cpu = time.perf_counter(), time.process_time()
            index.search(question, k=arguments.results)
            wall_ms.append(1e3 * (time.perf_counter() - wall))
            cpu_ms.append(1e3 * (time.process_time() - cpu))
    print(
        f"{status.n_files:,} files, {status.n_tokens:,} tokens, {status.n_rows:,} token rows;"
        f" {arguments.results} results, counted by {counter_for().name}:"
        f" p50 {np.median(wall_ms):.1f} ms, p95 {np.percentile(wall_ms, 95):.1f} ms,"
        f" CPU p50 {np.median(cpu_ms):.1f} ms"
    )


if __name__ == "__main__":
    main()
