"""A catalogue behind Ray Serve: an application a group of shards, one that encodes, one with the entrance.

    HTTP → entrance (ranks, once a question) → groups (shards memory-mapped on their machines)
                                             → encoder (queries to vectors)

Groups are named by what they hold, so that a new catalogue is taken up without a gap: groups that are new are
started, then an entrance that asks them, and only then those that nobody asks any more go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from indexer.cluster.catalogue import Shard
from indexer.cluster.connection import ClusterError
from indexer.cluster.entrance import LOOK_SECONDS, AppBuilder, EncoderName, Entrance, RayCarrier, layout_of
from indexer.cluster.hosts import Host
from indexer.cluster.layout import Cluster, Layout, Limits
from indexer.cluster.replica import OpenShards
from indexer.cluster.store import SHARDS, Store
from indexer.errors import IndexMismatchError, IndexMissingError, InputError
from indexer.light_dataclasses import dataclass
from indexer.open_model import open_model
from indexer.records import QueryVectors

APPLICATION = "codesearch"
_GROUP_PREFIX = "codesearch-shards-"
_ENCODER_PREFIX = "codesearch-encoder-"
_ENTRANCE = "Entrance"
_QUIET = {"enable_access_log": False, "log_level": "ERROR"}
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Serving:
    """How a catalogue is served."""

    store: Store
    cache: Path
    """On each machine: where shards are kept for the next start."""
    n_groups: int = 0
    """Of shards; 0: one a machine."""
    n_replicas: int = 1
    """Of each group."""
    host: str = "127.0.0.1"
    port: int = 8766
    n_cpus: float = 1.0
    """Of each replica."""
    limits: Limits = field(default_factory=Limits)
    cache_bytes: int = 100_000_000_000
    """Of the cache on each machine; what is served counts, and stays whatever it takes."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is to be served: a catalogue's shards, of one model."""

    shards: tuple[Shard, ...]
    model: str
    fingerprint: str


def serve_catalogue(ray: Any, served: Served, how: Serving, app: AppBuilder) -> None:
    """Serve a catalogue, or take it up in place of the one that is served.

    Raises IndexMissingError for shards that the store lacks, InputError for counts that are none,
    ClusterError where the cluster does not start them.
    """
    if how.n_replicas < 1 or how.n_groups < 0:
        raise InputError("--replicas is at least 1, and --groups is not below zero.")
    _check_store(served.shards, how.store)
    serve = ray.serve
    n_groups = how.n_groups or sum(1 for node in ray.nodes() if node["Alive"])
    groups = groups_of(served.shards, min(n_groups, len(served.shards)))
    with _as_sentence(ray):
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": how.host, "port": how.port},
            logging_config=_QUIET,
        )
        there = set(serve.status().applications)
        wanted: dict[str, tuple[int, Callable[[], Any]]] = {
            name: (how.n_replicas, partial(OpenShards, how.store, own, how.cache, how.cache_bytes))
            for name, own in groups.items()
        }
        encoder = f"{_ENCODER_PREFIX}{served.fingerprint[:16]}"
        wanted[encoder] = 1, partial(Encoder, served.model, served.fingerprint)
        # What is there goes on until what replaces it has started, and answers what it was asked.
        patient = {"graceful_shutdown_timeout_s": 2 * how.limits.answer_seconds}
        starting = [
            serve.RunTarget(
                _deployment(serve, Host, "Workers", how, num_replicas=n_replicas, **patient).bind(
                    name, ray.cloudpickle.dumps(make)
                ),
                name=name,
                route_prefix=None,
                logging_config=_QUIET,
            )
            for name, (n_replicas, make) in wanted.items()
            if name not in there
        ]
        if starting:
            serve.run_many(starting)  # all at once: each fetches and opens its shards
        config = {
            "groups": list(groups),
            "shards": [each.name for each in served.shards],
            "encoder": {"group": encoder, "model": served.model, "fingerprint": served.fingerprint},
        }
        door = serve.ingress()(Entrance)
        entrance = _deployment(
            serve, door, _ENTRANCE, how, user_config=config, max_surge_percent=100, **patient
        )
        bound = entrance.bind(app, how.limits)
        serve.run(bound, name=APPLICATION, route_prefix="/", logging_config=_QUIET)
        for name in there - wanted.keys():
            if name.startswith((_GROUP_PREFIX, _ENCODER_PREFIX)):
                serve.delete(name)


def join(ray: Any, limits: Limits | None = None) -> Cluster:
    """The catalogue that the cluster serves, which this process is connected to. Raises ClusterError."""
    try:
        entrance = ray.serve.get_deployment_handle(_ENTRANCE, app_name=APPLICATION)
        config = entrance.config.remote().result(timeout_s=LOOK_SECONDS)
        carrier = RayCarrier(ray, EncoderName(**config["encoder"]))

        known = list(config["groups"])

        def newest(seconds: float) -> Layout | None:
            now = entrance.config.remote().result(timeout_s=seconds)
            if now["groups"] == known:
                return None
            layout = layout_of(carrier, now["groups"], now["shards"], seconds)
            known[:] = now["groups"]
            return layout

        layout = layout_of(carrier, config["groups"], config["shards"])
    except Exception as error:
        raise ClusterError(
            f"The cluster serves no catalogue ({type(error).__name__})",
            "begin with `codesearch cluster serve`.",
        ) from error
    return Cluster(carrier, layout, limits, newest)


def groups_of(shards: Sequence[Shard], n_groups: int) -> dict[str, list[Shard]]:
    """Shards in groups of about as many tokens, by names that say what is in them."""
    members: list[list[Shard]] = [[] for _ in range(n_groups)]
    for shard in sorted(shards, key=lambda each: (-each.n_tokens, each.name)):
        min(members, key=lambda own: sum(each.n_tokens for each in own)).append(shard)
    named = {}
    for own in members:
        digest = hashlib.sha256(json.dumps([[each.name, each.sha256] for each in own]).encode())
        named[f"{_GROUP_PREFIX}{digest.hexdigest()[:16]}"] = own
    return named


class Encoder:
    """What encodes queries."""

    def __init__(self, name: str, fingerprint: str) -> None:
        model = open_model(name, fingerprint)
        if model is None:
            raise IndexMismatchError(
                f"The model {name} on this machine is another version than the shards were built with."
            )
        self._model = model
        self.encode("where to begin")

    def encode(self, text: str) -> QueryVectors:
        """The vectors of a query."""
        return self._model.query_encoder.encode(text)


def _deployment(serve: Any, kind: Any, name: str, how: Serving, **options: Any) -> Any:
    return serve.deployment(kind).options(
        name=name,
        ray_actor_options={"num_cpus": how.n_cpus},
        max_ongoing_requests=100,
        health_check_period_s=2.0,
        health_check_timeout_s=10.0,
        logging_config=_QUIET,
        **{"graceful_shutdown_timeout_s": 2.0, **options},
    )


def _check_store(shards: Sequence[Shard], store: Store) -> None:
    lost = [each.name for each in shards if not store.has(SHARDS, each.digest, each.sha256)]
    if lost:
        shown = ", ".join(lost[:_NAMED]) + (f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else "")
        raise IndexMissingError(
            f"The store {store.name} lacks {len(lost):,} of the {len(shards):,} shards that the"
            f" catalogue names ({shown})",
            "run `codesearch cluster index` again.",
        )


@contextmanager
def _as_sentence(ray: Any) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, TimeoutError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"The cluster does not start the shards ({' '.join(str(error).split())[:300]})",
            "Ray's logs say more.",
        ) from error
