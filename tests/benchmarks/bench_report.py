"""Runs as they are recorded and shown: JSON with every query's figures, Markdown tables, comparisons.

A recorded run holds per-query figures by query id and no text of the data. Comparisons are paired over
the queries that both runs have. Called by `quality.py` and `sweep.py`.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import metrics
from bench_data import PROJECT, Collection
from metrics import Interval, QueryScores

RESULTS = Path(__file__).parent / "results"
SCHEMA = 1
REFERENCE = "bm25-chunks"
"""The baseline that every system is compared with, query by query."""
_LEGEND = (
    "Columns 500 to 8k: recall of the target files within so many returned tokens. Times are of one search "
    "in one of the run's processes: ranking alone, and until the passages are there. A query is encoded "
    "once: only the first mode's times have that in them."
)
_PACKAGES = ("torch", "transformers", "tokenizers", "faiss-cpu", "openvino", "pylate", "numpy", "tree-sitter")


@dataclass(frozen=True, slots=True)
class SystemRun:
    """One system over the queries of one set."""

    scores: dict[str, QueryScores]
    """By query id."""
    rank_seconds: dict[str, float]
    """Wall time of ranking alone, by query id; a baseline has the same twice."""
    seconds: dict[str, float]
    """Wall time until the passages are there."""
    first_files: dict[str, list[str]]
    """The first three files returned, by query id; shown, not recorded."""

    @property
    def has_tokens(self) -> bool:
        """Whether passages were read; else ranks are all there is."""
        return any(n is not None for s in self.scores.values() for n in s.file_tokens)


@dataclass(frozen=True, slots=True)
class SetRun:
    """All systems over one set."""

    collections: list[Collection]
    systems: dict[str, SystemRun]


# --- recording -------------------------------------------------------------------------------


def record(runs: dict[str, SetRun], facts: dict[str, Any]) -> dict[str, Any]:
    """The run as plain data."""
    return facts | {"schema": SCHEMA, "sets": {name: _set_record(run) for name, run in runs.items()}}


def _set_record(run: SetRun) -> dict[str, Any]:
    systems = {}
    for name, system in run.systems.items():
        ids = [q.query_id for c in run.collections for q in c.queries]
        scores = [system.scores[i] for i in ids]
        systems[name] = {
            "mean_ndcg10": round(_mean([s.ndcg10 for s in scores]), 4),
            "mean_rr": round(_mean([s.reciprocal_rank for s in scores]), 4),
            "rank_p50_ms": round(1000 * _quantile(system.rank_seconds.values(), 0.5), 2),
            "p50_ms": round(1000 * _quantile(system.seconds.values(), 0.5), 2),
            "p95_ms": round(1000 * _quantile(system.seconds.values(), 0.95), 2),
            "ndcg10": [round(s.ndcg10, 5) for s in scores],
            "rr": [round(s.reciprocal_rank, 5) for s in scores],
            "file_tokens": [list(s.file_tokens) for s in scores],
            "span_tokens": [list(s.span_tokens) for s in scores],
        }
    return {
        "collections": {c.name: [c.language, c.revision, len(c.queries)] for c in run.collections},
        "query_ids": [q.query_id for c in run.collections for q in c.queries],
        "systems": systems,
    }


def scores_of(recorded: dict[str, Any], set_name: str, system: str) -> dict[str, QueryScores]:
    """A system's figures out of a recorded run, by query id; empty where it was not run."""
    part = recorded.get("sets", {}).get(set_name)
    if part is None or system not in part["systems"]:
        return {}
    one = part["systems"][system]
    columns = zip(one["ndcg10"], one["rr"], one["file_tokens"], one["span_tokens"], strict=True)
    return {
        query_id: QueryScores(ndcg, rr, tuple(files), tuple(spans))
        for query_id, (ndcg, rr, files, spans) in zip(part["query_ids"], columns, strict=True)
    }


def write_json(data: dict[str, Any], path: Path) -> None:
    """Objects indented, lists on one line: small, and a diff stays readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_pretty(data, 0) + "\n", encoding="utf-8")


def _pretty(value: Any, depth: int) -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    pad = " " * (depth + 1)
    items = ",\n".join(f"{pad}{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items())
    return f"{{\n{items}\n{' ' * depth}}}"


def latest(system: str, *, besides: Path | None = None) -> dict[str, Any] | None:
    """The newest recorded run that has a system, by its time."""
    newest: dict[str, Any] | None = None
    for path in RESULTS.glob("quality-*.json"):
        if path == besides:
            continue
        run = json.loads(path.read_text(encoding="utf-8"))
        has_it = any(system in part["systems"] for part in run["sets"].values())
        if has_it and (newest is None or run["time"] > newest["time"]):
            newest = run
    return newest


def facts(
    label: str,
    arguments: Sequence[str],
    settings: dict[str, Any],
    tokenizer: str,
    program: str = "quality.py",
) -> dict[str, Any]:
    """Where a run comes from. Absolute paths in the command are cut to their last part."""
    shown = [Path(a).name if Path(a).is_absolute() else a for a in arguments]
    return {
        "label": label,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join([f"python tests/benchmarks/{program}", *shown]),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "codesearch", "indexer")),
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": {"cpu": _cpu_model(), "cores": os.cpu_count(), "load_1min": round(os.getloadavg()[0], 2)},
        "settings": settings,
        "token_counter": tokenizer,
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


# --- tables ----------------------------------------------------------------------------------


def markdown(
    runs: dict[str, SetRun],
    facts_: dict[str, Any],
    previous: dict[str, Any] | None,
    reference: dict[str, Any] | None,
) -> str:
    """The whole report."""
    parts = [
        f"# Retrieval quality: {facts_['label']}",
        f"{facts_['time']}, commit {facts_['commit'][:12]}"
        f"{' with uncommitted changes' if facts_['uncommitted_changes'] else ''}, "
        f"{facts_['machine']['cpu']}, {facts_['machine']['cores']} cores. `{facts_['command']}`",
        f"Settings: {json.dumps(facts_['settings'])}. Tokens are counted with {facts_['token_counter']}.",
    ]
    for name, run in runs.items():
        parts.append(_set_markdown(name, run, previous, reference))
    return "\n\n".join(parts) + "\n"


def _set_markdown(
    name: str, run: SetRun, previous: dict[str, Any] | None, reference: dict[str, Any] | None
) -> str:
    n = sum(len(c.queries) for c in run.collections)
    parts = [f"## {name}: {n} queries, {len(run.collections)} collections", _main_table(run), _LEGEND]
    parts += [table] if (table := _span_table(run)) else []
    comparisons = []
    for title, other, rival in (("BM25", reference, REFERENCE), ("the previous run", previous, None)):
        if other is not None:
            rows = _difference_rows(name, run, other, rival)
            if rows:
                head = ["against " + title, "queries", "ΔNDCG@10, 95 %", "by repository", "ΔMRR, 95 %"]
                head += [f"Δ{_short(b)}" for b in metrics.TOKEN_BUDGETS]
                of = f"Of {rival or 'the same system'} in run {other['label']} ({other['time']}):"
                comparisons.append(of + "\n\n" + _table(head, rows))
    parts += comparisons
    if len(run.collections) > 1:
        languages = {q.query_id: c.language for c in run.collections for q in c.queries}
        names = {q.query_id: c.name for c in run.collections for q in c.queries}
        categories = {q.query_id: q.category for c in run.collections for q in c.queries}
        for title, group_of in (("category", categories), ("language", languages), ("repository", names)):
            parts.append(_group_table(title, run, group_of))
    return "\n\n".join(parts)


def _main_table(run: SetRun) -> str:
    groups = {q.query_id: c.name for c in run.collections for q in c.queries}
    several = len(run.collections) > 1
    head = ["system", "NDCG@10, 95 %", *(["by repository"] if several else []), "MRR, 95 %"]
    head += [f"{_short(b)}" for b in metrics.TOKEN_BUDGETS]
    head += ["rank p50", "p50", "p95 ms"]
    rows = []
    for name, system in run.systems.items():
        ids = list(system.scores)
        ndcg = [system.scores[i].ndcg10 for i in ids]
        row = [name, _interval(metrics.bootstrap(ndcg))]
        if several:
            row.append(_range(metrics.bootstrap(ndcg, [groups[i] for i in ids])))
        row.append(_interval(metrics.bootstrap([system.scores[i].reciprocal_rank for i in ids])))
        if system.has_tokens:
            row += _recalls([s.file_tokens for s in system.scores.values()])
        else:
            row += ["-"] * len(metrics.TOKEN_BUDGETS)
        seconds = system.seconds.values()
        times = (
            _quantile(system.rank_seconds.values(), 0.5),
            _quantile(seconds, 0.5),
            _quantile(seconds, 0.95),
        )
        row += [f"{1000 * one:.1f}" for one in times]
        rows.append(row)
    return _table(head, rows)


def _span_table(run: SetRun) -> str:
    """Empty where no target names lines."""
    rows = []
    for name, system in run.systems.items():
        tokens = [s.span_tokens for s in system.scores.values() if s.span_tokens]
        if tokens and system.has_tokens:
            rows.append([name, str(len(tokens)), *_recalls(tokens)])
    head = ["target span within tokens", "queries", *(_short(b) for b in metrics.TOKEN_BUDGETS)]
    return _table(head, rows) if rows else ""


def _recalls(tokens: Iterable[tuple[int | None, ...]]) -> list[str]:
    given = [one for one in tokens if one]
    return [f"{_mean([metrics.recall_within(one, b) for one in given]):.3f}" for b in metrics.TOKEN_BUDGETS]


def _difference_rows(set_name: str, run: SetRun, other: dict[str, Any], rival: str | None) -> list[list[str]]:
    groups = {q.query_id: c.name for c in run.collections for q in c.queries}
    rows = []
    for name, system in run.systems.items():
        theirs = scores_of(other, set_name, rival or name)
        ids = [i for i in system.scores if i in theirs]
        if not ids or name == rival:
            continue
        ndcg = _pairs(system.scores, theirs, ids, lambda s: s.ndcg10)
        rr = _pairs(system.scores, theirs, ids, lambda s: s.reciprocal_rank)
        by_group = metrics.paired_difference(*ndcg, [groups[i] for i in ids])
        rows.append([
            name, str(len(ids)), _interval(metrics.paired_difference(*ndcg), signed=True),
            _range(by_group, signed=True) if len(run.collections) > 1 else "",
            _interval(metrics.paired_difference(*rr), signed=True),
            *_recall_changes([system.scores[i] for i in ids], [theirs[i] for i in ids]),
        ])  # fmt: skip
    return rows


def _recall_changes(ours: list[QueryScores], theirs: list[QueryScores]) -> list[str]:
    """Change of the target files' recall within each budget; dashes where a run read no passages."""
    if not all(any(n is not None for s in side for n in s.file_tokens) for side in (ours, theirs)):
        return ["-"] * len(metrics.TOKEN_BUDGETS)
    changes = []
    for budget in metrics.TOKEN_BUDGETS:
        mine, other = (
            _mean([metrics.recall_within(s.file_tokens, budget) for s in x]) for x in (ours, theirs)
        )
        changes.append(_figure(mine - other, signed=True))
    return changes


def _pairs(
    ours: dict[str, QueryScores], theirs: dict[str, QueryScores], ids: list[str],
    figure: Callable[[QueryScores], float],
) -> tuple[list[float], list[float]]:  # fmt: skip
    return [figure(ours[i]) for i in ids], [figure(theirs[i]) for i in ids]


def _group_table(title: str, run: SetRun, group_of: dict[str, str]) -> str:
    groups = list(dict.fromkeys(group_of.values()))
    rows = []
    for group in groups:
        ids = [i for i, g in group_of.items() if g == group]
        figures = [_mean([system.scores[i].ndcg10 for i in ids]) for system in run.systems.values()]
        rows.append([group, str(len(ids)), *(f"{figure:.3f}" for figure in figures)])
    return _table([f"NDCG@10 by {title}", "queries", *run.systems], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table padded to columns, so that it reads in a terminal too."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def _interval(interval: Interval, *, signed: bool = False) -> str:
    return f"{_figure(interval.mean, signed=signed)} {_range(interval, signed=signed)}"


def _range(interval: Interval, *, signed: bool = False) -> str:
    return f"[{_figure(interval.low, signed=signed)}, {_figure(interval.high, signed=signed)}]"


def _figure(value: float, *, signed: bool = False) -> str:
    """Three digits; recorded figures are rounded, so a difference of nothing may be a tiny negative one."""
    return f"{round(value, 3) + 0.0:{'+' if signed else ''}.3f}"


def _short(budget: int) -> str:
    return f"{budget // 1000}k" if budget >= 1000 else str(budget)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
