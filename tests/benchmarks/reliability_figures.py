"""What one row of the reliability table says, and how time and memory of child processes are taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.reliability.trees import Builder

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = "import sys; from codesearch.cli.main import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    what: str
    tried: str
    lost: str = "nothing"
    peak_bytes: int = 0
    """Of the largest process."""
    seconds: float = 0.0
    detail: str = ""
    load_average: float = 0.0
    """Of the machine at the end: above the number of cores, other work made the row slower."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that has ended."""

    code: int
    output: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_child(*arguments: str, code: str = COMMAND, niceness: int = 0) -> Finished:
    """Run our command, or another piece of Python, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", code, *arguments],
            stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=tempfile.gettempdir(),
            preexec_fn=lambda: os.nice(niceness) and None,
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    cpu = usage.ru_utime + usage.ru_stime
    return Finished(child.returncode, text, time.monotonic() - started, cpu, usage.ru_maxrss * 1024)


def checked(finished: Finished, *codes: int) -> Finished:
    """The child, if it ended with one of the codes (0). Raises AssertionError with its last words."""
    assert finished.code in (codes or (0,)), finished.output[-2000:]
    return finished


class MeasuredBuilder(Builder):
    """A builder that remembers the largest of its children."""

    peak_bytes = 0

    def wait(self) -> dict[str, object]:
        result = super().wait()
        self.peak_bytes = max(self.peak_bytes, int(result.get("peak_bytes", 0)))
        return result


@dataclass(slots=True)
class Bench:
    """What rows share: a folder, a scale, a builder, an indexed tree."""

    folder: Path
    scale: float = 1.0
    niceness: int = 0
    stand_in: bool = False
    builders: list[MeasuredBuilder] = field(default_factory=list)

    def count(self, n: int) -> int:
        """A number of attempts, scaled down as asked."""
        return max(1, round(n * self.scale))

    def first_builders(self, n_builders: int) -> list[MeasuredBuilder]:
        """So many that work at once, started when so many are first asked for."""
        while len(self.builders) < n_builders:
            self.builders.append(MeasuredBuilder())
        return self.builders[:n_builders]

    @property
    def builder(self) -> MeasuredBuilder:
        return self.first_builders(1)[0]

    @property
    def peak_bytes(self) -> int:
        """Of all builders since they were last forgotten."""
        return max((builder.peak_bytes for builder in self.builders), default=0)

    def forget_peaks(self) -> None:
        for builder in self.builders:
            builder.peak_bytes = 0

    def place(self, name: str) -> Path:
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def close(self) -> None:
        for builder in self.builders:
            builder.close()


RowMaker = Callable[[Bench], Row]


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| what was tried | how often | lost | peak memory | seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        peak = f"{row.peak_bytes / 1e6:,.0f} MB" if row.peak_bytes else "–"
        what = row.what + (f" ({row.detail})" if row.detail else "")
        lines.append(f"| {what} | {row.tried} | {row.lost} | {peak} | {row.seconds:,.0f} |")
    return "\n".join(lines) + "\n"


def merge(file: Path, rows: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """The rows of an earlier run with the new ones in their place; both are written to `file`."""
    known: dict[str, Row] = {}
    if file.exists():
        known = {raw["name"]: Row(**raw) for raw in json.loads(file.read_text("utf-8"))["rows"]}
    known |= {row.name: row for row in rows}
    merged = [known[name] for name in order if name in known]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"rows": [asdict(row) for row in merged]}, indent=1) + "\n", "utf-8")
    return merged
