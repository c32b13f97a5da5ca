"""What each vector structure costs and finds: the table of exact, FAISS flat, FAISS lists and PLAID.

    python tests/benchmarks/vectors.py --label full
    python tests/benchmarks/vectors.py --real rows.npz      rows of the bundled model where there are as many

Single vectors (256 numbers) through `exact`, `flat` and `lists`; documents of token rows (64 numbers)
through `maxsim` (all rows scored as stored, 4 bits a number) and `plaid` (which names 256, whose
stored rows are then scored; its bytes are the index's alone, the rows' come on top). Every cell is built in a
process of its own and opened in another, so that memory and times are that structure's alone.

- build: seconds from rows in memory to files; CPU seconds beside it, for the machine may be busy.
- p50, p95: one query, warm; CPU p50 beside them (all threads together).
- recall: share of the ten best by exact float32 scores that are among the ten found; NDCG@10 of the
  document a query was taken from, exact float32 MaxSim's beside it. PLAID's own order: in the JSON.
- memory: resident after opening, less that of the same imports alone; after the queries beside it,
  mapped pages that they touched included.

Data and its limits: `vector_rows.py`. Results go to `results/vectors-LABEL.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]
from vector_rows import made_up_single, made_up_tokens, real_single, real_tokens  # noqa: E402

KINDS = {"exact": "single", "flat": "single", "lists": "single", "maxsim": "tokens", "plaid": "tokens"}
K = 10
N_CANDIDATES = 256
"""Documents that PLAID names for MaxSim over their stored rows, as `candidates.MAX_CHUNKS` does."""


# --- building, in a process of its own ----------------------------------------------------------------


def build(kind: str, n_rows: int, real: str, folder: Path) -> dict[str, Any]:
    """Write data, truth and structure into a folder; what that took."""
    made = _single(n_rows, real, folder) if KINDS[kind] == "single" else _tokens(n_rows, real, folder)
    if made is None:
        return {"skipped": "too few real rows"}
    n_stored, write = made
    # Imports and first calls are not the build's.
    if kind == "plaid":
        import pylate.indexes  # noqa: F401
    if kind in ("flat", "lists"):
        import faiss  # noqa: F401
    wall, cpu = time.perf_counter(), time.process_time()
    write(kind)
    return {
        "rows": n_stored,
        "build_seconds": time.perf_counter() - wall,
        "build_cpu_seconds": time.process_time() - cpu,
        "bytes": sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file()),
    }


def _single(n_rows: int, real: str, folder: Path) -> tuple[int, Callable[[str], None]] | None:
    from indexer.vectors import faiss_index

    data = real_single(Path(real)) if real else made_up_single(n_rows)
    rows = data.rows[:n_rows]
    if len(rows) < n_rows / 2:
        return None
    best = [np.empty((len(data.queries), 0), np.float32), np.empty((len(data.queries), 0), np.int64)]
    for start in range(0, len(rows), 50_000):
        scores = data.queries @ rows[start : start + 50_000].astype(np.float32).T
        near = np.argpartition(-scores, K - 1, axis=1)[:, :K]
        best[0] = np.concatenate([best[0], np.take_along_axis(scores, near, axis=1)], axis=1)
        best[1] = np.concatenate([best[1], near + start], axis=1)
    order = np.argsort(-best[0], axis=1, kind="stable")[:, :K]
    np.savez(folder / "queries.npz", queries=data.queries, truth=np.take_along_axis(best[1], order, axis=1))

    def write(kind: str) -> None:
        if kind == "exact":
            np.save(folder / "index" / "rows.npy", rows)
        else:
            faiss_index.MAX_FLAT_ROWS = 1 << 60 if kind == "flat" else 0
            faiss_index.build_faiss(folder / "index", np.arange(len(rows)), [rows])

    return len(rows), write


def _tokens(n_rows: int, real: str, folder: Path) -> tuple[int, Callable[[str], None]] | None:
    from indexer.vectors.plaid_index import build_plaid
    from indexer.vectors.row_codec import DEFAULT_CODEC, row_codec

    data = real_tokens(Path(real), n_rows) if real else made_up_tokens(n_rows)
    if data is None:
        return None
    codec = row_codec(DEFAULT_CODEC, data.documents[0].shape[1])
    stored = [codec.encode(document) for document in data.documents]
    truth = [_best_documents(query, data.documents) for query in data.queries]
    np.savez(
        folder / "queries.npz",
        queries=np.concatenate(data.queries),
        lengths=np.array([len(query) for query in data.queries]),
        truth=np.stack(truth),
        answers=data.answers,
    )
    np.save(folder / "lengths.npy", np.array([len(document) for document in data.documents]))
    np.save(folder / "codes.npy", np.concatenate(stored))

    def write(kind: str) -> None:
        if kind == "maxsim":
            np.save(folder / "index" / "rows.npy", np.concatenate([codec.encode(d) for d in data.documents]))
        else:
            # As the product does it: from the rows as they are stored.
            decoded = [codec.decode(codes) for codes in stored]
            build_plaid(folder / "index", np.arange(len(decoded)), decoded)

    return sum(map(len, data.documents)), write


def _best_documents(query_rows: np.ndarray, documents: list[np.ndarray]) -> np.ndarray:
    """(K,) by MaxSim over float32 rows, -1 where there are fewer; 500 documents at a time."""
    scores = []
    for start in range(0, len(documents), 500):
        part = documents[start : start + 500]
        borders = np.cumsum([0, *map(len, part)])[:-1]
        scores.append(np.maximum.reduceat(np.concatenate(part) @ query_rows.T, borders, axis=0).sum(axis=1))
    best = np.argsort(-np.concatenate(scores), kind="stable")[:K]
    return np.pad(best, (0, K - len(best)), constant_values=-1)


# --- opening and searching, in another process ----------------------------------------------------------


def search(kind: str, folder: Path) -> dict[str, Any]:
    """Memory, times and recall of what `build` wrote."""
    from indexer.vectors.exact import ExactIndex

    with np.load(folder / "queries.npz", allow_pickle=False) as stored:
        queries, truth = stored["queries"], stored["truth"]
        if KINDS[kind] == "tokens":
            ends = np.cumsum(stored["lengths"])
            queries = [queries[e - n : e] for e, n in zip(ends, stored["lengths"], strict=True)]
            answers = stored["answers"]
    if kind == "plaid":
        import pylate.indexes
        import pylate.retrieve  # noqa: F401
    if kind in ("flat", "lists"):
        import faiss  # noqa: F401
    before = _resident_bytes()
    wall = time.perf_counter()
    ask: Callable[[np.ndarray], np.ndarray]
    extra: dict[str, Any] = {}
    if kind == "exact":
        exact = ExactIndex(np.load(folder / "index" / "rows.npy", mmap_mode="r"))
        ask = lambda query: exact.search(query, K).ids  # noqa: E731
    elif kind in ("flat", "lists"):
        from indexer.vectors.faiss_index import FaissIndex

        index = FaissIndex(folder / "index")
        extra = {"lists": index.facts.n_lists, "probes": index.facts.n_probes}
        ask = lambda query: index.search(query, K).ids  # noqa: E731
    elif kind == "maxsim":
        rerank = _reranker(folder)
        everything = np.arange(len(np.load(folder / "lengths.npy")))
        ask = lambda query: rerank(query, everything)  # noqa: E731
    else:
        from indexer.vectors.plaid_index import PlaidIndex

        plaid = PlaidIndex(folder / "index")
        rerank = _reranker(folder)
        ask = lambda query: rerank(query, plaid.search(query, N_CANDIDATES).ids)  # noqa: E731
    opened = time.perf_counter() - wall
    memory = _resident_bytes() - before
    for query in queries[:5]:
        ask(query)
    seconds, cpu_seconds, found = [], [], []
    for query in queries:
        wall, cpu = time.perf_counter(), time.process_time()
        found.append(ask(query))
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    if kind == "plaid":
        own = [plaid.search(query, K).ids for query in queries]
        extra["own_ndcg"] = float(np.mean([_ndcg(ids, a) for ids, a in zip(own, answers, strict=True)]))
        extra["own_recall"] = float(
            np.mean([len(np.intersect1d(f, t)) / K for f, t in zip(own, truth, strict=True)])
        )
    if KINDS[kind] == "tokens":
        extra["ndcg"] = float(np.mean([_ndcg(ids, a) for ids, a in zip(found, answers, strict=True)]))
        extra["exact_ndcg"] = float(np.mean([_ndcg(ids, a) for ids, a in zip(truth, answers, strict=True)]))
    return extra | {
        "n_queries": len(queries),
        "open_seconds": opened,
        "open_bytes": memory,
        "used_bytes": _resident_bytes() - before,
        "p50_ms": float(np.percentile(seconds, 50) * 1e3),
        "p95_ms": float(np.percentile(seconds, 95) * 1e3),
        "cpu_p50_ms": float(np.percentile(cpu_seconds, 50) * 1e3),
        "recall": float(np.mean([len(np.intersect1d(f, t)) / K for f, t in zip(found, truth, strict=True)])),
    }


def _reranker(folder: Path) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The ten best of some documents by MaxSim over their stored rows."""
    from indexer.vectors.base import top_k
    from indexer.vectors.exact import maxsim
    from indexer.vectors.row_codec import DEFAULT_CODEC, row_codec

    lengths = np.load(folder / "lengths.npy")
    pieces = np.split(np.load(folder / "codes.npy", mmap_mode="r"), np.cumsum(lengths)[:-1])
    codec = row_codec(DEFAULT_CODEC, 64)

    def rerank(query: np.ndarray, documents: np.ndarray) -> np.ndarray:
        documents = np.sort(documents)
        return documents[top_k(maxsim(query, [pieces[i] for i in documents.tolist()], codec), K)]

    return rerank


def _ndcg(ids: np.ndarray, answer: int) -> float:
    place = np.flatnonzero(ids == answer)
    return float(1 / np.log2(place[0] + 2)) if len(place) else 0.0


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- the table --------------------------------------------------------------------------------------------


def measure(kind: str, n_rows: int, real: str) -> dict[str, Any]:
    """One cell: built in one process, searched in another."""
    with tempfile.TemporaryDirectory(prefix="vectors-") as folder:
        (Path(folder) / "index").mkdir()
        figures: dict[str, Any] = {"kind": kind, "family": KINDS[kind], "real": bool(real)}
        figures["load"] = os.getloadavg()[0]
        for step in ("build", "search"):
            arguments = [sys.executable, __file__, "--step", step, "--kind", kind, "--folder", folder]
            arguments += ["--rows", str(n_rows), "--real", real]
            done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
            figures |= json.loads(done.stdout.splitlines()[-1])
            if "skipped" in figures:
                return measure(kind, n_rows, "")
        return figures


_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "structure": lambda c: c["kind"] + (f" ({c['probes']} of {c['lists']})" if c.get("lists") else ""),
    "rows": lambda c: f"{c['rows']:,}",
    "data": lambda c: "model" if c["real"] else "made up",
    "build s": lambda c: f"{c['build_seconds']:.1f}",
    "CPU s": lambda c: f"{c['build_cpu_seconds']:.1f}",
    "MB on disk": lambda c: f"{c['bytes'] / 1e6:.1f}",
    "bytes a row": lambda c: f"{c['bytes'] / c['rows']:.0f}",
    "p50 ms": lambda c: f"{c['p50_ms']:.1f}",
    "p95 ms": lambda c: f"{c['p95_ms']:.1f}",
    "CPU p50 ms": lambda c: f"{c['cpu_p50_ms']:.1f}",
    "recall@10": lambda c: f"{c['recall']:.3f}",
    "NDCG@10 (exact)": lambda c: f"{c['ndcg']:.3f} ({c['exact_ndcg']:.3f})" if "ndcg" in c else "",
    "open ms": lambda c: f"{c['open_seconds'] * 1e3:.0f}",
    "memory MB": lambda c: f"{c['open_bytes'] / 1e6:.0f} → {c['used_bytes'] / 1e6:.0f}",
    "load": lambda c: f"{c['load']:.1f}",
}


def table(cells: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    for cell in cells:
        lines.append("| " + " | ".join(show(cell) for show in _COLUMNS.values()) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every cell and write the results after each, so that a stop loses one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--real", default="", help="rows stored by vector_rows.py")
    parser.add_argument("--label", default="table")
    parser.add_argument("--step", choices=["build", "search"], help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "build":
        print(json.dumps(build(options.kind, options.rows[0], options.real, options.folder)))
        return
    if options.step == "search":
        print(json.dumps(search(options.kind, options.folder)))
        return
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE)
    packages = ("numpy", "faiss-cpu", "pylate", "fast-plaid", "torch")
    about = {
        "command": "python tests/benchmarks/vectors.py "
        + " ".join(sys.argv[1:]).replace(options.real or "\0", "rows.npz"),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "packages": {name: metadata.version(name) for name in packages},
    }
    cells: list[dict[str, Any]] = []
    for n_rows in options.rows:
        for kind in options.kinds:
            cells.append(measure(kind, n_rows, options.real))
            print(json.dumps(cells[-1]), flush=True)
            out = HERE / "results" / f"vectors-{options.label}"
            out.with_suffix(".json").write_text(json.dumps(about | {"cells": cells}, indent=1) + "\n")
            lines = [
                f"`{about['command']}`, commit {about['commit']}, {about['machine']}",
                str(about["packages"]),
            ]
            out.with_suffix(".md").write_text("\n\n".join(["# Vector structures", *lines, table(cells)]))


if __name__ == "__main__":
    main()
