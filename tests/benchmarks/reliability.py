"""One table: what was tried against an index, how often, what was lost, peak memory, seconds.

    python tests/benchmarks/reliability.py                       # all rows, as in the README
    python tests/benchmarks/reliability.py --rows kill-build secrets --scale 0.1
    python tests/benchmarks/reliability.py --output tests/benchmarks/results/reliability.md

With --output, rows of earlier runs that are not run again stay in the table (the .json beside it keeps
them). --stand-in gives the large trees vectors that no model computed, but for a thousand files: for a quick
look, for what a long run of the encoder leaves in memory is not seen. Ends with 1 where anything was lost.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import reliability_rows as state
from tests.benchmarks import reliability_sizes as sizes
from tests.benchmarks.reliability_figures import Bench, Row, RowMaker, merge, table

ROWS: dict[str, RowMaker] = {
    "kill-build": state.kill_builds,
    "kill-update": state.kill_updates,
    "kill-serve": state.kill_serving,
    "words-kill": state.kill_words,
    "words-writers": state.words_together,
    "words-disk": state.words_on_a_full_disk,
    "words-closed": state.words_in_a_closed_tree,
    "two-builds": state.two_builds,
    "readers": state.readers,
    "worktrees": state.worktrees,
    "corruption": state.corruption,
    "imports": state.imports,
    "containment": state.containment,
    "edits": state.edits,
    "secrets": state.secrets,
    "hostile-sources": sizes.hostile_sources,
    "odd-files": sizes.odd_files,
    "20000-files": sizes.twenty_thousand,
    "100000-files": sizes.hundred_thousand,
}


def measure(name: str, bench: Bench) -> Row:
    """One row; what it lost is said in it."""
    bench.forget_peaks()
    started = time.monotonic()
    try:
        row = ROWS[name](bench)
    except Exception as error:
        traceback.print_exc()
        said = str(error).strip() or "an assertion failed"
        row = Row(name, name, "stopped at the first", lost=f"FAILED: {type(error).__name__} {said[:120]}")
    return dataclasses.replace(
        row,
        peak_bytes=row.peak_bytes or bench.peak_bytes,
        seconds=row.seconds or time.monotonic() - started,
        load_average=round(os.getloadavg()[0], 1),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="NAME")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the attempts, files and bytes")
    parser.add_argument("--stand-in", action="store_true", help="large trees without the model")
    parser.add_argument("--nice", type=int, default=0, help="of the children that index large trees")
    parser.add_argument("--output", type=Path, help="write this .md, and .json beside it")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = str(Path(folder, variable))
        bench = Bench(Path(folder), options.scale, options.nice, options.stand_in)
        try:
            for name in options.rows:
                rows.append(measure(name, bench))
                print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
                if options.output is not None:
                    merged = merge(options.output.with_suffix(".json"), rows, list(ROWS))
                    options.output.write_text(table(merged), "utf-8")
        finally:
            bench.close()
    print(table(rows), end="")
    return int(any(row.lost.startswith("FAILED") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
