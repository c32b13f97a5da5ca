"""Figures of building and searching on Ray, on one machine: three nodes of Ray's own test cluster.

    python tests/benchmarks/cluster.py build WORK      40 packages: equal to one machine's? tokens a second
    python tests/benchmarks/cluster.py kill-builds WORK    a node killed in the middle of a build, ten times
    python tests/benchmarks/cluster.py kill-searches WORK  a node killed between questions, ten times
    python tests/benchmarks/cluster.py detour WORK     the same questions to one process and behind Serve
    python tests/benchmarks/cluster.py prefilter WORK  what asking some of the shards loses
    python tests/benchmarks/cluster.py replay WORK     recorded task times on up to 100 nodes

WORK is a folder that keeps what `build` made. Each prints JSON. Needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import heapq
import http.client
import json
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from cluster_kill import kill_builds, kill_searches
from cluster_work import (
    ONE_EACH,
    QUESTIONS,
    SETTINGS,
    begin,
    catalogue_of,
    four_shards,
    nodes,
    trees,
    workplace,
)

from codesearch import Workspace
from codesearch.cluster_workspace import ClusterWorkspace
from indexer.build import build
from indexer.cluster.catalogue import read_catalogue, shards_to_serve
from indexer.cluster.indexing import Job, JobReport, Pool, index_catalogue
from indexer.cluster.layout import Cluster, Layout
from indexer.cluster.layout import Limits as QuestionLimits
from indexer.cluster.serving import join
from indexer.cluster.store import open_store
from indexer.search import Searcher

# --- build -------------------------------------------------------------------------------------


def measure_build(work: Path) -> dict[str, Any]:
    """Shards by two workers and by one; equal to what one machine builds?"""
    folders = trees(work)
    found: dict[str, Any] = {"n_repositories": len(folders)}
    for n_workers, store in ((2, "store"), (1, "store1")):
        shutil.rmtree(work / store, ignore_errors=True)
        path = catalogue_of(work, folders, f"catalogue-{n_workers}")
        with nodes(1, 2, 2) as (ray, _, _):
            first: list[float] = []
            started = time.monotonic()
            report = index_catalogue(
                ray, Job(path, workplace(work, store), Pool(n_workers, 1), ONE_EACH),
                lambda progress, first=first: progress.n_done > len(first) and first.append(time.monotonic()),
            )  # fmt: skip
        found[f"workers_{n_workers}"] = figures_of(report, started, first)
        if n_workers == 2:
            rows = [
                {"n_tokens": m.n_tokens, "read_seconds": m.read_seconds, "encode_seconds": m.encode_seconds}
                for m in report.made
            ]
            (work / "tasks.json").write_text(json.dumps(rows), encoding="utf-8")
    found |= compare(work, folders)
    return found


def figures_of(report: JobReport, started: float, finished: Sequence[float]) -> dict[str, Any]:
    """Of a job; the rate is that between its first shard and its last, without Ray's start."""
    n_tokens = sum(made.n_encoded_tokens for made in report.made)
    seconds = finished[-1] - finished[0]
    return {
        "n_shards": report.n_shards,
        "n_tokens": n_tokens,
        "elapsed_seconds": round(report.elapsed_seconds, 1),
        "first_shard_seconds": round(finished[0] - started, 1),
        "tokens_per_second": round(n_tokens * (len(finished) - 1) / len(finished) / seconds),
        "failures": [f"{failure.name}: {failure.problem}" for failure in report.failures],
    }


def compare(work: Path, folders: Sequence[Path]) -> dict[str, Any]:
    """Keys, vectors and answers of the shards and of indexes that one process builds of the same trees."""
    from indexer.cluster.catalogue import Shard
    from indexer.cluster.shard_cache import open_cached

    store = open_store(str(work / "store"))
    shards: dict[str, Shard] = {
        each.name: each for each in shards_to_serve(read_catalogue(work / "catalogue-2.jsonl"))
    }
    n_chunks = n_same_keys = n_same_answers = n_answers = 0
    worst = 0.0
    for folder in folders:
        build(folder, SETTINGS, outside=work / "single")
        with (
            Searcher.open(folder, work / "single") as one,
            open_cached(store, shards[folder.name], work / "cache") as two,
        ):
            a, b = (vectors_of(each) for each in (one, two))
            n_chunks += len(a)
            n_same_keys += len(a.keys() & b.keys())
            worst = max(
                [worst, *(float(np.abs(a[key] - b[key]).max(initial=0.0)) for key in a.keys() & b.keys())]
            )
    names = [folder.name for folder in folders]
    with Workspace(folders, state=work / "single", follow=False) as single:
        cluster = in_process(work, names)
        for query in QUESTIONS:
            ours = ClusterWorkspace(cluster).among().find(query, 10)
            theirs = single.among().find(query, 10, encode_seconds=0.0)
            mine = [(p.full_path, p.start_line, p.end_line) for p in ours.passages]
            n_answers += 1
            n_same_answers += mine == [(p.full_path, p.start_line, p.end_line) for p in theirs.passages]
    return {
        "n_chunks": n_chunks,
        "n_same_keys": n_same_keys,
        "largest_difference_of_a_number": worst,
        "n_questions": n_answers,
        "n_same_answers": n_same_answers,
    }


def vectors_of(searcher: Searcher) -> dict[str, Any]:
    """Single rows under each key."""
    tables, segments = searcher.generation.tables, searcher.generation.segments
    found = {}
    for at, row in enumerate(searcher.generation.store.chunk_keys()):
        first, n = int(tables.single_start[at]), int(tables.n_single[at])
        found[row.embedding_key] = np.asarray(
            segments.single(int(tables.segment[at]), 0, first + n)[first:], np.float32
        ) if n else np.zeros((0, 0), np.float32)  # fmt: skip
    return found


def in_process(work: Path, names: Sequence[str]) -> Cluster:
    """The shards of `build` in one group of this process, without Ray."""
    from indexer.cluster.replica import OpenShards, answer
    from indexer.open_model import open_model

    store = open_store(str(work / "store"))
    shards = [s for s in shards_to_serve(read_catalogue(work / "catalogue-2.jsonl")) if s.name in names]
    halves = {
        "one": OpenShards(store, shards[::2], work / "cache"),
        "two": OpenShards(store, shards[1::2], work / "cache"),
    }

    class Here:
        def begin(self, group: str, method: str, arguments: Sequence[Any]) -> Callable[[float], Any]:
            return lambda seconds: answer(halves[group], method, arguments)

        def encode(self, text: str, seconds: float) -> Any:
            return model.query_encoder.encode(text)

    facts = {each.name: each for half in halves.values() for each in half.facts()}
    manifest = next(iter(facts.values())).manifest
    model = open_model(manifest.model, manifest.model_fingerprint)
    assert model is not None
    group_of = {each.name: name for name, half in halves.items() for each in half.facts()}
    return Cluster(
        Here(), Layout.of([facts[s.name] for s in shards], group_of), QuestionLimits(120.0, 10_000)
    )


# --- detour ------------------------------------------------------------------------------------


def measure_detour(work: Path, n_rounds: int = 8) -> dict[str, Any]:
    """The same questions in turns: one process and four shards behind Serve, each as Python and by HTTP.

    Milliseconds, and seconds of CPU a question of this process and all that it started.
    """
    from indexer.cluster.connection import connected

    entries = read_catalogue(four_shards(work))
    folders = [Path(entry.folder) for entry in entries]
    found: dict[str, Any] = {"n_tokens": sum(entry.n_tokens for entry in entries)}
    with (
        Workspace(folders, state=work / "single", follow=False) as single,
        one_server(folders, work / "single", 18_768),
        connected("local", n_cpus=20) as ray,
    ):
        for n_groups, n_replicas in ((4, 1), (1, 1), (4, 2)):
            begin(ray, work, entries, n_groups=n_groups, port=18_767, n_replicas=n_replicas)
            workspace = ClusterWorkspace(join(ray, QuestionLimits(60.0)))
            ask = {
                "one_process": lambda query: single.among().find(query, 10, encode_seconds=0.0),
                "one_process_http": Http(18_768),
                "behind_serve": lambda query, w=workspace: w.among().find(query, 10),
                "behind_serve_http": Http(18_767),
            }
            for each in ask.values():
                for query in QUESTIONS:
                    each(query)
            seconds: dict[str, list[float]] = {name: [] for name in ask}
            cpu = dict.fromkeys(ask, 0.0)
            for number in range(n_rounds):
                for name, each in ask.items():
                    before = cpu_seconds()
                    for query in QUESTIONS:
                        started = time.perf_counter()
                        each(f"{query} {number}")
                        seconds[name].append(time.perf_counter() - started)
                    cpu[name] += cpu_seconds() - before
            own: dict[str, Any] = {name: percentiles(values) for name, values in seconds.items()}
            for name, spent in cpu.items():
                own[name]["cpu_ms"] = round(1000 * spent / len(seconds[name]), 1)
            own["p50_more_ms"] = {
                f"{name} than {least}": round(own[name]["p50_ms"] - own[least]["p50_ms"], 1)
                for name, least in (
                    ("behind_serve", "one_process"),
                    ("behind_serve_http", "one_process_http"),
                    ("behind_serve_http", "one_process"),
                )
            }
            if n_groups > 1:
                own["questions_per_second_of_8_clients"] = throughput(ask["behind_serve_http"])
            found[f"groups_{n_groups}_replicas_{n_replicas}"] = own
            print(json.dumps({f"{n_groups} groups, {n_replicas} replicas": own}), file=sys.stderr, flush=True)
            ray.serve.shutdown()
    return found


@contextmanager
def one_server(folders: Sequence[Path], state: Path, port: int) -> Iterator[None]:
    """`codesearch serve` over the same folders' indexes."""
    serve = [sys.executable, "-c", "from codesearch.cli.main import main; main()", "serve", "--no-watch"]
    where = ["--state", str(state), "--socket", str(state / "detour.sock"), "--port", str(port)]
    server = subprocess.Popen([*serve, *where, *map(str, folders)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(30)


class Http:
    """Questions over a connection that each thread keeps."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = threading.local()

    def __call__(self, query: str) -> None:
        """Ask one, and read the answer."""
        connection = vars(self._own).setdefault(
            "connection", http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        )
        body = json.dumps({"query": query, "repositories": ["*"], "k": 10})
        connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content)


def cpu_seconds() -> float:
    """Of this process and all that it started, to a hundredth; what ended since is not counted."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    cut = statistics.quantiles(seconds, n=20)
    return {"p50_ms": round(1000 * cut[9], 1), "p95_ms": round(1000 * cut[18], 1), "n": len(seconds)}


def throughput(ask: Callable[[str], Any], n_clients: int = 8, seconds: float = 20.0) -> float:
    """Questions a second of clients that ask without a pause."""
    until, counts = time.monotonic() + seconds, [0] * n_clients

    def client(number: int) -> None:
        while time.monotonic() < until:
            ask(f"{QUESTIONS[counts[number] % len(QUESTIONS)]} {number}")
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(n_clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return round(sum(counts) / seconds, 1)


# --- prefilter and replay ------------------------------------------------------------------------


def measure_prefilter(work: Path) -> dict[str, Any]:
    """Of the first ten passages of all shards, how many come from the shards that would be asked."""
    names = [folder.name for folder in trees(work)]
    cluster = in_process(work, names)
    found = {}
    truth = {query: ClusterWorkspace(cluster).among().find(query, 10).passages for query in QUESTIONS}
    for n_asked in (4, 8, 16, 32):
        few = Cluster(cluster.carrier, cluster.layout, replace(cluster.limits, fan_out=n_asked))
        hit = first = n = 0
        for query, passages in truth.items():
            kept = {p.repository for p in ClusterWorkspace(few).among().find(query, 400).passages}
            hit += sum(p.repository in kept for p in passages)
            first += passages[0].repository in kept
            n += len(passages)
        found[f"asked_{n_asked}_of_{len(names)}"] = {
            "recall_at_10": round(hit / n, 3),
            "first": round(first / len(truth), 3),
        }
    return found


def measure_replay(work: Path, n_shards: int = 10_000) -> dict[str, Any]:
    """Recorded task times, drawn again to so many shards, on N nodes in the order of the job.

    A node has one actor that encodes and room for two tasks that read. The longest shard is begun first,
    and encoded once it was read, by the first actor that is free. Efficiency: the work over what N actors
    could have done until the last shard.
    """
    tasks = json.loads((work / "tasks.json").read_text(encoding="utf-8"))
    random = np.random.default_rng(0)
    found = {}
    for n in (len(tasks), n_shards):
        drawn = tasks if n == len(tasks) else [tasks[i] for i in random.integers(0, len(tasks), n)]
        ordered = sorted(drawn, key=lambda each: -each["n_tokens"])
        rows = {}
        for n_nodes in (1, 2, 4, 8, 16, 32, 64, 100):
            readers, actors = [0.0] * (2 * n_nodes), [0.0] * n_nodes
            end = 0.0
            ready = []
            for each in ordered:
                begun = heapq.heappop(readers)
                heapq.heappush(readers, begun + each["read_seconds"])
                ready.append((begun + each["read_seconds"], each["encode_seconds"]))
            for at, seconds in sorted(ready, key=lambda pair: pair[0]):
                begun = max(at, heapq.heappop(actors))
                heapq.heappush(actors, begun + seconds)
                end = max(end, begun + seconds)
            work_seconds = sum(each["encode_seconds"] for each in drawn)
            rows[n_nodes] = {"seconds": round(end, 1), "efficiency": round(work_seconds / (n_nodes * end), 3)}
        found[f"{n}_shards"] = rows
    return found


def main() -> None:
    """Run one of the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "build": measure_build,
        "kill-builds": kill_builds,
        "kill-searches": kill_searches,
        "detour": measure_detour,
        "prefilter": measure_prefilter,
        "replay": measure_replay,
    }
    parser.add_argument("part", choices=parts)
    parser.add_argument("work", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    print(json.dumps(parts[given.part](given.work.resolve()), indent=2))


if __name__ == "__main__":
    main()
