"""Calls to the workers of deployments (`hosts.py`) that are ready, by turns; to another where one went."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from indexer.cluster.hosts import NAMESPACE
from indexer.cluster.remote_shards import GroupGoneError
from indexer.light_dataclasses import dataclass

_FETCH_SECONDS = 1.0
"""For an answer that is there."""
_LOOK_SECONDS = 5.0
"""For so long it is not asked which workers there are, while those that are known answer."""
_LOOK_AGAIN_SECONDS = 0.25
"""The same where none is known."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A worker by its name."""

    name: str
    actor: Any


class Workers:
    """The workers of deployments, by the names these gave them. Threads may share it."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._known: dict[str, tuple[_Known, ...]] = {}
        self._begun: dict[str, tuple[_Known, Any]] = {}
        """By name: workers that were not heard of yet, and what they say once they are ready."""
        self._looked = -_LOOK_SECONDS
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    def begin(self, name: str, method: str, arguments: Sequence[Any]) -> Callable[[float], Any]:
        """Send a call to one worker; what is returned waits so many seconds. It raises GroupGoneError."""
        chosen = self._one_of(name)
        sent = None if chosen is None else chosen.actor.ask.remote(method, arguments)

        def wait(seconds: float) -> Any:
            until, worker, answer = time.monotonic() + seconds, chosen, sent
            while True:
                try:
                    if answer is None:
                        raise GroupGoneError([name])
                    left = until - time.monotonic()
                    if left <= 0 and not self._ray.wait([answer], timeout=0)[0]:
                        raise TimeoutError
                    # What is there counts, however long others were waited for before.
                    return self._ray.get(answer, timeout=max(_FETCH_SECONDS, left))
                except self._ray.exceptions.RayActorError as error:
                    # Another replica has the same shards.
                    self._forget(name, worker)
                    worker = self._ready(name)
                    if worker is None:
                        raise GroupGoneError([name]) from error
                    answer = worker.actor.ask.remote(method, arguments)
                except GroupGoneError:
                    raise
                except Exception as error:
                    self._forget(name, worker)
                    with suppress(Exception):
                        self._ray.cancel(answer)
                    raise GroupGoneError([name]) from error

        return wait

    def _one_of(self, name: str) -> _Known | None:
        """The next worker of a deployment, by turns; one that is not ready yet where there is no other."""
        own = self._known.get(name, ())
        since = time.monotonic() - self._looked
        # Whoever has a worker does not wait for the look of another.
        if since > (_LOOK_SECONDS if own else _LOOK_AGAIN_SECONDS) and self._looking.acquire(
            blocking=not own
        ):
            try:
                self._look()
            finally:
                self._looking.release()
        with self._lock:
            begun = next((each for each, _ in self._begun.values() if _owner(each.name) == name), None)
        return self._ready(name) or begun

    def _ready(self, name: str) -> _Known | None:
        """The next worker that said that it is ready."""
        with self._lock:
            own = self._known.get(name, ())
        return own[next(self._turn) % len(own)] if own else None

    def _forget(self, name: str, worker: _Known | None) -> None:
        """Leave a worker out until it says that it is ready."""
        with self._lock:
            self._known[name] = tuple(each for each in self._known.get(name, ()) if each != worker)

    def _look(self) -> None:
        """Ask which workers there are, and which of them are ready."""
        ray, self._looked = self._ray, time.monotonic()
        listed = ray.util.list_named_actors(all_namespaces=True)
        names = {each["name"] for each in listed if each["namespace"] == NAMESPACE}
        with self._lock:
            for owner, own in self._known.items():
                self._known[owner] = tuple(each for each in own if each.name in names)
            known = {each.name for own in self._known.values() for each in own}
            begun = {name: each for name, each in self._begun.items() if name in names}
        for name in names - known - begun.keys():
            with suppress(ValueError):  # it ended since
                actor = ray.get_actor(name, namespace=NAMESPACE)
                begun[name] = _Known(name, actor), actor.ready.remote()
        ready = []
        for name, (worker, said) in list(begun.items()):
            if ray.wait([said], timeout=0)[0]:
                del begun[name]
                with suppress(ray.exceptions.RayError):
                    ray.get(said)
                    ready.append(worker)
        with self._lock:
            self._begun = begun
            for worker in ready:
                owner = _owner(worker.name)
                self._known[owner] = (*self._known.get(owner, ()), worker)


def _owner(name: str) -> str:
    return name.rpartition("/")[0]
