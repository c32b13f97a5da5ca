"""The repositories of a cluster as a workspace: the same questions, the same answers, nothing open here."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from codesearch.answers import answering
from codesearch.answers.answering import Question
from codesearch.answers.counting import Tokenizer, counter_for
from codesearch.answers.findings import Findings, IndexState
from codesearch.answers.passages import Drafts
from codesearch.answers.seen import Seen
from codesearch.api import LOOK_SECONDS, CodeIndex
from codesearch.asking import Asking
from codesearch.request import check_budget, check_k, check_offset, own_globs, within_folder
from codesearch.workspace import Selection, Workspace
from indexer.cluster.cluster_search import RemoteTogether
from indexer.cluster.layout import Cluster, Piece
from indexer.cluster.remote_repository import RemoteSearcher
from indexer.errors import InputError
from indexer.records import ProgressCallback, SearchRequest
from indexer.search_defaults import DEFAULT_K

if TYPE_CHECKING:
    from indexer.cluster.shard_answers import ShardFacts
    from indexer.search import Searcher


class ClusterWorkspace(Workspace):
    """The repositories of a catalogue that a cluster serves, by their names. Threads may share it."""

    def __init__(self, cluster: Cluster, leave: Any = None) -> None:
        """`leave` is called at the end, where there is something to be left."""
        self.cluster = cluster
        self.state = None
        self._leave = leave
        self._sessions = OrderedDict()
        self._lock = threading.Lock()
        self.roots = {name: Path("/") / name for name in self.cluster.layout.repositories}

    @property
    def n_open(self) -> int:
        """Shards that are open in the cluster."""
        return len(self.cluster.layout.facts)

    def is_indexed(self, name: str) -> bool:
        """Yes: the others are not in the layout."""
        return name in self.roots

    @contextmanager
    def opened(self, name: str | None = None, look_seconds: float = LOOK_SECONDS) -> Iterator[CodeIndex]:
        """One repository. Raises InputError for an unknown name."""
        yield ClusterIndex(self.cluster, self.name_of(name))

    def among(self, names: Sequence[str] = (), *, below: bool = False) -> Selection:
        """Some of the repositories, all for none named, asked as one. Raises InputError."""
        chosen = tuple(dict.fromkeys(map(self.name_of, names))) or self.names
        return cast(Selection, ClusterSelection(self.cluster, chosen))

    def build(self, name: str | None = None, progress: ProgressCallback | None = None) -> str:
        """Raises InputError: `codesearch cluster index` builds."""
        raise InputError("Repositories of a cluster are built by `codesearch cluster index`.")

    def close(self) -> None:
        """Leave the cluster, if it was joined for this."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class ClusterSelection(Asking):
    """Some repositories of a cluster, asked as one."""

    def __init__(self, cluster: Cluster, names: Sequence[str]) -> None:
        self._cluster = cluster
        self.names = tuple(names)

    @contextmanager
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> Iterator[Question]:
        together = RemoteTogether(self._cluster, self.names, narrowed)
        yield _question(together, request, _state_of(self._cluster, self.names), seen)


class ClusterIndex(CodeIndex):
    """One repository of a cluster."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        searcher = RemoteSearcher(cluster, name)
        super().__init__(searcher.root, cast("Searcher", searcher))
        self._cluster = cluster
        self._name = name
        self._lock = nullcontext()  # type: ignore[assignment] # nothing is open here that could be in use

    @contextmanager
    def _question(self, request: SearchRequest, seen: Seen | None = None) -> Iterator[Question]:
        together = RemoteTogether(self._cluster, [self._name], narrowed)
        yield _question(together, request, self.state(0.0), seen)

    def state(self, look_seconds: float = LOOK_SECONDS) -> IndexState:
        """What the catalogue says; no disk is looked at."""
        return _state_of(self._cluster, [self._name])

    def similar(
        self,
        path: str,
        line: int | None = None,
        k: int = DEFAULT_K,
        budget_tokens: int | None = None,
        *,
        tokenizer: Tokenizer = None,
        seen: Seen | None = None,
        offset: int = 0,
    ) -> Findings:
        """As `CodeIndex.similar`, within the shard that holds the file."""
        check_budget(budget_tokens)
        place = self.place(path)
        where, line = place.path, place.start_line if line is None else line
        request = SearchRequest(where if line is None else f"{where}:{line}", check_k(k))
        together = RemoteTogether(self._cluster, [self._name], narrowed)
        question = _question(together, request, self.state(), seen)
        question.ask = lambda n_hits: together.similar(where, line, n_hits)
        return answering.find(question, counter_for(tokenizer), budget_tokens, check_offset(offset))


class _ClusterQuestion(Question):
    """A question whose answer says what is not in it."""

    def notes(self, drafts: Drafts) -> tuple[str, ...]:
        """As of any question, behind what is missing."""
        return (*cast(RemoteTogether, self.searcher).remarks(), *super().notes(drafts))


def open_cluster(address: str) -> ClusterWorkspace:
    """As `Workspace.open`."""
    scheme, _, where = address.partition("://")
    if scheme != "ray" or not where:
        raise InputError(
            f"{address!r} names no cluster; write ray://auto or ray://HOST:PORT, and give folders as a list."
        )
    from indexer.cluster.connection import connected
    from indexer.cluster.serving import join

    with ExitStack() as joined:
        ray = joined.enter_context(connected(where))
        return ClusterWorkspace(join(ray), joined.pop_all().close)


def _question(
    together: RemoteTogether, request: SearchRequest, state: IndexState, seen: Seen | None
) -> Question:
    sources = together.sources
    by_hit = {"": next(iter(sources.values()))} if together.is_one else sources
    return _ClusterQuestion(request, together, state, seen=seen, sources=by_hit)


def narrowed(facts: ShardFacts, pieces: Sequence[Piece], request: SearchRequest) -> SearchRequest:
    """The request for a shard: patterns below the folders of the repositories in it that are asked."""
    globs = own_globs(request.paths, Path("/"))
    if len(facts.repositories) > 1 and (globs or len(pieces) < len(facts.repositories)):
        globs = tuple(glob for piece in pieces for glob in within_folder(piece.prefix.rstrip("/"), globs))
    return replace(request, paths=globs)


def _state_of(cluster: Cluster, names: Sequence[str]) -> IndexState:
    layout = cluster.layout
    shards = {piece.shard for name in names for piece in layout.repositories.get(name, ())}
    facts = [layout.facts[name] for name in shards]
    n_chunks = sum(each.build.n_chunks for each in facts)
    return IndexState(
        commit=None,
        n_files=sum(each.build.n_files for each in facts),
        n_chunks=n_chunks,
        n_encoded=n_chunks,
        changed=(),
        added=(),
        deleted=(),
        n_skipped=sum(each.n_skipped for each in facts),
        complete=True,
    )
