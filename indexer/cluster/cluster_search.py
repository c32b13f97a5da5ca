"""A search of the shards of a cluster, by repository: who is asked, what comes of it, what is said of it.

A group that does not answer in time is left out, which the answer says, and the rest is searched as if there
were no others; it is asked again once it answers. Knows no Ray: a `Carrier` brings calls to groups.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from indexer.cluster.connection import ClusterError
from indexer.cluster.layout import Carrier, Cluster, Piece
from indexer.cluster.remote_repository import file_text, outline, paths
from indexer.cluster.remote_shards import GroupGoneError, RemoteFanOut, RemoteShard, Wait, wait_all
from indexer.cluster.shard_answers import Detail, FoundWithin, Narrowed, ShardFacts
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Hit, Mode, OutlineEntry, QueryVectors, SearchRequest
from indexer.retrieve.query_shape import query_shape
from indexer.search_steps import SearchResult, SearchSteps
from indexer.wording import counted, not_indexed

_PIECE_BITS = 40
"""A chunk of a repository in several shards is numbered by its shard above so many bits."""
_FIRST_SHARE = 0.6
"""Of a question's time a first try may take: a second one is without whoever was late."""
_LOOK = 0.2
"""Of the time left that may go into asking whether another catalogue is served."""
_NAMED = 5


@dataclass(slots=True)
class _TimedCalls:
    """Calls of one try, which share its time."""

    carrier: Carrier
    until: float

    def begin(self, group: str, method: str, arguments: Sequence[Any]) -> Wait:
        begun = self.carrier.begin(group, method, arguments)
        return lambda: begun(max(0.001, self.until - time.monotonic()))

    def encode(self, text: str) -> QueryVectors:
        return self.carrier.encode(text, max(0.001, self.until - time.monotonic()))


Narrow = Callable[[ShardFacts, tuple[Piece, ...], SearchRequest], SearchRequest]
"""The request for a shard, of which these pieces were asked for, of that for all."""


class RemoteTogether:
    """One question to some repositories: what ranks and explains it, and where its hits are read."""

    def __init__(self, cluster: Cluster, names: Sequence[str], narrow: Narrow) -> None:
        """Raises InputError for a repository that is not there."""
        self._cluster = cluster
        self._narrow = narrow
        self.names = tuple(names)
        self._layout = cluster.layout
        for name in names:
            if name not in self._layout.repositories:
                raise InputError(f"Unknown repository {name!r}; the catalogue has another name for it.")
        self._pieces = self._pieces_by_shard()
        """The repositories that are asked in each shard."""
        self.sources = {name: RepositorySource(self, name) for name in names}
        self.details: dict[tuple[str, int], Detail] = {}
        self.missing_shards: tuple[str, ...] = ()
        self.n_left_out = 0
        """Shards that the prefilter did not choose."""

    def _pieces_by_shard(self) -> dict[str, list[tuple[str, Piece]]]:
        pieces: dict[str, list[tuple[str, Piece]]] = {}
        for name in self.names:
            for piece in self._layout.repositories.get(name, ()):
                pieces.setdefault(piece.shard, []).append((name, piece))
        return pieces

    @property
    def is_one(self) -> bool:
        """Whether one repository is asked, whose hits name none."""
        return len(self.names) == 1

    def remarks(self) -> tuple[str, ...]:
        """What is to be said of the answer: which shards are not in it."""
        said = []
        if self.missing_shards:
            shown = ", ".join(self.missing_shards[:_NAMED])
            more = len(self.missing_shards) - _NAMED
            shown += f" and {more} more" if more > 0 else ""
            said.append(
                f"{counted(len(self.missing_shards), 'shard')} did not answer ({shown}): what they hold is"
                " not in this answer; ask again later."
            )
        if self.n_left_out:
            asked = len(self._pieces) - self.n_left_out
            said.append(
                f"Asked {asked:,} of {len(self._pieces):,} shards, those nearest to the question; name"
                " repositories to ask others."
            )
        return tuple(said)

    # --- what `codesearch.answers.answering.Ranker` wants ----------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """As `Searcher.search`. Raises ClusterError where no shard answers in time."""
        return self._tried(lambda shards, calls: self._searched(shards, request, calls), request)

    def similar(self, path: str, line: int | None, k: int) -> SearchResult:
        """As `Searcher.similar`, within the shard that holds the file."""
        (name,) = self.names
        for piece in self._layout.repositories[name]:
            if self._cluster.call(piece.shard, "file_text", piece.prefix + path) is not None:
                break
        else:
            raise InputError(not_indexed(path))

        def first(n: int) -> FoundWithin:
            found: FoundWithin = self._cluster.call(piece.shard, "similar", piece.prefix + path, line, n)
            return found

        found = first(k)
        return SearchResult(self._within(found), lambda n: self._within(first(n)), **found.values)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """The hit: its matches came with it."""
        return hit

    def paths(self) -> tuple[str, ...]:
        """Every file of the repositories that are asked, relative to its own."""
        return tuple(path for source in self.sources.values() for path in source.paths())

    # --- trying ----------------------------------------------------------------------------------

    def _tried(
        self, work: Callable[[list[str], _TimedCalls], SearchResult], request: SearchRequest
    ) -> SearchResult:
        started, seconds = time.monotonic(), self._cluster.limits.answer_seconds
        left_out = set(self._cluster.gone())
        share = _FIRST_SHARE
        while True:
            asked = [name for name in self._pieces if self._layout.group_of[name] not in left_out]
            if not asked or time.monotonic() - started > seconds:
                raise ClusterError("No shard answered in time", "ask again later.")
            calls = _TimedCalls(self._cluster.carrier, started + seconds * share)
            try:
                chosen = self._promising(asked, request, calls)
                result = work(chosen, calls)
            except GroupGoneError as error:
                left = started + seconds - time.monotonic()
                if self._layout is not self._cluster.layout or self._cluster.takes_up_another(left * _LOOK):
                    self._layout = self._cluster.layout
                    self._pieces = self._pieces_by_shard()
                    continue
                self._cluster.note_gone(error.groups)
                left_out |= set(error.groups)
                share = 1.0
                continue
            self.missing_shards = tuple(name for name in self._pieces if name not in asked)
            self.n_left_out = len(asked) - len(chosen)
            return result

    def _promising(self, asked: list[str], request: SearchRequest, calls: _TimedCalls) -> list[str]:
        if len(asked) <= self._cluster.limits.fan_out:
            return asked
        vectors = None if request.mode is Mode.LEXICAL else calls.encode(request.query)
        return self._layout.prefilter.choose(
            asked,
            query_shape(request.query, "").stems,
            None if vectors is None else vectors.single,
            self._cluster.limits.fan_out,
        )

    def _searched(self, names: Sequence[str], request: SearchRequest, calls: _TimedCalls) -> SearchResult:
        request = replace(request, encode_seconds=0.0)
        groups = {self._layout.group_of[name] for name in names}
        if len(groups) == 1:  # whoever has them all ranks them
            (group,) = groups
            return self._searched_within(group, names, request, calls)
        fan_out = RemoteFanOut(calls, self._layout.counts, request.query)
        shards = {
            name: RemoteShard(self._layout.facts[name], self._layout.group_of[name], fan_out)
            for name in names
        }
        steps = SearchSteps(shards, self._narrowed, fan_out)  # type: ignore[arg-type]
        result = steps.search(request)

        def more(n: int) -> tuple[Hit, ...]:
            fan_out.calls = self._later()
            hits = result.first(n)
            return self._mapped(hits, fan_out.shown)

        return replace(result, hits=self._mapped(result.hits, fan_out.shown), first=more)

    def _searched_within(
        self, group: str, names: Sequence[str], request: SearchRequest, calls: _TimedCalls
    ) -> SearchResult:
        shards = [Narrowed(name, self._narrowed(name, request)) for name in names]

        def first(n: int, calls: _TimedCalls) -> FoundWithin:
            wait = calls.begin(group, "search_within", (shards, replace(request, k=n)))
            found: FoundWithin = wait_all({group: wait})[group]
            return found

        found = first(request.k, calls)
        return SearchResult(
            self._within(found), lambda n: self._within(first(n, self._later())), **found.values
        )

    def _narrowed(self, name: str, request: SearchRequest) -> SearchRequest:
        pieces = tuple(piece for _, piece in self._pieces[name])
        return self._narrow(self._layout.facts[name], pieces, request)

    def _later(self) -> _TimedCalls:
        """Calls for what is asked for behind a first answer."""
        return _TimedCalls(self._cluster.carrier, time.monotonic() + self._cluster.limits.answer_seconds)

    # --- hits of shards as hits of repositories ---------------------------------------------------

    def _within(self, found: FoundWithin) -> tuple[Hit, ...]:
        details = {(shard, at): each for shard, own in found.details.items() for at, each in own.items()}
        return self._mapped(found.hits, details)

    def _mapped(self, hits: Sequence[Hit], details: Mapping[tuple[str, int], Detail]) -> tuple[Hit, ...]:
        """Hits of shards as the repositories' own, with what passages are cut from at hand."""
        mapped = []
        for hit in hits:
            detail = details[hit.repository, hit.chunk_id]
            name, piece = self._owner(hit.repository, detail.chunk.path)
            chunk_id = piece.number << _PIECE_BITS | hit.chunk_id
            mapped.append(replace(hit, repository="" if self.is_one else name, chunk_id=chunk_id))
            self.details[name, chunk_id] = _without_prefix(detail, piece.prefix)
        return tuple(mapped)

    def _owner(self, shard: str, path: str) -> tuple[str, Piece]:
        """The repository that a path of a shard belongs to."""
        own = [(name, piece) for name, piece in self._pieces[shard] if path.startswith(piece.prefix)]
        return max(own, key=lambda pair: len(pair[1].prefix))

    def call(self, shard: str, method: str, *arguments: Any) -> Any:
        """What one shard says."""
        return self._cluster.call(shard, method, *arguments)

    def pieces_of(self, name: str) -> tuple[Piece, ...]:
        """The shards of a repository."""
        return self._layout.repositories[name]


class RepositorySource:
    """Where hits of one repository are read: what came with them, else its shard is asked."""

    def __init__(self, together: RemoteTogether, name: str) -> None:
        self._together = together
        self._name = name

    def chunk(self, chunk_id: int) -> Chunk:
        """The chunk of a hit."""
        return self._together.details[self._name, chunk_id].chunk

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, or None."""
        for (name, _), detail in self._together.details.items():
            if name == self._name and detail.chunk.path == path:
                return detail.chunk.text if detail.text is None else detail.text
        return file_text(self._together.call, self._together.pieces_of(self._name), path)

    def outline(self, path_prefix: str) -> Sequence[OutlineEntry]:
        """Symbols of a file."""
        for (name, _), detail in self._together.details.items():
            if name == self._name and detail.chunk.path == path_prefix:
                return detail.outline
        return outline(self._together.call, self._together.pieces_of(self._name), path_prefix)

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        """None: shards are what the catalogue says."""
        return frozenset()

    def paths(self) -> tuple[str, ...]:
        """Every indexed file of the repository."""
        return paths(self._together.call, self._together.pieces_of(self._name))


def _without_prefix(detail: Detail, prefix: str) -> Detail:
    if not prefix:
        return detail
    chunk = replace(detail.chunk, path=detail.chunk.path.removeprefix(prefix))
    outlined = tuple(replace(e, path=e.path.removeprefix(prefix)) for e in detail.outline)
    return Detail(chunk, detail.text, outlined)
