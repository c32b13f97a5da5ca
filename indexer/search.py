"""Open indexes: one searched and read, or several asked as one.

What a search does, step by step, is in `search_steps.py`; what it works with in `open_generation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np

from indexer.closing import Closing
from indexer.disk.write_lock import has_writer
from indexer.errors import InputError
from indexer.languages import is_code
from indexer.open_generation import OpenGeneration
from indexer.records import Chunk, Hit, MissingVectors, Mode, OutlineEntry, SearchRequest, StaleFiles
from indexer.search_defaults import DEFAULT_K
from indexer.search_steps import SearchResult, SearchSteps
from indexer.settings import BuildSettings
from indexer.storage.database import StoreReader
from indexer.storage.facts import BuildFacts, build_facts
from indexer.storage.facts import recorded_settings as settings_of
from indexer.storage.generations import DATABASE, Pin, with_live
from indexer.storage.manifest import Manifest
from indexer.storage.status import IndexStatus, n_bytes_below, read_status
from indexer.tree.freshness import find_stale, stale_among
from indexer.wording import not_indexed

_SIMILAR_CHARS = 400_000
"""So much of a file is compared; what counts of it is chosen as of any long query."""


def text_not_here(path: str) -> str:
    """Why lines of a file cannot be shown."""
    return (
        f"The text of {path} is not here: the index was imported without texts, and this folder does not have"
        " the file as it was indexed."
    )


class Searcher(Closing):
    """One open generation of one index. Threads may share it; it never sees a later build."""

    def __init__(self, root: Path, state: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self.generation = OpenGeneration(root, state, manifest)
        self._steps = SearchSteps({"": self.generation})

    @classmethod
    def open(cls, root: Path, outside: Path | None = None) -> Self:
        """Open the live generation of a tree's index, which lies in the tree or in `outside`.

        Raises IndexMissingError, IndexMismatchError or IndexCorruptError, each saying what to do.
        """
        return with_live(root.resolve(), outside, cls)

    # --- searching ---------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request that was checked, as `codesearch.request` checks it.

        Raises InputError for a mode that the index's model does not serve.
        """
        return self._steps.search(request)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit of a result with its matches: which words of the code answer which of the query."""
        return self.generation.explain(result.query, result.vectors, hit)

    def missing(self) -> MissingVectors | None:
        """What has no vectors yet; None where everything has that is to have some."""
        return self.generation.missing()

    def similar(
        self, path: str, line: int | None, k: int = DEFAULT_K, encode_seconds: float = 0.0
    ) -> SearchResult:
        """Code like a file, or like the innermost span around one of its lines, that itself left out.

        Raises InputError for a path that is not indexed or a line it does not have.
        """
        from indexer.retrieve.around_line import around_line
        from indexer.retrieve.boilerplate import without_boilerplate

        chunks = self.generation.store.file_chunks(path)
        if not chunks:
            is_folder = not path or any(other.startswith(f"{path}/") for other in self.paths())
            advice = f"{path or '.'} is a folder; name a file of it, or a line as FILE:LINE."
            raise InputError(advice if is_folder else not_indexed(path))
        if not chunks[0].has_text:
            raise InputError(text_not_here(path))
        text = "".join(chunk.text for chunk in chunks)
        start, end = (0, len(text)) if line is None else around_line(path, chunks, text, line)
        own_text = without_boilerplate(text[start:end], is_code=is_code(chunks[0].language))
        query = own_text[:_SIMILAR_CHARS].strip() or path
        n_own = self._n_regions(chunks, start, end)
        result = self.search(SearchRequest(query, k, Mode.HYBRID, encode_seconds=encode_seconds))
        own = {chunk.chunk_id for chunk in chunks}

        def first(n: int) -> tuple[Hit, ...]:
            others = (
                hit
                for hit in result.first(n + n_own)
                if hit.chunk_id not in own or hit.end_char <= start or hit.start_char >= end
            )
            return tuple(islice(others, n))

        return replace(result, hits=first(k), first=first)

    def _n_regions(self, chunks: list[Chunk], start: int, end: int) -> int:
        """How many regions of a file's chunks show a part of these of its characters."""
        tables, n = self.generation.tables, 0
        for chunk in chunks:
            position = int(tables.position(np.array([chunk.chunk_id]))[0])
            regions = tables.regions[tables.region_start[position] : tables.region_start[position + 1]]
            first, last = start - chunk.start_char, end - chunk.start_char
            n += int(((regions[:, 0] < last) & (regions[:, 1] > first)).sum())
        return n

    # --- reading -----------------------------------------------------------------------------

    def chunk(self, chunk_id: int) -> Chunk:
        """A chunk with its text and spans; the last few are remembered, for a generation never changes."""
        return self.generation.chunk(chunk_id)

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, or None; where it is not at hand, its lines without their letters."""
        return self.generation.store.file_text(path)

    def has_text(self, path: str) -> bool:
        """Whether the text of an indexed file is at hand: not in an index that was imported without texts,
        where the tree has another file."""
        return self.generation.store.has_text(path)

    def paths(self) -> tuple[str, ...]:
        """Every indexed file."""
        return tuple(row[0] for row in self.generation.store.query("SELECT path FROM files ORDER BY path"))

    def outline(self, path_prefix: str = "") -> tuple[OutlineEntry, ...]:
        """Symbols and headings of a file, or of all files below a folder, in file order."""
        return self.generation.store.outline(path_prefix.rstrip("/"))

    @cached_property
    def settings(self) -> BuildSettings:
        """The settings that the index was built with."""
        return settings_of(self.manifest, self.generation.store.facts())

    @cached_property
    def facts(self) -> BuildFacts:
        """What the generation holds, as its build counted it. Raises IndexCorruptError where that is lost."""
        return build_facts(self.generation.store.facts())

    @property
    def n_encoded(self) -> int:
        """Chunks that have the vectors they are to have, those that searches have stored among them."""
        return self.generation.n_encoded

    @property
    def lacks_vectors(self) -> bool:
        """Whether a build is still to publish vectors, be they stored already or not."""
        return self.generation.lacks_vectors

    @property
    def is_being_written(self) -> bool:
        """Whether a process writes the index, as far as can be told without its lock."""
        return has_writer(self.generation.state)

    @cached_property
    def n_skipped(self) -> int:
        """Files that are not indexed."""
        ((n,),) = self.generation.store.query("SELECT count(*) FROM skipped")
        return int(n)

    def freshness(self, budget_seconds: float = 0.5) -> StaleFiles:
        """What changed on disk since the build, as far as the time budget allows to look."""
        return find_stale(
            self.root,
            self.generation.store.files(),
            self.generation.store.skipped(),
            self.facts.built_at_ns,
            budget_seconds,
            self.settings.walk,
        )

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of a few indexed paths whose file is not what was indexed, as the disk is now."""
        wanted = sorted(set(paths))
        rows = self.generation.store.files(wanted) if wanted else {}
        return stale_among(self.root, rows, self.facts.built_at_ns, wanted)

    def status(self, budget_seconds: float = 5.0) -> IndexStatus:
        """Everything known of this index; looks at the disk for so long, and at every file of the index."""
        return read_status(
            self.root,
            self.manifest,
            self.generation.store,
            n_encoded=self.n_encoded,
            n_rows=self.generation.n_rows,
            n_bytes_on_disk=n_bytes_below(self.generation.state),
            stale=self.freshness(budget_seconds),
        )

    def close(self) -> None:
        """Release the database and the generation."""
        self.generation.close()


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


def recorded_settings(root: Path, outside: Path | None = None) -> BuildSettings:
    """The settings that the index of a tree was built with; reads its manifest and a few facts alone.

    Raises IndexMissingError, IndexMismatchError or IndexCorruptError, each saying what to do.
    """

    def read(root: Path, state: Path, manifest: Manifest) -> BuildSettings:
        pinned = Pin(root, state, manifest)
        with pinned as pin, closing(StoreReader(pin.folder / DATABASE)) as store:
            return settings_of(manifest, store.facts())

    return with_live(root.resolve(), outside, read)
