"""One open generation of one index: its database, its vectors and its model, each made when first needed.

Nothing here loads torch: queries are encoded in NumPy, so that a cold search is quick. `search_steps.py` puts
the parts in order.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.embeddings.embedding_store import RowLayout, SegmentReader
from indexer.embeddings.other_store import OtherStore
from indexer.encoders.query_encoder import QueryEncoder
from indexer.errors import IndexMismatchError, InputError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.open_model import OpenModel, held_model, open_model
from indexer.records import (
    Chunk,
    ComponentScores,
    Hit,
    Int64Array,
    MissingVectors,
    Mode,
    QueryVectors,
    SearchRequest,
)
from indexer.retrieve.candidates import MAX_CHUNKS, Asked, CandidateGatherer, Gathered
from indexer.retrieve.filters import Masks, make_masks
from indexer.retrieve.path_signals import FileFacts, path_signals
from indexer.retrieve.ranking import Ranked, rank
from indexer.retrieve.several_indexes import Part
from indexer.retrieve.word_matches import EvidenceFinder
from indexer.storage.database import StoreReader
from indexer.storage.facts import has_text
from indexer.storage.full_text import TextPostings, counts
from indexer.storage.generations import DATABASE, EMBEDDINGS, Pin
from indexer.storage.manifest import Manifest
from indexer.storage.mapped_tables import Tables, load_tables, with_vectors
from indexer.storage.plaid_candidates import MultiVectors
from indexer.storage.single_candidates import SingleVectors

if TYPE_CHECKING:
    from indexer.ingest.on_demand import OnDemand

_CACHED_CHUNKS = 64
"""A chunk's text is 30 kB or so."""
_LOOKED_UP_CHUNKS = 2_000
"""Of so many chunks without vectors a search asks whether others have stored them meanwhile."""
_FEW_CHUNKS = 64
"""So few without vectors are encoded in the time left though no word names them: a question may mean them."""
_KNOWN_STEMS = 5_000
"""Words of which the number of regions is remembered: some 100 bytes each."""
_KNOWN_FILES = 20_000
"""Files of which path and language are remembered: some 200 bytes each."""


def _opened_store(root: Path, path: Path, manifest: Manifest) -> StoreReader:
    """The database, whose texts are the tree's where it was imported without."""
    store = StoreReader(path)
    if has_text(store.facts()):
        return store
    from indexer.ingest.tree_texts import TreeTextReader

    store.close()
    return TreeTextReader(path, root, manifest)


class OpenGeneration:
    """The parts of an index that searches use. Threads may share it; it never sees a later build."""

    def __init__(self, root: Path, state: Path, manifest: Manifest) -> None:
        self.root = root
        self.state = state
        self.manifest = manifest
        self._known_files: dict[int, FileFacts] = {}
        self._known_counts: dict[str, int] = {}
        self._pin = Pin(root, state, manifest)
        try:
            self.folder = self._pin.folder
            self.store = _opened_store(root, self.folder / DATABASE, manifest)
            self.tables = load_tables(self.folder)
        except BaseException:
            self._pin.close()
            raise
        self._take_over()

    def _take_over(self) -> None:
        """Hold the model that another generation has open, before that one is closed for this one."""
        model = held_model(self.manifest.model_fingerprint)
        if model is not None:
            self.model = model
            if self.tables.lacks_vectors.any():  # else what encodes chunks is let go, with all that it takes
                self._embedder = model.held_embedder(self.manifest.codec)

    def close(self) -> None:
        """Release the database and the generation."""
        self.store.close()
        self._pin.close()

    # --- parts ---------------------------------------------------------------------------------

    @cached_property
    def model(self) -> OpenModel:
        """The model. Raises IndexMismatchError where it is another than the index was built with."""
        model = open_model(self.manifest.model, self.manifest.model_fingerprint)
        if model is None:
            raise IndexMismatchError(
                f"The index in {self.root} was built with another version of the model {self.manifest.model}"
                " (model_fingerprint differs); rebuild it with `codesearch index --rebuild`."
            )
        return model

    @property
    def checkpoint(self) -> Checkpoint:
        """What the model is. Raises as `model`."""
        return self.model.checkpoint

    @property
    def tokenizer(self) -> ChunkTokenizer:
        """Its tokenizer."""
        return self.model.tokenizer

    @property
    def query_encoder(self) -> QueryEncoder:
        """What encodes queries with it."""
        return self.model.query_encoder

    @cached_property
    def layout(self) -> RowLayout:
        """How its vectors are stored."""
        return self.model.layout(self.manifest.codec)

    @cached_property
    def segments(self) -> SegmentReader:
        """All stored vectors."""
        return SegmentReader(self.state / EMBEDDINGS, self.layout)

    @cached_property
    def gatherer(self) -> CandidateGatherer:
        """The rankers over what has vectors by now."""
        return self._gatherer_over(self.tables)

    def _gatherer_over(self, tables: Tables) -> CandidateGatherer:
        return CandidateGatherer(
            self.store, tables, self.segments, self.layout.codec, self.singles, self.multis
        )

    @cached_property
    def postings(self) -> TextPostings:
        """Its full text, to be asked together with that of other indexes."""
        return TextPostings(self.store.query, self.folder)

    @cached_property
    def singles(self) -> SingleVectors:
        """Its single vectors."""
        return SingleVectors(self.folder, self.tables)

    @cached_property
    def multis(self) -> MultiVectors:
        """Its token rows."""
        return MultiVectors(self.folder, self.tables)

    @cached_property
    def _on_demand(self) -> OnDemand:
        from indexer.ingest.on_demand import OnDemand, OpenIndex

        index = OpenIndex(self.root, self.state, self.manifest, self.layout, self.store, self.segments)
        return OnDemand(index, self.checkpoint, self.model.embedder(self.manifest.codec))

    @cached_property
    def _evidence_finder(self) -> EvidenceFinder:
        return EvidenceFinder(self.tables, self.segments, self.layout.codec)

    # --- asking --------------------------------------------------------------------------------

    def check_mode(self, mode: Mode) -> None:
        """Refuse a mode whose vectors the index's model does not make. Raises InputError."""
        if (mode is Mode.SINGLE and self.checkpoint.single is None) or (
            mode is Mode.COLBERT and self.checkpoint.rows is None
        ):
            raise InputError(
                f"The model of this index, {self.manifest.model}, makes no vectors for mode {mode};"
                " use hybrid."
            )

    @property
    def n_regions(self) -> int:
        """Regions of all chunks."""
        return len(self.tables.regions)

    def masks(self, request: SearchRequest) -> Masks:
        """What a request lets through."""
        return make_masks(request, self.store, self.tables)

    def counts_of(self, stems: Iterable[str]) -> dict[str, int]:
        """How many regions hold each stemmed word; remembered, for a generation never changes."""
        wanted = sorted(stems)
        if len(self._known_counts) > _KNOWN_STEMS:
            self._known_counts = {}
        known = self._known_counts
        known |= counts(self.store.query, [stem for stem in wanted if stem not in known])
        return {stem: known[stem] for stem in wanted}

    def part(self, asked: Asked, gathered: Gathered) -> Part:
        """Candidates with their files, and what the files' paths say of a text."""
        file_ids, file_of = np.unique(self.tables.file_id[gathered.chunk], return_inverse=True)
        return Part(
            gathered, file_of, path_signals(asked.shape, asked.rarities, self._file_facts(file_ids.tolist()))
        )

    def _file_facts(self, file_ids: list[int]) -> list[FileFacts]:
        known = self._known_files
        missing = [file_id for file_id in file_ids if file_id not in known]
        for at in range(0, len(missing), 500):
            part = missing[at : at + 500]
            marks = ",".join("?" * len(part))
            sql = f"SELECT file_id, path, language FROM files WHERE file_id IN ({marks})"
            known |= {row[0]: FileFacts(*row[1:]) for row in self.store.query(sql, part)}
        facts = [known[file_id] for file_id in file_ids]
        if len(known) > _KNOWN_FILES:
            self._known_files = {}
        return facts

    def encode_named(self, asked: Asked, masks: Masks, seconds: float) -> None:
        """Have the vectors of the chunks that words rank highest, as many as there are or `seconds` allow."""
        until = time.monotonic() + seconds
        with self.model.encoding:
            tables = self.tables
            named = np.sort(self.gatherer.named(asked.looked_up, masks)[:MAX_CHUNKS])
            by_words = self.gatherer.gather(asked.looked_up, None, Mode.LEXICAL, masks, named)
            part = self.part(asked, by_words)
            ordered = by_words.chunk[rank(by_words, part.file_of, part.paths, Mode.LEXICAL).order]
            named = ordered[np.sort(np.unique(ordered, return_index=True)[1])]
            named = named[tables.lacks_vectors[named]]
            others = np.setdiff1d(np.flatnonzero(tables.lacks_vectors), named)[:_LOOKED_UP_CHUNKS]
            passing = others if masks.chunks is None else others[masks.chunks[others]]
            if len(passing) <= _FEW_CHUNKS:
                named = np.concatenate([named, passing])
            ids = tables.chunk_id
            left = max(0.0, until - time.monotonic())
            stored = self._on_demand.encode(ids[named].tolist(), ids[others].tolist(), left)
            at = tables.position(np.fromiter(stored, np.int64)).tolist()
            self.tables = with_vectors(tables, dict(zip(at, stored.values(), strict=True)))
            self.gatherer = self._gatherer_over(self.tables)
            self._evidence_finder = EvidenceFinder(self.tables, self.segments, self.layout.codec)

    @property
    def n_encoded(self) -> int:
        """Chunks that have the vectors they are to have, those that searches have stored since among them."""
        lacks = self.tables.lacks_vectors
        n_published = int((~lacks).sum())
        missing = self.store.missing_chunks(self.tables.chunk_id[lacks].tolist())
        if missing:
            # As an index of another reads it: without the lock that a build would wait for.
            with suppress(OSError, sqlite3.Error), OtherStore(self.state / EMBEDDINGS, self.layout) as store:
                stored = set(store.keys())
                return n_published + sum(chunk.embedding_key in stored for chunk in missing)
        return n_published

    def missing(self) -> MissingVectors | None:
        """What has no vectors yet; None where everything has that is to have some."""
        tables = self.tables
        lacking = tables.chunk_id[tables.lacks_vectors]
        if not len(lacking):
            return None
        ((n_tokens,),) = self.store.query("SELECT coalesce(sum(n_tokens), 0) FROM chunks")
        if len(lacking) < tables.n_chunks:
            n_tokens = sum(chunk.n_tokens for chunk in self.store.missing_chunks(lacking.tolist()))
        speed = self._on_demand.tokens_per_second if "_on_demand" in vars(self) else 0.0
        return MissingVectors(len(lacking), n_tokens, speed)

    # --- answering -----------------------------------------------------------------------------

    def hits(self, g: Gathered, ranked: Ranked, k: int) -> tuple[Hit, ...]:
        """The first k of ranked candidates, with what each ranker says of them."""
        top = ranked.order[:k]
        return hits_at(self.places(g.chunk[top], g.region[top]), g, ranked)

    def places(self, chunks: Int64Array, regions: Int64Array) -> list[Place]:
        """Where regions (M,) of chunks (M,) stand, both given by their positions in the tables."""
        chunk_ids = self.tables.chunk_id[chunks].tolist()
        marks = ",".join("?" * len(chunk_ids))
        sql = f"SELECT chunk_id, start_char FROM chunks WHERE chunk_id IN ({marks})"
        chunk_starts = dict(self.store.query(sql, chunk_ids))
        bounds = self.tables.regions[regions, :2].tolist()
        return [
            Place(chunk_id, start + chunk_starts[chunk_id], end + chunk_starts[chunk_id])
            for chunk_id, (start, end) in zip(chunk_ids, bounds, strict=True)
        ]

    def explain(self, query: str, vectors: QueryVectors | None, hit: Hit) -> Hit:
        """A hit with its matches: which words of the code answer which of the query."""
        chunk = self.chunk(hit.chunk_id)
        if not chunk.has_text:
            return hit
        position = int(self.tables.position(np.array([hit.chunk_id]))[0])
        first, last = self.tables.region_start[position : position + 2].tolist()
        starts = self.tables.regions[first:last, 0]
        region = first + int(np.searchsorted(starts, hit.start_char - chunk.start_char, "right")) - 1
        matches = self._evidence_finder.find(query, vectors, chunk, position, region)
        return replace(hit, matches=matches)

    def chunk(self, chunk_id: int) -> Chunk:
        """A chunk with its text and spans; the last few are remembered, for a generation never changes."""
        chunk = self._chunk(chunk_id)
        # A file that was not there may have come.
        return chunk if chunk.has_text else self.store.chunks([chunk_id])[chunk_id]

    @cached_property
    def _chunk(self) -> Callable[[int], Chunk]:
        store = self.store  # not `self`: what refers to itself outlives its last user, files and all
        return lru_cache(_CACHED_CHUNKS)(lambda chunk_id: store.chunks([chunk_id])[chunk_id])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a region stands: its chunk, and its characters in the file."""

    chunk_id: int
    start_char: int
    end_char: int


def hits_at(places: Sequence[Place], g: Gathered, ranked: Ranked) -> tuple[Hit, ...]:
    """The first of ranked candidates, whose places these are, with what each ranker says of them."""
    return tuple(
        Hit(
            chunk_id=place.chunk_id,
            score=round(score, 4),
            start_char=place.start_char,
            end_char=place.end_char,
            scores=ComponentScores(
                lexical=_number(g.lexical[at]),
                single=_number(g.single[at]),
                colbert=_number(ranked.colbert[at]),
            ),
        )
        for place, at, score in zip(places, ranked.order.tolist(), ranked.scores.tolist(), strict=False)
    )


def _number(score: float) -> float | None:
    return round(float(score), 4) if score else None
