"""Who works for a deployment: an actor beside each of its replicas, which is called without Serve between.

Serve decides where replicas are, watches them and starts them again; a call through its handles passes a
router's loop, a replica's and a pool of threads, and takes three times as long as one of the actor itself. A
question is a few short calls to every group, so those go to the actors. They end with their replicas.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

NAMESPACE = "codesearch"
_N_AT_ONCE = 32
"""Calls that one worker works on."""
_QUIET_SECONDS = 1.0
"""Nobody asks a worker any more that was not called for so long."""


class Worker:
    """The actor: answers calls by the methods of one object, which it makes."""

    def __init__(self, make: bytes) -> None:
        from ray import cloudpickle

        from indexer.cluster.replica import answer

        self._answer = answer
        self._served = cloudpickle.loads(make)()
        self._called = time.monotonic()
        self._n_inside = 0
        self._lock = threading.Lock()

    def ask(self, method: str, arguments: Sequence[Any]) -> Any:
        """What the object says."""
        with self._lock:
            self._n_inside += 1
        try:
            return self._answer(self._served, method, arguments)
        finally:
            with self._lock:
                self._n_inside -= 1
                self._called = time.monotonic()

    def ready(self) -> None:
        """Answer, once it is made."""

    def is_quiet(self) -> bool:
        """Whether nobody asks any more."""
        return not self._n_inside and time.monotonic() - self._called > _QUIET_SECONDS


class Host:
    """The deployment: each replica has a worker on its machine."""

    def __init__(self, name: str, make: bytes) -> None:
        """`make` makes what answers; not read here, so that this process loads none of it."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = ray.get_runtime_context().get_node_id()
        actor = ray.remote(Worker).options(
            name=f"{name}/{uuid.uuid4().hex}",
            namespace=NAMESPACE,
            num_cpus=0,  # the replica has taken them, and computes nothing
            max_concurrency=_N_AT_ONCE,
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
        )
        self._worker = actor.remote(make)
        ray.get(self._worker.ready.remote())

    async def check_health(self) -> None:
        """Raises where the worker is gone."""
        await self._worker.ready.remote()

    async def __del__(self) -> None:
        """Let the worker finish what it was asked: Serve knows only of what goes through its handles."""
        with suppress(Exception):
            while not await self._worker.is_quiet.remote():
                await asyncio.sleep(_QUIET_SECONDS / 4)
