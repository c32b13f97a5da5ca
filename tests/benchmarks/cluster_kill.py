"""Machines that go, for `cluster.py`: a node killed in the middle of a build, and of a search."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cluster_work import (
    ONE_EACH,
    QUESTIONS,
    add_node,
    begin,
    catalogue_of,
    nodes,
    patiently,
    trees,
    workplace,
)

from codesearch import Workspace
from codesearch.cluster_workspace import ClusterWorkspace
from indexer.cluster.catalogue import read_catalogue, shards_to_serve
from indexer.cluster.indexing import Job, Pool, index_catalogue
from indexer.cluster.job_progress import JobProgress
from indexer.cluster.layout import Cluster
from indexer.cluster.layout import Limits as QuestionLimits
from indexer.cluster.serving import join
from indexer.cluster.store import SHARDS

_UNHARMED_SECONDS = 20.0


def kill_builds(work: Path, n_times: int = 10) -> dict[str, Any]:
    """A node killed in the middle of a build of every package, each cut to its smallest modules."""
    folders = cut(work)
    rows = []
    with nodes(1, 2, 2) as (ray, cluster, others):
        for number in range(n_times):
            shutil.rmtree(work / "store-kill", ignore_errors=True)
            path = catalogue_of(work, folders, "catalogue-kill")
            at = workplace(work, "store-kill")
            before: dict[str, bytes] = {}
            killing = partial(
                kill_at, work, 3 + 3 * number, before, partial(cluster.remove_node, others[number % 2], False)
            )
            started = time.monotonic()
            report = index_catalogue(ray, Job(path, at, Pool(2, 1), ONE_EACH), killing)
            seconds = time.monotonic() - started
            after = notes_of(work)
            served = shards_to_serve(read_catalogue(path))
            rows.append(
                {
                    "killed_after_shards": len(before),
                    "failures": len(report.failures),
                    "n_shards": len(after),
                    "n_whole": sum(at.store.has(SHARDS, each.digest, each.sha256) for each in served),
                    "n_kept": sum(after[name] == content for name, content in before.items()),
                    "n_encoded_twice": len(list((work / "store-kill" / SHARDS).glob("*.tar"))) - len(after),
                    "seconds": round(seconds, 1),
                }
            )
            print(json.dumps({"build": rows[-1]}), file=sys.stderr, flush=True)
            others[number % 2] = add_node(cluster, 2)
    return {"builds": rows}


def kill_at(
    work: Path, n_shards: int, before: dict[str, bytes], kill: Callable[[], object], progress: JobProgress
) -> None:
    """Kill once so many shards are finished, and keep what was noted of those that are."""
    if progress.n_done >= n_shards and not before:
        before |= notes_of(work)
        kill()


def notes_of(work: Path) -> dict[str, bytes]:
    """What is noted of each finished shard."""
    return {note.name: note.read_bytes() for note in (work / "store-kill" / SHARDS).glob("*.json")}


def cut(work: Path, n_bytes: int = 4_000) -> list[Path]:
    """The packages, of each its smallest modules of some hundred bytes or more."""
    base = work / "cut"
    for folder in trees(work):
        left = n_bytes
        for path in sorted(folder.rglob("*.py"), key=lambda path: path.stat().st_size):
            size = path.stat().st_size
            if size >= 400 and (left == n_bytes or size <= left):
                left -= size
                target = base / path.relative_to(folder.parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    return sorted(base.iterdir())


def kill_searches(work: Path, n_times: int = 10) -> dict[str, Any]:
    """A node with a group of shards killed while all that `kill_builds` left is asked without a pause."""
    rows = []
    entries = read_catalogue(work / "catalogue-kill.jsonl")
    with nodes(2, 2, 2) as (ray, cluster, others):
        patiently(lambda: begin(ray, work, entries, n_groups=3, port=18_766, store="store-kill"))
        joined = join(ray, QuestionLimits(5.0))
        for number in range(n_times):
            asking = Asking(ClusterWorkspace(joined), QUESTIONS[number])
            homes = homes_of(ray, joined)
            (victim, *_) = [node for node in others if node.node_id in homes.values()]
            asking.start()
            time.sleep(0.5 + 0.1 * number)
            killed = time.monotonic()
            cluster.remove_node(victim, allow_graceful=False)
            others[others.index(victim)] = add_node(cluster, 2)
            asking.end(killed)
            kinds = [kind for moment, kind in asking.answers if moment > killed]
            rows.append(
                {
                    "lost": [name[:17] for name, home in homes.items() if home == victim.node_id],
                    "whole_after_seconds": round(asking.whole_at - killed, 1),
                    "answers": Counter(kinds),
                    "errors": sorted(set(asking.errors)),
                }
            )
            print(json.dumps({"search": rows[-1]}), file=sys.stderr, flush=True)
        ray.serve.shutdown()
    return {"searches": rows}


def homes_of(ray: Any, cluster: Cluster) -> dict[str, str]:
    """The node of each worker."""
    known = cluster.carrier._workers._known  # type: ignore[attr-defined]
    where = lambda worker: ray.get_runtime_context().get_node_id()  # noqa: E731
    return {
        name: ray.get(each.actor.__ray_call__.remote(where)) for name, own in known.items() for each in own
    }


class Asking(threading.Thread):
    """Asks one question without a pause, and notes what becomes of it."""

    def __init__(self, workspace: Workspace, query: str) -> None:
        super().__init__(daemon=True)
        self._workspace, self._query = workspace, query
        self._whole = told(workspace, query)
        self._ended = threading.Event()
        self.answers: list[tuple[float, str]] = []
        self.errors: list[str] = []
        self.whole_at = float("nan")

    def run(self) -> None:
        """Ask until the end."""
        while not self._ended.is_set():
            try:
                found = self._workspace.among().find(self._query, 10)
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}"[:120])
                self.answers.append((time.monotonic(), "error"))
                continue
            is_whole = [(p.full_path, p.score) for p in found.passages] == self._whole
            kind = "whole" if is_whole else "wrong, unsaid"
            kind = "partial and said" if any("did not answer" in note for note in found.notes) else kind
            self.answers.append((time.monotonic(), kind))

    def end(self, killed: float, seconds: float = 150.0) -> None:
        """Wait until answers were not whole and ten are again, or until all were for long; end."""
        while time.monotonic() - killed < seconds:
            time.sleep(0.2)
            after = [each for each in list(self.answers) if each[0] > killed]
            was_partial = any(kind != "whole" for _, kind in after)
            if not was_partial and time.monotonic() - killed > _UNHARMED_SECONDS:
                self.whole_at = killed  # an encoder went, which whoever asks does without
                break
            if was_partial and len(after) > 10 and all(kind == "whole" for _, kind in after[-10:]):
                self.whole_at = after[-10][0]
                break
        self._ended.set()
        self.join()


def told(workspace: Workspace, query: str) -> list[tuple[str, float]]:
    """What is compared of an answer."""
    return [(p.full_path, p.score) for p in workspace.among().find(query, 10).passages]
