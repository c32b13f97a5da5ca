"""One open generation of one index: its database, its vectors and its model, each made when first needed.

Nothing here loads torch: queries are encoded in NumPy, so that a cold search is quick. `search_steps.py` puts
the parts in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from indexer.embeddings.embedding_store import RowLayout, SegmentReader
from indexer.encoders.query_encoder import QueryEncoder
from indexer.errors import IndexMismatchError, InputError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.open_model import OpenModel, held_model, open_model
from indexer.records import (
    Chunk,
    ComponentScores,
    Float32Array,
    Hit,
    Int64Array,
    MissingVectors,
    Mode,
    QueryVectors,
    SearchRequest,
)
from indexer.retrieve.candidates import MAX_CHUNKS, Asked, CandidateGatherer, Gathered
from indexer.retrieve.filters import Masks, make_masks
from indexer.retrieve.groups import over_largest
from indexer.retrieve.path_signals import FileFacts, path_signals
from indexer.retrieve.ranking import Ranked, rank
from indexer.retrieve.several_indexes import Part
from indexer.retrieve.word_matches import EvidenceFinder
from indexer.storage.database import StoreReader
from indexer.storage.facts import has_text
from indexer.storage.full_text import TextPostings, counts
from indexer.storage.generations import DATABASE, EMBEDDINGS, Pin
from indexer.storage.lacking import Lacking
from indexer.storage.manifest import Manifest
from indexer.storage.mapped_tables import Tables, load_tables, with_vectors
from indexer.storage.plaid_candidates import MultiVectors
from indexer.storage.single_candidates import SingleVectors

if TYPE_CHECKING:
    from indexer.ingest.on_demand import Encoded, Excerpt, OnDemand, Reading

_CACHED_CHUNKS = 64
"""A chunk's text is 30 kB or so."""
_LOOKED_UP_CHUNKS = 2_000
"""Of so many chunks without vectors a search asks whether others have stored them meanwhile."""
_FEW_CHUNKS = 64
"""So few without vectors are encoded in the time left though no word names them: a question may mean them."""
_FIRST_SHARE = 0.8
"""Of the time for encoding, for what words rank highest, long chunks as excerpts; the rest is for files."""
_FIRST_TOKENS = 22_000
"""Where time is enough for more, so many: whole files are worth more than further excerpts."""
_WHOLE_FILES = 3
"""Of so many files that rank highest after excerpts, all chunks that words name are read whole first."""
_WHOLE_CHUNKS = 3
"""Then so many of the chunks that excerpts rank highest."""
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


Found = TypeVar("Found")


class OpenGeneration:
    """The parts of an index that searches use. Threads may share it; it never sees a later build."""

    def __init__(self, root: Path, state: Path, manifest: Manifest) -> None:
        self.root = root
        self.state = state
        self.manifest = manifest
        self._excerpts: dict[int, Excerpt] = {}
        """What was read of chunks that lack vectors, by their positions."""
        self._known_files: dict[int, FileFacts] = {}
        self._known_counts: dict[str, int] = {}
        self.n_looked_up = 0
        """Texts whose words were looked up in it alone."""
        self._pin = Pin(root, state, manifest)
        try:
            self.folder = self._pin.folder
            self.store = _opened_store(root, self.folder / DATABASE, manifest)
            self.tables = self._published = load_tables(self.folder)
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

    def _gatherer_over(self, tables: Tables, unread: Int64Array | None = None) -> CandidateGatherer:
        return CandidateGatherer(
            self.store, tables, self.segments, self.layout.codec, self.singles, self.multis, unread
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

    def encode_named(
        self,
        asked: Asked,
        masks: Masks,
        vectors: QueryVectors,
        row_rarities: Float32Array | None,
        seconds: float,
    ) -> None:
        """Have vectors made for the chunks that words rank highest, as many as there are or `seconds` allow.

        Where that is too little for all of them, of long ones an excerpt first, then the whole of those that
        excerpts rank highest: a file of several chunks is as alike to a query as all of them together are.
        `vectors` and `row_rarities` are the query's, as `rank` has them.
        """
        until = time.monotonic() + seconds
        left: Callable[[], float] = lambda: max(0.0, until - time.monotonic())  # noqa: E731
        with self.model.encoding:
            named = np.sort(self.gatherer.named(asked.looked_up, masks)[:MAX_CHUNKS])
            by_words = self.gatherer.gather(asked.looked_up, None, Mode.LEXICAL, masks, named)
            part = self.part(asked, by_words)
            wanted = self._lacking(by_words, rank(by_words, part.file_of, part.paths, Mode.LEXICAL))
            others = np.setdiff1d(np.flatnonzero(self.tables.lacks_vectors), wanted)[:_LOOKED_UP_CHUNKS]
            passing = others if masks.chunks is None else others[masks.chunks[others]]
            few = [self._whole(at) for at in passing.tolist()] if len(passing) <= _FEW_CHUNKS else []
            other_ids = self.tables.chunk_id[others].tolist()
            readings = self._readings(by_words, wanted, self._on_demand.room(seconds))
            if not self._excerpts and not any(each.picked for each in readings):
                self._take(self._on_demand.encode([*readings, *few], other_ids, left()))
                return
            remaining = left()
            share = min(_FIRST_SHARE, _FIRST_TOKENS / max(1.0, self._on_demand.room(remaining)))
            self._take(self._on_demand.encode(readings, other_ids, share * remaining))
            if not left():
                return
            gathered = self.gatherer.gather(asked.looked_up, vectors, Mode.HYBRID, masks, named)
            ranked = rank(gathered, part.file_of, part.paths, Mode.HYBRID, row_rarities)
            lacking = self._lacking(gathered, ranked)
            file_of = self.tables.file_id
            best = list(dict.fromkeys(file_of[gathered.chunk[ranked.order]].tolist()))[:_WHOLE_FILES]
            first = [self._whole(at) for each in best for at in lacking[file_of[lacking] == each].tolist()]
            again = [self._whole(at) for at in lacking.tolist() if at in self._excerpts]
            ordered = [*first, *again[:_WHOLE_CHUNKS], *readings, *again[_WHOLE_CHUNKS:], *few]
            self._take(self._on_demand.encode(self._unread(ordered), [], left()))

    def _unread(self, readings: Sequence[Reading]) -> list[Reading]:
        """Those of chunks that lack vectors, each chunk once, without excerpts that were read."""
        at = self.tables.position(np.array([each.chunk_id for each in readings], np.int64)).tolist()
        found: dict[int, Reading] = {}
        for place, each in zip(at, readings, strict=True):
            if self.tables.lacks_vectors[place] and not (each.picked and place in self._excerpts):
                found.setdefault(place, each)
        return list(found.values())

    def _lacking(self, g: Gathered, ranked: Ranked) -> Int64Array:
        """Ranked chunks that lack vectors, best first."""
        ordered = g.chunk[ranked.order]
        ordered = ordered[np.sort(np.unique(ordered, return_index=True)[1])]
        return ordered[self.tables.lacks_vectors[ordered]]

    def _readings(self, g: Gathered, chunks: Int64Array, room: float) -> list[Reading]:
        """What is to be read of candidates, by the words that were gathered: each whole if `room` is enough.

        `room` is in tokens. Of a chunk of which an excerpt was read for other words, the whole.
        """
        from indexer.ingest.excerpts import EXCERPT_TOKENS, LEAST_SAVED, pick_regions

        missing = self.store.missing_chunks(self.tables.chunk_id[chunks].tolist())
        is_ample = sum(each.n_tokens for each in missing) <= room
        worth = over_largest(g.lexical) + np.float32(0.5) * g.definition
        found = []
        for at, chunk in zip(chunks.tolist(), missing, strict=True):
            whole = self._whole(at)
            first, last = np.searchsorted(g.chunk, [at, at + 1]).tolist()
            of_region = np.zeros(len(whole.regions), np.float32)
            of_region[g.region[first:last] - self.tables.region_start[at]] = worth[first:last]
            known = self._excerpts.get(at)
            if known is not None and int(of_region.argmax()) not in known.unread:
                continue
            n_tokens = chunk.n_tokens * np.diff(whole.regions[:, :2]).ravel() / max(1, whole.regions[-1, 1])
            if is_ample or known is not None or chunk.n_tokens <= LEAST_SAVED * EXCERPT_TOKENS:
                found.append(whole)
            else:
                picked = pick_regions(of_region, n_tokens)
                n_picked = int(n_tokens[list(picked)].sum())
                best = int(of_region.argmax())
                found.append(replace(whole, picked=picked, best=best, n_tokens=n_picked))
        return found

    def _whole(self, at: int) -> Reading:
        from indexer.ingest.on_demand import Reading

        tables = self.tables
        first, last = tables.region_start[at : at + 2].tolist()
        return Reading(int(tables.chunk_id[at]), np.asarray(tables.regions[first:last]))

    def _take(self, encoded: Encoded) -> None:
        """Search over these vectors too."""

        def by_position(found: dict[int, Found]) -> dict[int, Found]:
            at = self.tables.position(np.fromiter(found, np.int64, len(found))).tolist()
            return dict(zip(at, found.values(), strict=True))

        whole = by_position(encoded.whole)
        self.tables = with_vectors(self.tables, whole)
        known = self._excerpts | by_position(encoded.excerpts)
        self._excerpts = {at: each for at, each in known.items() if at not in whole}
        read = with_vectors(self.tables, {at: each.stored for at, each in self._excerpts.items()})
        unread = [each.unread + self.tables.region_start[at] for at, each in self._excerpts.items()]
        self.gatherer = self._gatherer_over(read, np.concatenate([np.empty(0, np.int64), *unread]))
        self._evidence_finder = EvidenceFinder(read, self.segments, self.layout.codec)

    @property
    def lacks_vectors(self) -> bool:
        """Whether a build is still to publish vectors, be they stored already or not."""
        return bool(self._published.lacks_vectors.any())

    @cached_property
    def _left(self) -> Lacking:
        lacking = self._published.chunk_id[self._published.lacks_vectors]
        return Lacking(self.state / EMBEDDINGS, self.store.missing_chunks(lacking.tolist()))

    @property
    def n_encoded(self) -> int:
        """Chunks that have the vectors they are to have, those that searches have stored since among them."""
        return self._published.n_chunks - self._left.now().n_chunks

    @property
    def n_rows(self) -> int:
        """Token rows of those."""
        return int(self._published.n_rows.sum()) + self._left.now().n_stored_rows

    def missing(self) -> MissingVectors | None:
        """What the index has no vectors of yet; None where it has all that it is to have."""
        lacking = self._left.now()
        if not lacking.n_chunks:
            return None
        speed = self._on_demand.tokens_per_second if "_on_demand" in vars(self) else 0.0
        n_by_words = int(self.tables.lacks_vectors.sum())
        return MissingVectors(lacking.n_chunks, lacking.n_tokens, speed, n_by_words)

    @property
    def load_seconds(self) -> float:
        """How long searches waited for the model so far, of their time for encoding."""
        return self._on_demand.load_seconds if "_on_demand" in vars(self) else 0.0

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
