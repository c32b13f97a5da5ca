"""THE READ PATH: a query becomes hits. The only place that composes the stages for reading.

    query → words, query vectors → candidates (lexical, single-vector) → MaxSim over their token rows
          → ranking → hits with evidence

Nothing here loads torch: queries are encoded in NumPy, so that a cold search is quick.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from indexer.embeddings.embedding_store import RowLayout, SegmentReader, row_layout
from indexer.encoders.query_encoder import QueryEncoder
from indexer.errors import IndexMismatchError, InputError
from indexer.languages import is_code
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import (
    Chunk,
    ComponentScores,
    Hit,
    Int64Array,
    MissingVectors,
    Mode,
    OutlineEntry,
    QueryUsed,
    QueryVectors,
    SearchRequest,
    StaleFiles,
)
from indexer.retrieve.around_line import around_line
from indexer.retrieve.boilerplate import without_boilerplate
from indexer.retrieve.candidates import MAX_CHUNKS, Asked, CandidateGatherer, Gathered
from indexer.retrieve.evidence import EvidenceFinder
from indexer.retrieve.filters import Masks, make_masks
from indexer.retrieve.query_digest import QueryDigest, digest
from indexer.retrieve.query_lines import title_of
from indexer.retrieve.query_shape import QueryShape, query_shape, stem
from indexer.retrieve.ranking import Ranked, Title, rank
from indexer.retrieve.section_ranking import row_rarities
from indexer.retrieve.signals import FileFacts, PathSignals, path_signals
from indexer.settings import DEFAULT_K, BuildSettings
from indexer.storage.database import StoreReader
from indexer.storage.facts import BuildFacts, build_facts
from indexer.storage.facts import recorded_settings as settings_of
from indexer.storage.full_text import counts, rarity
from indexer.storage.generations import DATABASE, EMBEDDINGS, Pin, with_live
from indexer.storage.manifest import Manifest
from indexer.storage.mapped_tables import Tables, load_tables, with_vectors
from indexer.storage.single_rows import SingleVectors
from indexer.storage.status import IndexStatus, n_bytes_below, read_status
from indexer.storage.token_rows import MultiVectors
from indexer.tree.freshness import find_stale, stale_among
from indexer.vectors.cores import beside, one_blas_thread
from indexer.words import query_words

if TYPE_CHECKING:
    from indexer.ingest.on_demand import OnDemand

_CACHED_CHUNKS = 64
"""A chunk's text is 30 kB or so."""
_SIMILAR_CHARS = 400_000
"""So much of a file is compared; what counts of it is chosen as of any long query."""
_CACHED_DIGESTS = 16
_LOOKED_UP_CHUNKS = 2_000
"""Of so many chunks without vectors a search asks whether others have stored them meanwhile."""
_KNOWN_FILES = 20_000
"""Files of which path and language are remembered: some 200 bytes each."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and how they came about."""

    hits: tuple[Hit, ...]
    """As many as were asked for, where there are so many."""
    first: Callable[[int], tuple[Hit, ...]] = field(repr=False, compare=False)
    """The best so many hits, more than were asked for too: taken from the order, nothing is searched again.

    Good for as long as the searcher is open.
    """
    n_candidates: int
    """Regions that were scored."""
    elapsed_seconds: float
    truncated: bool
    """True: a time limit ended the search early and hits may be missing."""
    query: str = ""
    """What was compared: the query, or what counts of it."""
    vectors: QueryVectors | None = None
    """What the query became, for `explain`; None in lexical mode."""
    used: QueryUsed | None = None
    """What counted of a query that is too long to count whole; None for all of it."""
    missing: MissingVectors | None = None
    """What has no vectors yet; None where everything has."""
    has_words: bool = True
    """False: its words were looked for, and no indexed text holds any of them."""


class Searcher:
    """One open generation of one index. Threads may share it; it never sees a later build."""

    def __init__(self, root: Path, state: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._state = state
        self._known_files: dict[int, FileFacts] = {}
        self._pin = Pin(root, self._state, manifest)
        try:
            self._folder = self._pin.folder
            self._store = StoreReader(self._folder / DATABASE)
            self._tables = load_tables(self._folder)
            self._encoding = threading.Lock()
        except BaseException:
            self._pin.close()
            raise

    @classmethod
    def open(cls, root: Path, outside: Path | None = None) -> Self:
        """Open the live generation of a tree's index, which lies in the tree or in `outside`.

        Raises IndexMissingError, IndexMismatchError or IndexCorruptError, each saying what to do.
        """
        return with_live(root.resolve(), outside, cls)

    # --- parts, made when first needed -------------------------------------------------------

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        checkpoint = open_checkpoint(self.manifest.model)
        if checkpoint.fingerprint != self.manifest.model_fingerprint:
            raise IndexMismatchError(
                f"The index in {self.root} was built with another version of the model {self.manifest.model}"
                " (model_fingerprint differs); rebuild it with `codesearch index --rebuild`."
            )
        return checkpoint

    @cached_property
    def _tokenizer(self) -> ChunkTokenizer:
        return ChunkTokenizer(self._checkpoint)

    @cached_property
    def _query_encoder(self) -> QueryEncoder:
        return QueryEncoder(self._checkpoint, self._tokenizer)

    @cached_property
    def _layout(self) -> RowLayout:
        return row_layout(self._checkpoint.single_dim, self._checkpoint.row_dim, self.manifest.codec)

    @cached_property
    def _segments(self) -> SegmentReader:
        return SegmentReader(self._state / EMBEDDINGS, self._layout)

    @cached_property
    def _gatherer(self) -> CandidateGatherer:
        return self._gatherer_over(self._tables)

    def _gatherer_over(self, tables: Tables) -> CandidateGatherer:
        return CandidateGatherer(
            self._store, tables, self._segments, self._layout.codec, self._singles, self._multis
        )

    @cached_property
    def _singles(self) -> SingleVectors:
        return SingleVectors(self._folder, self._tables)

    @cached_property
    def _multis(self) -> MultiVectors:
        return MultiVectors(self._folder, self._tables)

    @cached_property
    def _on_demand(self) -> OnDemand:
        from indexer.ingest.on_demand import OnDemand, OpenIndex

        index = OpenIndex(self.root, self._state, self.manifest, self._layout, self._store, self._segments)
        return OnDemand(index, self._checkpoint, BuildSettings().max_memory_bytes)

    @cached_property
    def _evidence_finder(self) -> EvidenceFinder:
        return EvidenceFinder(self._tables, self._segments, self._layout.codec)

    # --- searching ---------------------------------------------------------------------------

    @one_blas_thread()
    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request that was checked, as `codesearch.request` checks it.

        Raises InputError for a mode that the index's model does not serve.
        """
        started = time.monotonic()
        mode = request.mode
        self._check_mode(mode)
        filters = make_masks(request, self._store, self._tables)
        part = self._digest(request.query, mode is not Mode.LEXICAL)
        shape = query_shape(request.query, self.root.name, part.words if part.used else None)
        whole = self._ask(part.text, shape, mode, filters)
        if whole.vectors is not None and request.encode_seconds and self._tables.lacks_vectors.any():
            self._encode_named(whole, filters, request.encode_seconds)
        heading, near, vectors = title_of(request.query), whole.near, whole.vectors
        title = first_line = None
        if heading is not None:
            first_line = self._ask(heading, query_shape(heading, self.root.name), mode, filters)
            if near is not None:
                near = [*near, self._gatherer.named(first_line.looked_up, filters), *(first_line.near or ())]
        gathered = self._gatherer.gather(whole.looked_up, near, vectors, mode, filters)
        file_of, signals = self._file_signals(whole, gathered)
        rows = None if vectors is None else row_rarities(part.text, vectors.tokens, whole.rarities)
        if first_line is not None:
            chunks = np.unique(gathered.chunk)
            own = self._gatherer.gather(first_line.looked_up, None, first_line.vectors, mode, filters, chunks)
            title = Title(own, self._file_signals(first_line, own)[1])
        ranked = rank(gathered, file_of, signals, mode, rows, title)
        first = partial(self._hits, gathered, ranked)
        return SearchResult(
            first(request.k),
            first,
            n_candidates=len(gathered.region),
            elapsed_seconds=time.monotonic() - started,
            truncated=filters.timed_out,
            query=part.text,
            vectors=vectors,
            used=part.used,
            missing=self.missing(),
            has_words=mode in (Mode.COLBERT, Mode.SINGLE)
            or whole.looked_up.finds_words
            or any(self._counts({stem(word) for word in query_words(request.query)}).values()),
        )

    def _ask(self, text: str, shape: QueryShape, mode: Mode, filters: Masks) -> Asked:
        """What words and vectors name for a text; full text is asked beside the model."""
        asked = beside(lambda: (self._gatherer.look_up(shape, mode, filters), self._counts(shape.stems)))
        vectors = None if mode is Mode.LEXICAL else self._query_encoder.encode(text)
        near = self._gatherer.look_near(vectors, mode, filters)
        looked_up, n_with = asked()
        n_regions = len(self._tables.regions)
        rarities = {each: rarity(n, n_regions) for each, n in n_with.items()}
        return Asked(shape, vectors, looked_up, near, rarities)

    def _encode_named(self, asked: Asked, masks: Masks, seconds: float) -> None:
        """Have the vectors of the chunks that words rank highest, as many as there are or `seconds` allow."""
        with self._encoding:
            tables = self._tables
            named = np.sort(self._gatherer.named(asked.looked_up, masks)[:MAX_CHUNKS])
            by_words = self._gatherer.gather(asked.looked_up, None, None, Mode.LEXICAL, masks, named)
            file_of, signals = self._file_signals(asked, by_words)
            ordered = by_words.chunk[rank(by_words, file_of, signals, Mode.LEXICAL).order]
            named = ordered[np.sort(np.unique(ordered, return_index=True)[1])]
            named = named[tables.lacks_vectors[named]]
            others = np.setdiff1d(np.flatnonzero(tables.lacks_vectors), named)[:_LOOKED_UP_CHUNKS]
            ids = tables.chunk_id
            stored = self._on_demand.encode(ids[named].tolist(), ids[others].tolist(), seconds)
            at = tables.position(np.fromiter(stored, np.int64)).tolist()
            self._tables = with_vectors(tables, dict(zip(at, stored.values(), strict=True)))
            self._gatherer = self._gatherer_over(self._tables)
            self._evidence_finder = EvidenceFinder(self._tables, self._segments, self._layout.codec)

    def _counts(self, stems: Iterable[str]) -> dict[str, int]:
        """How many regions hold each stemmed word."""
        return counts(self._store.query, sorted(stems))

    @cached_property
    def _digest(self) -> Callable[[str, bool], QueryDigest]:
        """What counts of a query, which a model reads or not; the last few are remembered."""

        def made(query: str, is_read: bool) -> QueryDigest:
            room = self._tokenizer.query_room if is_read else 0
            count_tokens = self._tokenizer.count if is_read else None
            return digest(query, self._counts, len(self._tables.regions), room, count_tokens)

        return lru_cache(_CACHED_DIGESTS)(made)

    def missing(self) -> MissingVectors | None:
        """What has no vectors yet; None where everything has that is to have some."""
        tables = self._tables
        lacking = tables.chunk_id[tables.lacks_vectors]
        if not len(lacking):
            return None
        ((n_tokens,),) = self._store.query("SELECT coalesce(sum(n_tokens), 0) FROM chunks")
        if len(lacking) < tables.n_chunks:
            n_tokens = sum(chunk.n_tokens for chunk in self._store.missing_chunks(lacking.tolist()))
        speed = self._on_demand.tokens_per_second if "_on_demand" in vars(self) else 0.0
        return MissingVectors(len(lacking), n_tokens, speed)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        """A hit of a result with its matches: which words of the code answer which of the query."""
        chunk = self.chunk(hit.chunk_id)
        position = int(self._tables.position(np.array([hit.chunk_id]))[0])
        first, last = self._tables.region_start[position : position + 2].tolist()
        starts = self._tables.regions[first:last, 0]
        region = first + int(np.searchsorted(starts, hit.start_char - chunk.start_char, "right")) - 1
        matches = self._evidence_finder.find(result.query, result.vectors, chunk, position, region)
        return replace(hit, matches=matches)

    def _check_mode(self, mode: Mode) -> None:
        """Refuse a mode whose vectors the index's model does not make. Raises InputError."""
        if (mode is Mode.SINGLE and self._checkpoint.single is None) or (
            mode is Mode.COLBERT and self._checkpoint.rows is None
        ):
            raise InputError(
                f"The model of this index, {self.manifest.model}, makes no vectors for mode {mode};"
                " use hybrid."
            )

    def _file_signals(self, asked: Asked, g: Gathered) -> tuple[Int64Array, PathSignals]:
        """(N,) each region's file among the candidates, and what the files' paths say."""
        file_ids, file_of = np.unique(self._tables.file_id[g.chunk], return_inverse=True)
        facts = self._file_facts(file_ids.tolist())
        return file_of, path_signals(asked.shape, asked.rarities, facts)

    def _file_facts(self, file_ids: list[int]) -> list[FileFacts]:
        known = self._known_files
        missing = [file_id for file_id in file_ids if file_id not in known]
        for at in range(0, len(missing), 500):
            part = missing[at : at + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT file_id, path, language FROM files WHERE file_id IN ({marks})"
            known |= {row[0]: FileFacts(*row[1:]) for row in self._store.query(sql, part)}
        facts = [known[file_id] for file_id in file_ids]
        if len(known) > _KNOWN_FILES:
            self._known_files = {}
        return facts

    def _hits(self, g: Gathered, ranked: Ranked, k: int) -> tuple[Hit, ...]:
        top = ranked.order[:k]
        chunk_ids = self._tables.chunk_id[g.chunk[top]].tolist()
        marks = ",".join("?" * len(top))
        sql = f"SELECT chunk_id, start_char FROM chunks WHERE chunk_id IN ({marks})"
        chunk_starts = dict(self._store.query(sql, chunk_ids))
        bounds = self._tables.regions[g.region[top], :2].tolist()
        return tuple(
            Hit(
                chunk_id=chunk_id,
                score=round(score, 4),
                start_char=start + chunk_starts[chunk_id],
                end_char=end + chunk_starts[chunk_id],
                scores=ComponentScores(
                    lexical=_number(g.lexical[at]),
                    single=_number(g.single[at]),
                    colbert=_number(ranked.colbert[at]),
                ),
            )
            for at, chunk_id, (start, end), score in zip(
                top.tolist(), chunk_ids, bounds, ranked.scores.tolist(), strict=False
            )
        )

    def similar(
        self, path: str, line: int | None, k: int = DEFAULT_K, encode_seconds: float = 0.0
    ) -> SearchResult:
        """Code like a file, or like the innermost span around one of its lines, that itself left out.

        Raises InputError for a path that is not indexed or a line it does not have.
        """
        chunks = self._store.file_chunks(path)
        if not chunks:
            raise InputError(
                f"{path} is not in the index; `codesearch status --skipped` may give the reason."
            )
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
        tables, n = self._tables, 0
        for chunk in chunks:
            position = int(tables.position(np.array([chunk.chunk_id]))[0])
            regions = tables.regions[tables.region_start[position] : tables.region_start[position + 1]]
            first, last = start - chunk.start_char, end - chunk.start_char
            n += int(((regions[:, 0] < last) & (regions[:, 1] > first)).sum())
        return n

    # --- reading -----------------------------------------------------------------------------

    def chunk(self, chunk_id: int) -> Chunk:
        """A chunk with its text and spans; the last few are remembered, for a generation never changes."""
        return self._chunk(chunk_id)

    @cached_property
    def _chunk(self) -> Callable[[int], Chunk]:
        return lru_cache(_CACHED_CHUNKS)(lambda chunk_id: self._store.chunks([chunk_id])[chunk_id])

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, or None."""
        return self._store.file_text(path)

    def paths(self) -> tuple[str, ...]:
        """Every indexed file."""
        return tuple(row[0] for row in self._store.query("SELECT path FROM files ORDER BY path"))

    def outline(self, path_prefix: str = "") -> tuple[OutlineEntry, ...]:
        """Symbols and headings of a file, or of all files below a folder, in file order."""
        return self._store.outline(path_prefix.rstrip("/"))

    @cached_property
    def settings(self) -> BuildSettings:
        """The settings that the index was built with."""
        return settings_of(self.manifest, self._store.facts())

    @cached_property
    def facts(self) -> BuildFacts:
        """What the generation holds, as its build counted it. Raises IndexCorruptError where that is lost."""
        return build_facts(self._store.facts())

    @property
    def n_encoded(self) -> int:
        """Chunks that have the vectors they are to have."""
        return int((~self._tables.lacks_vectors).sum())

    @cached_property
    def n_skipped(self) -> int:
        """Files that are not indexed."""
        ((n,),) = self._store.query("SELECT count(*) FROM skipped")
        return int(n)

    def freshness(self, budget_seconds: float = 0.5) -> StaleFiles:
        """What changed on disk since the build, as far as the time budget allows to look."""
        return find_stale(
            self.root,
            self._store.files(),
            self._store.skipped(),
            self.facts.built_at_ns,
            budget_seconds,
            self.settings.walk,
        )

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of a few indexed paths whose file is not what was indexed, as the disk is now."""
        wanted = sorted(set(paths))
        rows = self._store.files(wanted) if wanted else {}
        return stale_among(self.root, rows, self.facts.built_at_ns, wanted)

    def status(self, budget_seconds: float = 5.0) -> IndexStatus:
        """Everything known of this index; looks at the disk for so long, and at every file of the index."""
        return read_status(
            self.root,
            self.manifest,
            self._store,
            n_encoded=self.n_encoded,
            n_rows=int(self._tables.n_rows.sum()),
            n_bytes_on_disk=n_bytes_below(self._state),
            stale=self.freshness(budget_seconds),
        )

    def close(self) -> None:
        """Release the database and the generation."""
        self._store.close()
        self._pin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


def recorded_settings(root: Path, outside: Path | None = None) -> BuildSettings:
    """The settings that the index of a tree was built with; reads its manifest and a few facts alone.

    Raises IndexMissingError, IndexMismatchError or IndexCorruptError, each saying what to do.
    """

    def read(root: Path, state: Path, manifest: Manifest) -> BuildSettings:
        pinned = Pin(root, state, manifest)
        with pinned as pin, closing(StoreReader(pin.folder / DATABASE)) as store:
            return settings_of(manifest, store.facts())

    return with_live(root.resolve(), outside, read)


def _number(score: float) -> float | None:
    return round(float(score), 4) if score else None
