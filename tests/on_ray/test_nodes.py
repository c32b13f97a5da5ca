"""Machines that go: a build goes on without one, and nothing that was finished is done again."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from indexer.cluster.catalogue import read_catalogue, shards_to_serve
from indexer.cluster.indexing import Job, Pool, index_catalogue
from indexer.cluster.planning import Limits
from indexer.cluster.shard_build import Workplace
from indexer.cluster.store import SHARDS, open_store
from indexer.settings import BuildSettings


@contextmanager
def three_nodes():
    """Ray's own test cluster; the first node is the driver's and is never killed."""
    import ray
    from ray.cluster_utils import Cluster

    size = {"object_store_memory": 150_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **size})
    try:
        others = [cluster.add_node(num_cpus=2, object_store_memory=150_000_000) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes()
        yield ray, cluster, others
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def at(tmp_path):
    return Workplace(open_store(str(tmp_path / "store")), BuildSettings(), "0", str(tmp_path))


def test_a_node_that_dies_in_a_build_costs_what_it_was_doing(write_catalogue, at, monkeypatch):
    catalogue = write_catalogue("task_queue", "billing", "key_store")
    job = Job(catalogue, at, Pool(2, 1), Limits(shared_tokens=0))
    finished = {}
    with three_nodes() as (ray, cluster, others):
        killed = threading.Event()

        def kill_after_the_first(progress):
            if progress.n_done and not killed.is_set():
                killed.set()
                for path in (at.store._folder / SHARDS).glob("*.json"):
                    finished[path.name] = path.read_bytes()
                cluster.remove_node(others[0], allow_graceful=False)

        report = index_catalogue(ray, job, kill_after_the_first)
    assert killed.is_set()
    assert not report.failures
    shards = shards_to_serve(read_catalogue(catalogue))
    assert len(shards) == 3
    assert all(at.store.has(SHARDS, each.digest, each.sha256) for each in shards)
    # What was there when the node went is what is there now: nobody did it again.
    for name, content in finished.items():
        assert (at.store._folder / SHARDS / name).read_bytes() == content
    assert len(list((at.store._folder / SHARDS).glob("*.tar"))) == 3
