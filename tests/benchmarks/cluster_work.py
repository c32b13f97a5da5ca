"""What the parts of `cluster.py` have in common: packages, their shards, nodes of Ray's test cluster."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from indexer.build import build
from indexer.cluster.catalogue import Entry, shards_to_serve, write_catalogue
from indexer.cluster.connection import import_ray
from indexer.cluster.layout import Limits as QuestionLimits
from indexer.cluster.planning import Limits, plan_shards, recipe_of, survey
from indexer.cluster.serving import Served, Serving, serve_catalogue
from indexer.cluster.shard_build import ShardEncoder, Workplace, read_shard
from indexer.cluster.store import open_store
from indexer.cluster.trees import Source
from indexer.models.checkpoint import open_checkpoint
from indexer.settings import BuildSettings

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A node that does not answer for five seconds is dead; Ray's own is fifteen, half of what is allowed.
os.environ["RAY_health_check_period_ms"] = "1000"  # noqa: SIM112 - Ray's own spelling
os.environ["RAY_health_check_failure_threshold"] = "5"  # noqa: SIM112
N_PACKAGES = 44
SMALLEST, LARGEST = 3_000, 90_000
"""Bytes of Python of a package that is taken."""
SETTINGS = BuildSettings()
ONE_EACH = Limits(shared_tokens=0)
QUESTIONS = (
    "parse a version string", "read a file without following links", "where is the cache cleared",
    "raise an error when the name is taken", "convert to bytes", "register a callback", "wait for a lock",
    "default encoding", "match a glob pattern", "hash of a file", "command line arguments",
    "how is a path joined",
    "retry after a timeout", "compile a regular expression", "serialise to JSON", "thread pool",
    "colour of the terminal", "open a socket", "iterate over a tree", "warn about deprecated arguments",
)  # fmt: skip


def trees(work: Path) -> list[Path]:
    """The Python of some packages that are installed here, copied once."""
    base = work / "trees"
    if not base.is_dir():
        sizes = {
            folder: sum(path.stat().st_size for path in folder.rglob("*.py"))
            for folder in sorted(Path(sysconfig.get_paths()["purelib"]).iterdir())
            if (folder / "__init__.py").is_file() and folder.name.replace("_", "").isalnum()
        }
        chosen = [
            folder for folder, size in sizes.items() if SMALLEST <= size <= LARGEST and folder.name[0] != "_"
        ]
        for folder in chosen[:N_PACKAGES]:
            for path in folder.rglob("*.py"):
                target = base / path.relative_to(folder.parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
    return sorted(base.iterdir())


def catalogue_of(work: Path, folders: Sequence[Path], name: str) -> Path:
    """A new catalogue of these folders."""
    path = work / f"{name}.jsonl"
    lines = [json.dumps({"repository": each.name, "folder": str(each)}) for each in folders]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def workplace(work: Path, store: str) -> Workplace:
    """A store below WORK."""
    return Workplace(open_store(str(work / store)), SETTINGS, "0", str(work))


def patiently(begin: Callable[[], Any], n_times: int = 5) -> Any:
    """What Ray begins; again where it gave up: a node gets half a minute, too little on a busy machine."""
    for _ in range(n_times - 1):
        with suppress(Exception):
            return begin()
    return begin()


def add_node(cluster: Any, n_cpus: int) -> Any:
    """One more node of Ray's test cluster."""
    return patiently(lambda: cluster.add_node(num_cpus=n_cpus, object_store_memory=150_000_000))


@contextmanager
def nodes(*n_cpus: int) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Ray, the test cluster, and its nodes but the first, which is the driver's."""
    ray = import_ray()
    from ray.cluster_utils import Cluster as RayCluster

    head = {"num_cpus": n_cpus[0], "object_store_memory": 150_000_000, "include_dashboard": False}
    cluster = patiently(lambda: RayCluster(initialize_head=True, head_node_args=head))
    try:
        others = [add_node(cluster, n) for n in n_cpus[1:]]
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        cluster.wait_for_nodes()
        yield ray, cluster, others
    finally:
        ray.shutdown()
        cluster.shutdown()


def four_shards(work: Path) -> Path:
    """A catalogue of four packages, built here where it is not, and the same as one machine has them."""
    path = work / "catalogue-four.jsonl"
    if not path.is_file():
        folders = trees(work)[:4]
        at = workplace(work, "store-four")
        at.store.check_writable()
        recipe, fingerprint = recipe_of(SETTINGS), open_checkpoint(SETTINGS.model).fingerprint
        encoder, entries = ShardEncoder(at), []
        for folder in folders:
            seen = survey(Source(folder.name, str(folder)), work, SETTINGS, ONE_EACH)
            (plan,) = plan_shards([seen], recipe, [], ONE_EACH)
            made = encoder.finish(plan, read_shard(plan, at))
            counts = made.n_files, made.n_chunks, made.n_tokens, made.n_bytes
            done = plan.name, made.digest, made.sha256
            entries.append(Entry(folder.name, str(folder), "", *done, *counts, SETTINGS.model, fingerprint))
            build(folder, SETTINGS, outside=work / "single")
        write_catalogue(path, entries)
    return path


def begin(
    ray: Any,
    work: Path,
    entries: Sequence[Entry],
    *,
    n_groups: int,
    port: int,
    n_replicas: int = 1,
    store: str = "store-four",
) -> None:
    """Serve entries whose shards a store of the workplace has: `four_shards` fills the one of four."""
    from codesearch.cli.cluster import application

    how = Serving(
        open_store(str(work / store)), work / "cache", n_groups, n_replicas, port=port,
        limits=QuestionLimits(60.0, 10_000),
    )  # fmt: skip
    app = partial(application, hosts=frozenset({"127.0.0.1"}), token=None, tokenizer=None)
    serve_catalogue(ray, Served(shards_to_serve(entries), entries[0].model, entries[0].fingerprint), how, app)
