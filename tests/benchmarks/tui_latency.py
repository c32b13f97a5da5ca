"""How the terminal application feels: keystroke to echo while searches run, and last key to results.

    python tests/benchmarks/tui_latency.py FOLDER [--keys-a-second 12] [--json OUT]

Runs `python -m tui FOLDER` in a pseudo-terminal of its own, types questions as a person would, and reads
what it draws. FOLDER needs an index. An echo is there when the text typed so far has been drawn, results
when the title says how many there are. The pause that the application waits for before it searches is
part of the second figure; `after_pause` is without it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
QUERIES = (
    "where are keyboard events handled",
    "parse command line options from the environment",
    "cache results of expensive calls",
    "convert colours between spaces",
    "close the connection when the server goes away",
    "shortest path between two nodes",
    "validate the type of a field",
    "render a table with borders",
    "split a path into its parts",
    "retry after a timeout",
)
_ESCAPE = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[\[(][0-?]*[ -/]*[@-~]|\x1b[=>78]")
_FOUND = re.compile(r"(\d+) passages? · (\d+) ms")


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds."""

    n_keys: int
    echo_p50: float
    echo_p95: float
    echo_max: float
    n_searches: int
    results_p50: float
    results_p95: float
    after_pause_p50: float
    after_pause_p95: float
    engine_p50: float
    """As the title says: the search alone."""
    load_average: float
    """Of the machine, at the end: above the number of cores, other work made all of this slower."""


def state_folder() -> Path:
    """A folder for `XDG_STATE_HOME`: no history, but this user's key, without which no index is trusted."""
    from indexer.disk.user_folders import key_file

    folder = Path(tempfile.mkdtemp(prefix="tui-state-"))
    (folder / "codesearch").mkdir()
    shutil.copy(key_file(), folder / "codesearch")
    return folder


class Terminal:
    """The application in a pseudo-terminal."""

    def __init__(self, folder: Path, columns: int, rows: int) -> None:
        self.state = state_folder()
        environment = os.environ | {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(self.state),
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        self.descriptor, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", str(folder)],
            stdin=child,
            stdout=child,
            stderr=child,
            env=environment,
            start_new_session=True,
        )
        os.close(child)

    def send(self, text: str) -> float:
        """Press keys; the time at which they were."""
        os.write(self.descriptor, text.encode())
        return time.perf_counter()

    def wait_for(self, wanted: re.Pattern[str], seconds: float = 60.0) -> tuple[float, re.Match[str]]:
        """When something drawn from now on matches, and the match."""
        drawn = b""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            ready, _, _ = select.select([self.descriptor], [], [], 0.5)
            if not ready:
                continue
            drawn += os.read(self.descriptor, 1 << 16)
            match = wanted.search(_ESCAPE.sub(b"", drawn).decode("utf-8", "replace"))
            if match:
                return time.perf_counter(), match
        raise TimeoutError(f"nothing like {wanted.pattern!r} was drawn in {seconds:.0f} s")

    def drain(self, seconds: float) -> None:
        """Read, and throw away, what is drawn in the next moments."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self.descriptor], [], [], left)[0]:
                os.read(self.descriptor, 1 << 16)

    def close(self) -> None:
        """Leave."""
        self.send("\x11")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self.descriptor)
        shutil.rmtree(self.state)


@contextlib.contextmanager
def application(folder: Path, columns: int = 160, rows: int = 50) -> Iterator[Terminal]:
    """The application, ready for a question."""
    terminal = Terminal(folder, columns, rows)
    try:
        terminal.wait_for(re.compile(r"\d+ files"))
        terminal.drain(5.0)
        yield terminal
    finally:
        terminal.close()


def measure(folder: Path, keys_a_second: float, pause_seconds: float) -> Figures:
    """Type all questions."""
    echoes: list[float] = []
    results: list[float] = []
    engine: list[float] = []
    with application(folder) as terminal:
        for query in QUERIES:
            for i, key in enumerate(query):
                began = terminal.send(key)
                typed = re.escape(query[: i + 1].rstrip(" "))
                echoed, _ = terminal.wait_for(re.compile(typed if key != " " else typed + " "))
                echoes.append((echoed - began) * 1000)
                if i + 1 < len(query):
                    terminal.drain(max(0.0, 1 / keys_a_second - (echoed - began)))
            found, match = terminal.wait_for(_FOUND)
            results.append((found - began) * 1000)
            engine.append(float(match.group(2)))
            terminal.drain(0.3)
            terminal.send("\x1b")
            terminal.drain(0.5)
    after_pause = [one - pause_seconds * 1000 for one in results]
    return Figures(
        n_keys=len(echoes),
        echo_p50=_quantile(echoes, 0.5),
        echo_p95=_quantile(echoes, 0.95),
        echo_max=max(echoes),
        n_searches=len(results),
        results_p50=_quantile(results, 0.5),
        results_p95=_quantile(results, 0.95),
        after_pause_p50=_quantile(after_pause, 0.5),
        after_pause_p95=_quantile(after_pause, 0.95),
        engine_p50=statistics.median(engine),
        load_average=os.getloadavg()[0],
    )


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys-a-second", type=float, default=12.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    from tui.app import PAUSE_SECONDS

    figures = measure(arguments.folder, arguments.keys_a_second, PAUSE_SECONDS)
    for name, value in asdict(figures).items():
        print(f"{name:<18}{value:>10,.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(figures), indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    main()
