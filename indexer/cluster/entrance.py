"""The deployment that HTTP comes to: an ASGI application over the cluster, ranking once a question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from indexer.cluster.connection import ClusterError
from indexer.cluster.layout import Cluster, Layout, Limits
from indexer.cluster.remote_shards import GroupGoneError
from indexer.cluster.shard_answers import Refused, ShardFacts
from indexer.cluster.workers import Workers
from indexer.errors import CodesearchError
from indexer.light_dataclasses import dataclass
from indexer.open_model import OpenModel, open_model
from indexer.records import QueryVectors

LOOK_SECONDS = 60.0
_HERE_SECONDS = 5.0
"""For so long queries are encoded here once their encoder did not answer."""
_ENCODER_SHARE = 0.2
"""Of a question's time: it takes milliseconds, or whoever does it is gone."""

AppBuilder = Callable[[Cluster], Any]
"""Makes an ASGI application over a cluster. It travels to the entrance, and what it imports must be there."""


@dataclass(frozen=True, slots=True)
class EncoderName:
    """Who encodes queries, and with what."""

    group: str
    """Of workers."""
    model: str
    fingerprint: str


class RayCarrier:
    """Calls to groups of shards, and to whoever encodes queries."""

    def __init__(self, ray: Any, encoder: EncoderName) -> None:
        self._workers = Workers(ray)
        self._encoder = encoder
        self._here_until = 0.0

    def begin(self, group: str, method: str, arguments: Sequence[Any]) -> Callable[[float], Any]:
        """As of `Carrier`."""
        return self._workers.begin(group, method, arguments)

    def encode(self, text: str, seconds: float) -> QueryVectors:
        """As of `Carrier`; here, where the one that is to do it is gone."""
        here = self._here
        if here is not None and time.monotonic() < self._here_until:
            return here.query_encoder.encode(text)
        begun = self._workers.begin(self._encoder.group, "encode", (text,))
        try:
            vectors: QueryVectors | Refused = begun(seconds * _ENCODER_SHARE)
        except GroupGoneError as error:
            if here is None:
                raise ClusterError("The encoder of queries does not answer", "ask again later.") from error
            self._here_until = time.monotonic() + _HERE_SECONDS
            return here.query_encoder.encode(text)
        if isinstance(vectors, Refused):
            raise vectors.error
        return vectors

    @cached_property
    def _here(self) -> OpenModel | None:
        """The model, held for as long as questions are asked: each needs its tokenizer."""
        with suppress(CodesearchError):  # it need not be installed where questions come from
            return open_model(self._encoder.model, self._encoder.fingerprint)
        return None


def layout_of(
    carrier: RayCarrier, groups: Sequence[str], shards: Sequence[str], seconds: float = LOOK_SECONDS
) -> Layout:
    """What groups say that they hold, in the order of `shards`. Raises GroupGoneError."""
    until = time.monotonic() + seconds
    waits = {group: carrier.begin(group, "facts", ()) for group in groups}
    facts: dict[str, ShardFacts] = {}
    group_of: dict[str, str] = {}
    for group, wait in waits.items():
        for each in wait(max(0.001, until - time.monotonic())):
            facts[each.name], group_of[each.name] = each, group
    return Layout.of([facts[name] for name in shards if name in facts], group_of)


class Entrance:
    """Takes HTTP, ranks, and asks the groups that its configuration names."""

    def __init__(self, app: AppBuilder, limits: Limits) -> None:
        self._limits = limits
        self._app = app
        self._living: _Living | None = None
        self._config: dict[str, Any] = {}

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Take up a catalogue: its groups, its shards in order, and who encodes for them."""
        import ray

        carrier = RayCarrier(ray, EncoderName(**config["encoder"]))
        layout = await asyncio.to_thread(layout_of, carrier, config["groups"], config["shards"])
        living = _Living(self._app(Cluster(carrier, layout, self._limits)))
        await living.start()
        self._living, self._config = living, config

    def config(self) -> dict[str, Any]:
        """The catalogue that was taken up, for whoever joins."""
        return self._config

    def __serve_build_asgi_app__(self) -> Any:
        async def newest(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await _accept_lifespan(receive, send)
            elif self._living is not None:
                await self._living.app(scope, receive, send)

        return newest


class _Living:
    """An ASGI application that was started up; it ends with its process."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Have it start up. Raises RuntimeError where it does not."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self.app(scope, self._events.get, self._said.put))
        await self._events.put({"type": "lifespan.startup"})
        said = await self._said.get()
        if said["type"] != "lifespan.startup.complete":
            raise RuntimeError(said.get("message", "the application did not start"))


async def _accept_lifespan(receive: Any, send: Any) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
