"""Several open indexes, asked as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from indexer.records import Hit, SearchRequest
from indexer.search import Searcher
from indexer.search_steps import SearchResult, SearchSteps


class Together:
    """Open indexes by name, which stay the caller's to close."""

    def __init__(
        self,
        searchers: Mapping[str, Searcher],
        narrow: Callable[[str, SearchRequest], SearchRequest] = lambda name, request: request,
    ) -> None:
        """`narrow` makes the request for one index, given its name, of the request for all."""
        self.searchers = dict(searchers)
        self._steps = SearchSteps({name: each.generation for name, each in searchers.items()}, narrow)

    @property
    def n_models(self) -> int:
        """Different models that the indexes were built with."""
        return self._steps.n_models

    def search(self, request: SearchRequest) -> SearchResult:
        """As `Searcher.search`, over all indexes; each hit names its `repository`."""
        return self._steps.search(request)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit of a result with its matches, as `Searcher.explain`."""
        searcher = self.searchers[hit.repository]
        if result.vectors is None and self.n_models > 1:
            vectors = searcher.generation.query_encoder.encode(result.query)
            result = replace(result, vectors=vectors)
        return searcher.explain(result, hit)

    def paths(self) -> tuple[str, ...]:
        """Every file of every index, relative to its own."""
        return tuple(path for searcher in self.searchers.values() for path in searcher.paths())
