"""Figures of single questions, a list a system: recorded as JSON, shown as Markdown, compared in pairs.

For benchmarks whose questions have a handful of figures each, between 0 and 1, that are averaged: see
`meetings.py` and `localise.py`. A figure that a system cannot have (whole files have no passages) is None.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_report
import metrics
from bench_report import RESULTS

Figures = dict[str, dict[str, list[float | None]]]
"""By system, then by name of the figure: one value a question."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a benchmark found."""

    benchmark: str
    """Names the files of results: `meetings-2026-11-26-first.json`."""
    facts: dict[str, Any]
    question_ids: list[str]
    figures: Figures
    rival: str
    """The system of this same run that all others are compared with."""
    notes: str = ""
    """What a reader of the table must know."""


def finish(run: Run, label: str, compare: str) -> None:
    """Print the report, and with a label record it beside the others."""
    text = markdown(run, previous_of(run.benchmark, compare))
    print(text)
    if not label:
        return
    path = RESULTS / f"{run.benchmark}-{run.facts['time'][:10]}-{label}.json"
    kept = {"question_ids": run.question_ids, "figures": run.figures}
    bench_report.write_json(run.facts | kept, path)
    path.with_suffix(".md").write_text(text, encoding="utf-8")


def previous_of(benchmark: str, named: str) -> dict[str, Any] | None:
    """The recorded run that `--compare` names, by default the newest; None where there is none."""
    if named == "none":
        return None
    if named:
        path = Path(named) if Path(named).is_file() else RESULTS / named
        return dict(json.loads(path.read_text(encoding="utf-8")))
    runs = [json.loads(p.read_text(encoding="utf-8")) for p in RESULTS.glob(f"{benchmark}-*.json")]
    return max(runs, key=lambda recorded: str(recorded["time"]), default=None)


def markdown(run: Run, previous: dict[str, Any] | None) -> str:
    """Means with 95 % bootstrap intervals, then paired differences to the rival and to an earlier run."""
    names = list(next(iter(run.figures.values())))
    facts = run.facts
    dirty = " with uncommitted changes" if facts["uncommitted_changes"] else ""
    machine = facts["machine"]
    parts = [
        f"# {run.benchmark.capitalize()}: {facts['label']}",
        f"{facts['time']}, commit {facts['commit'][:12]}{dirty}, {machine['cpu']}, {machine['cores']} cores,"
        f" load {machine['load_1min']}. `{facts['command']}`",
        run.notes,
        _table(
            [f"{len(run.question_ids)} questions", *names],
            [[system, *(_mean(values[name]) for name in names)] for system, values in run.figures.items()],
        ),
        f"Against {run.rival} of this run, question by question:",
        _table(
            ["minus " + run.rival, *names],
            [
                [system, *(_difference(values[name], run.figures[run.rival][name]) for name in names)]
                for system, values in run.figures.items()
                if system != run.rival
            ],
        ),
    ]
    if previous is not None:
        parts += _since(run, names, previous)
    return "\n\n".join(part for part in parts if part) + "\n"


def _since(run: Run, names: Sequence[str], previous: dict[str, Any]) -> list[str]:
    """Against the same systems of an earlier run, over the questions and figures that both have."""
    places = {question: at for at, question in enumerate(previous["question_ids"])}
    both = [(at, places[q]) for at, q in enumerate(run.question_ids) if q in places]
    rows = []
    for system, values in run.figures.items():
        before = previous["figures"].get(system)
        if before is None or not both:
            continue
        rows.append([
            system,
            *(
                _difference([values[n][a] for a, _ in both], [before[n][b] for _, b in both])
                if n in before
                else "-"
                for n in names
            ),
        ])  # fmt: skip
    title = f"Against the run {previous['label']} ({previous['time']}), {len(both)} questions:"
    return [title, _table(["minus " + previous["label"], *names], rows)] if rows else []


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    interval = metrics.bootstrap(known)
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _difference(ours: Sequence[float | None], theirs: Sequence[float | None]) -> str:
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    if not pairs:
        return "-"
    gap = metrics.paired_difference([a for a, _ in pairs], [b for _, b in pairs])
    return f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
