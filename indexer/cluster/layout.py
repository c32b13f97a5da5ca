"""What a cluster serves: its shards, their groups, their repositories, and which groups are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from indexer.cluster.connection import ClusterError
from indexer.cluster.prefilter import Prefilter
from indexer.cluster.remote_shards import GroupGoneError, wait_all
from indexer.cluster.shard_answers import ShardFacts
from indexer.cluster.word_counts import WordCounts
from indexer.light_dataclasses import dataclass
from indexer.records import QueryVectors


class Carrier(Protocol):
    """Brings calls to groups of shards."""

    def begin(self, group: str, method: str, arguments: Sequence[Any]) -> Callable[[float], Any]:
        """Send a call; what is returned waits so many seconds. It raises GroupGoneError."""
        ...

    def encode(self, text: str, seconds: float) -> QueryVectors:
        """The vectors of a query. Raises CodesearchError."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a question."""

    answer_seconds: float = 10.0
    fan_out: int = 64
    """Shards that it is put to; of more, the most promising ones."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a shard holds of a repository."""

    shard: str
    prefix: str
    """Of its paths there, with a slash; empty where it has the shard for itself."""
    number: int
    """Among the shards of the repository."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which shards there are, in which group each is, which repositories they hold. Replaced as a whole."""

    facts: Mapping[str, ShardFacts]
    """By shard, in the order of the catalogue."""
    group_of: Mapping[str, str]
    repositories: Mapping[str, tuple[Piece, ...]]
    prefilter: Prefilter
    counts: WordCounts

    @staticmethod
    def of(facts: Sequence[ShardFacts], group_of: Mapping[str, str]) -> Layout:
        """The layout of these shards."""
        pieces: dict[str, list[Piece]] = {}
        for each in facts:
            for repository in each.repositories:
                prefix = f"{repository}/" if len(each.repositories) > 1 else ""
                own = pieces.setdefault(repository, [])
                own.append(Piece(each.name, prefix, len(own)))
        return Layout(
            {each.name: each for each in facts},
            dict(group_of),
            {name: tuple(own) for name, own in pieces.items()},
            Prefilter(
                [each.name for each in facts],
                [each.sketch for each in facts],
                [each.centroid for each in facts],
            ),
            WordCounts([each.name for each in facts]),
        )


class Cluster:
    """The shards that can be asked, and which of their groups are gone. Threads may share it."""

    def __init__(
        self,
        carrier: Carrier,
        layout: Layout,
        limits: Limits | None = None,
        newest: Callable[[float], Layout | None] | None = None,
    ) -> None:
        """`newest` asks, for so many seconds, for the layout that is served now; it gives None for the same.

        None where this process ends with its own.
        """
        self.carrier = carrier
        self.layout = layout
        self.limits = limits or Limits()
        self._newest = newest
        self._gone: dict[str, float] = {}
        self._lock = threading.Lock()

    def gone(self) -> frozenset[str]:
        """Groups that did not answer; each is asked in the background whether it does again."""
        with self._lock:
            return frozenset(self._gone)

    def takes_up_another(self, seconds: float) -> bool:
        """Whether another catalogue is served by now, whose groups this goes on with; asks for so long."""
        if self._newest is None:
            return False
        try:
            layout = self._newest(seconds)
        except Exception:  # the entrance is gone too: then what is known is what there is
            return False
        if layout is not None:
            self.layout = layout
        return layout is not None

    def note_gone(self, groups: Iterable[str]) -> None:
        """Leave groups out until they answer."""
        for group in groups:
            with self._lock:
                is_new = group not in self._gone
                self._gone[group] = time.monotonic()
            if is_new:
                threading.Thread(target=self._watch, args=(group,), daemon=True).start()

    def _watch(self, group: str) -> None:
        while group in self.layout.group_of.values():
            try:
                self.carrier.begin(group, "ping", ())(5.0)
                break
            except GroupGoneError:
                time.sleep(0.5)
        with self._lock:
            self._gone.pop(group, None)

    def call(self, shard: str, method: str, *arguments: Any) -> Any:
        """What one shard says. Raises ClusterError where it does not answer, and what it refuses."""
        group = self.layout.group_of.get(shard)
        if group is None:
            raise ClusterError(f"The shard {shard} is not served any more", "ask again.")
        wait = partial(self.carrier.begin(group, method, (shard, *arguments)), self.limits.answer_seconds)
        try:
            return wait_all({group: wait})[group]
        except GroupGoneError:
            self.note_gone([group])
            raise ClusterError(f"The shard {shard} does not answer", "ask again later.") from None
