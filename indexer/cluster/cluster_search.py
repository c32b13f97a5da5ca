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
from indexer.cluster.replica import AloneResult, Detail, Details, ShardFacts
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Hit, Mode, OutlineEntry, QueryVectors, SearchRequest
from indexer.retrieve.query_shape import query_shape
from indexer.search_steps import SearchResult, SearchSteps
from indexer.wording import counted

_PIECE_BITS = 40
"""A chunk of a repository in several shards is numbered by its shard above so many bits."""
_FIRST_SHARE = 0.6
"""Of a question's time a first try may take: a second one is without whoever was late."""
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
        self._explained: dict[tuple[str, int, int], Hit] = {}
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
            raise InputError(f"{path} is not in the index; `codesearch outline` lists what is.")

        def first(n: int) -> tuple[Hit, ...]:
            found: AloneResult = self._cluster.call(piece.shard, "similar", piece.prefix + path, line, n)
            return self._mapped(_named(found.hits, piece.shard), found.values)

        found: AloneResult = self._cluster.call(piece.shard, "similar", piece.prefix + path, line, k)
        hits = self._mapped(_named(found.hits, piece.shard), found.values)
        return SearchResult(hits, first, **found.values)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit with its matches, which came with it."""
        key = hit.repository, hit.chunk_id, hit.start_char
        return replace(self._explained.get(key, hit), score=hit.score, confidence=hit.confidence)

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
                if self._layout is not self._cluster.layout or self._cluster.takes_up_another():
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
        shards = {
            name: RemoteShard(self._layout.facts[name], self._layout.group_of[name], calls) for name in names
        }

        def narrow(name: str, asked: SearchRequest) -> SearchRequest:
            pieces = tuple(piece for _, piece in self._pieces[name])
            return self._narrow(self._layout.facts[name], pieces, asked)

        if len(names) == 1:  # one index by itself answers as where there is no other
            (name,) = names
            group, own = shards[name].group, narrow(name, request)

            def alone(n: int, begin: Callable[..., Wait]) -> AloneResult:
                wait = begin(group, "search_alone", (name, replace(own, k=n, encode_seconds=0.0)))
                answer: AloneResult = wait_all({group: wait})[group]
                return answer

            def first(n: int) -> tuple[Hit, ...]:
                found = alone(n, self._later().begin)
                return self._mapped(_named(found.hits, name), found.values)

            found = alone(request.k, calls.begin)
            return SearchResult(
                self._mapped(_named(found.hits, name), found.values, calls), first, **found.values
            )
        steps = SearchSteps(shards, narrow, RemoteFanOut(calls))  # type: ignore[arg-type]
        result = steps.search(replace(request, encode_seconds=0.0))
        values = {"query": result.query, "vectors": result.vectors}

        def more(n: int) -> tuple[Hit, ...]:
            later = self._later()
            for shard in shards.values():
                shard._calls = later
            steps._fan_out.calls = later  # type: ignore[attr-defined]
            return self._mapped(result.first(n), values)

        return replace(result, hits=self._mapped(result.hits, values, calls), first=more)

    def _later(self) -> _TimedCalls:
        """Calls for what is asked for behind a first answer."""
        return _TimedCalls(self._cluster.carrier, time.monotonic() + self._cluster.limits.answer_seconds)

    # --- hits of shards as hits of repositories ---------------------------------------------------

    def _mapped(
        self, hits: Sequence[Hit], values: Mapping[str, Any], calls: _TimedCalls | None = None
    ) -> tuple[Hit, ...]:
        """Hits as the repositories' own, with what passages are cut from at hand."""
        calls = calls or self._later()
        wanted: dict[str, dict[str, list[Hit]]] = {}
        for hit in hits:
            group = self._layout.group_of[hit.repository]
            wanted.setdefault(group, {}).setdefault(hit.repository, []).append(hit)
        asked = values["query"], values["vectors"]
        found = wait_all(
            {group: calls.begin(group, "details", (own, *asked)) for group, own in wanted.items()}
        )
        details: dict[str, Details] = {shard: each for own in found.values() for shard, each in own.items()}
        explained = {shard: iter(each.hits) for shard, each in details.items()}
        mapped = []
        for hit in hits:
            shard = hit.repository
            detail = details[shard].details[hit.chunk_id]
            name, piece = self._owner(shard, detail.chunk.path)
            chunk_id = piece.number << _PIECE_BITS | hit.chunk_id
            own = "" if self.is_one else name
            mapped.append(replace(hit, repository=own, chunk_id=chunk_id))
            with_matches = next(explained[shard])
            self._explained[own, chunk_id, hit.start_char] = replace(
                with_matches, repository=own, chunk_id=chunk_id
            )
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


def _named(hits: Sequence[Hit], shard: str) -> list[Hit]:
    return [replace(hit, repository=shard) for hit in hits]


def _without_prefix(detail: Detail, prefix: str) -> Detail:
    if not prefix:
        return detail
    chunk = replace(detail.chunk, path=detail.chunk.path.removeprefix(prefix))
    outlined = tuple(replace(e, path=e.path.removeprefix(prefix)) for e in detail.outline)
    return Detail(chunk, detail.text, outlined)
