"""THE WRITE PATH: a tree becomes an index. The only place that composes the stages for writing.

    walk → compare with what is indexed → read → parse → tokenize → chunks → regions
         → windows → pack → encode → pool → store → tables, FAISS → manifest

A build writes a new generation beside the live one and makes it live by renaming the manifest, so
search never sees it half done. Embeddings are kept by content: what an earlier build has encoded, a
killed one too, is not encoded again.
"""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from indexer.changes import compare
from indexer.checkpoint import Checkpoint, open_checkpoint
from indexer.chunks import cut_chunks
from indexer.embedding_store import EmbeddingStore, NewEmbedding, SegmentReader, load_all, row_layout
from indexer.encoder import Encoder
from indexer.errors import IndexMissingError, InputError, NothingToIndexError, StorageError
from indexer.generations import (
    DATABASE,
    EMBEDDINGS,
    generation_folder,
    new_generation,
    prepare_state,
    publish,
    remove_others,
)
from indexer.git_info import git_state
from indexer.lexical import add_rows, create_tables, file_row, region_rows, remove_rows
from indexer.lock import write_lock
from indexer.manifest import FORMAT_VERSION, Manifest, check_agrees, read_manifest
from indexer.pack import pack, split_vectors
from indexer.parse import parse
from indexer.pool import pool_chunk, pool_recipe
from indexer.prefetch import prefetch
from indexer.records import (
    BuildProgress,
    BuildReport,
    Chunk,
    FoundFile,
    ProgressCallback,
    SequenceVectors,
    SkippedFile,
    SourceFile,
    Span,
    TokenizedChunk,
    Window,
)
from indexer.regions import Regions, cut_regions
from indexer.settings import BuildSettings
from indexer.single_vectors import build_single_index
from indexer.store import FileRow, SkippedRow, StoreReader, StoreWriter
from indexer.tables import REGION_BITS, make_tables, save_tables
from indexer.tokens import ChunkTokenizer
from indexer.vectors.codec import DEFAULT_CODEC, RowCodec, row_codec
from indexer.walk import read_source, walk
from indexer.windows import cut_windows, join_windows

_BLOCK_TOKENS = 65_536
"""Chunks are encoded in blocks of about this many tokens: enough to pack well, little to lose."""
_FILES_A_READ = 32


@dataclass(frozen=True, slots=True)
class _PreparedChunk:
    """A chunk ready for the model."""

    chunk: Chunk
    tokenized: TokenizedChunk
    regions: Regions
    key: str


@dataclass(frozen=True, slots=True)
class _PreparedFile:
    """A file ready for the store; `skipped` instead where its content ruled it out."""

    found: FoundFile
    source: SourceFile | None = None
    problem: str = ""
    chunks: tuple[_PreparedChunk, ...] = ()
    skipped: SkippedFile | None = None
    same_content: bool = False
    """Only the stat figures differ from what is indexed."""


def build(
    root: Path, settings: BuildSettings, progress: ProgressCallback | None = None, *, rebuild: bool = False
) -> BuildReport:
    """Index a tree, or bring its index up to date.

    `rebuild` starts over, for another model or other settings; stored embeddings that still fit are used.
    Raises InputError for a path that is no folder, CheckpointError for a model that cannot be loaded,
    IndexMismatchError for an index made with something else, IndexBusyError while another process
    writes, StorageError where the disk is full or closed, NothingToIndexError for a tree without text.
    """
    root = root.resolve()
    if not root.exists():
        raise InputError(f"There is no such folder: {root}.")
    if not root.is_dir():
        raise InputError(f"{root} is a file; give the folder that holds it.")
    checkpoint = open_checkpoint(settings.model)
    state = prepare_state(root)
    with write_lock(state):
        try:
            return _Build(root, state, settings, checkpoint, progress, rebuild).run()
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(
                f"The index cannot be written to {state} ({error}); free some space or check the permissions,"
                " then run the same command again: the previous index is untouched and finished work is kept."
            ) from error


@dataclass(slots=True)
class _Build:
    """One run: its inputs, and the counts that end in the report."""

    root: Path
    state: Path
    settings: BuildSettings
    checkpoint: Checkpoint
    progress: ProgressCallback | None
    rebuild: bool
    started: float = field(default_factory=time.monotonic)
    n_encoded_chunks: int = 0
    n_encoded_tokens: int = 0

    def run(self) -> BuildReport:
        wanted = _manifest_for(self.checkpoint, self.settings)
        live = self._live_manifest(wanted)
        built_at_ns = time.time_ns()
        found, walk_skips = self._walk()
        before = _Before.read(self.state, live)
        changes = compare(found, before.files, before.skipped, before.built_at_ns)
        if not changes.unchanged and not changes.suspect and not changes.added:
            raise self._nothing_to_index(walk_skips)
        if live is not None and not (changes.suspect or changes.added or changes.deleted):
            remove_others(self.state, live.generation)
            return self._report_of(before.totals, len(walk_skips) + len(changes.still_skipped))

        folder = new_generation(self.state, live)
        store = StoreWriter(folder / DATABASE)
        create_tables(store.connection)
        layout = row_layout(self.checkpoint, wanted.codec)
        with EmbeddingStore(self.state / EMBEDDINGS, layout) as embeddings:
            update = _Update(self, store, embeddings, layout.codec)
            for path in changes.deleted:
                update.remove(before.files[path])
            skips = update.add([*changes.suspect, *changes.added], before.files)
        skips += [before.skipped[path] for path in changes.still_skipped]
        skips += [SkippedRow(skip) for skip in walk_skips]
        store.replace_skipped(skips)
        chunk_keys = store.chunk_keys()
        if not chunk_keys:
            raise self._nothing_to_index([skip.file for skip in skips])

        self.report("write", 0, 1)
        stored = load_all(self.state / EMBEDDINGS, (row.embedding_key for row in chunk_keys))
        tables = make_tables(chunk_keys, stored)
        save_tables(folder, tables)
        build_single_index(folder, tables, SegmentReader(self.state / EMBEDDINGS, layout))
        git = git_state(self.root)
        totals = _totals(store)
        store.set_facts(
            {"commit": git.commit, "branch": git.branch, "built_at_ns": str(built_at_ns)}
            | {name: str(value) for name, value in totals.items()}
        )
        store.close()
        published = publish(self.state, folder, wanted)
        remove_others(self.state, published.generation)
        self.report("write", 1, 1)
        return self._report_of(totals, len(skips))

    def report(self, stage: str, done: int, total: int, path: str = "") -> None:
        """Send one progress event."""
        if self.progress is not None:
            elapsed = time.monotonic() - self.started
            self.progress(BuildProgress(stage, done, total, elapsed, self.n_encoded_tokens, path))

    def _live_manifest(self, wanted: Manifest) -> Manifest | None:
        if self.rebuild:
            return None
        try:
            live = read_manifest(self.state)
        except IndexMissingError:
            return None
        check_agrees(live, wanted, self.root)
        return live

    def _walk(self) -> tuple[list[FoundFile], list[SkippedFile]]:
        found: list[FoundFile] = []
        skips: list[SkippedFile] = []
        for entry in walk(self.root, self.settings.walk):
            if isinstance(entry, FoundFile):
                found.append(entry)
            else:
                skips.append(entry)
            if (len(found) + len(skips)) % 1000 == 0:
                self.report("walk", len(found), 0)
        self.report("walk", len(found), len(found))
        return found, skips

    def _nothing_to_index(self, skips: Sequence[SkippedFile]) -> NothingToIndexError:
        if not skips:
            return NothingToIndexError(f"{self.root} holds no files; there is nothing to index.")
        reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(s.reason for s in skips).most_common(4))
        return NothingToIndexError(f"{self.root} holds no file that can be indexed (skipped: {reasons}).")

    def _report_of(self, totals: dict[str, int], n_skipped: int) -> BuildReport:
        return BuildReport(
            **totals,
            n_encoded_chunks=self.n_encoded_chunks,
            n_encoded_tokens=self.n_encoded_tokens,
            n_skipped=n_skipped,
            elapsed_seconds=time.monotonic() - self.started,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )


@dataclass(frozen=True, slots=True)
class _Before:
    """What the live generation knows, read before a new one is begun."""

    files: dict[str, FileRow]
    skipped: dict[str, SkippedRow]
    built_at_ns: int
    totals: dict[str, int]

    @classmethod
    def read(cls, state: Path, live: Manifest | None) -> Self:
        if live is None:
            return cls({}, {}, 0, {})
        reader = StoreReader(generation_folder(state, live.generation) / DATABASE)
        try:
            facts = reader.facts()
            totals = {name: int(facts[name]) for name in TOTALS}
            return cls(reader.files(), reader.skipped(), int(facts["built_at_ns"]), totals)
        finally:
            reader.close()


class _Update:
    """Brings a generation's database and the stored embeddings to what the tree holds."""

    def __init__(self, run: _Build, store: StoreWriter, embeddings: EmbeddingStore, codec: RowCodec) -> None:
        self._run = run
        self._store = store
        self._embeddings = embeddings
        self._codec = codec
        self._tokenizer = ChunkTokenizer(run.checkpoint)
        self._encoder: Encoder | None = None
        self._queue: list[_PreparedChunk] = []
        self._queued: set[str] = set()
        self._n_queued_tokens = 0

    def remove(self, row: FileRow) -> None:
        """Take a file out, its full-text rows with it."""
        connection = self._store.connection
        chunks = self._store.file_chunks(row.file_id)
        keys = self._store.file_keys(row.file_id)
        stored = load_all(self._embeddings.folder, keys)
        for chunk, key in zip(chunks, keys, strict=True):
            rows = region_rows(chunk, stored[key].regions, chunk.chunk_id << REGION_BITS)
            remove_rows(connection, "lexical_regions", rows)
        text = "".join(chunk.text for chunk in chunks)
        symbols = [span.name for chunk in chunks for span in chunk.spans]
        remove_rows(connection, "lexical_files", [file_row(row.file_id, row.path, text, symbols)])
        self._store.remove_file(row.file_id)

    def add(self, files: Sequence[FoundFile], known: dict[str, FileRow]) -> list[SkippedRow]:
        """Read, store and encode files; returns those whose content ruled them out."""
        skips: list[SkippedRow] = []
        prepared = prefetch(self._prepare_all(files, known), n_ahead=_FILES_A_READ)
        with closing(prepared):
            for n_done, file in enumerate(prepared, 1):
                old = known.get(file.found.path)
                if file.skipped is not None:
                    skips.append(SkippedRow(file.skipped, file.found.n_bytes, file.found.mtime_ns))
                if old is not None and file.same_content:
                    self._store.touch(old.file_id, file.found.n_bytes, file.found.mtime_ns)
                else:
                    if old is not None:
                        self.remove(old)
                    if file.source is not None:
                        self._add_file(file, file.source)
                self._run.report("encode", n_done, len(files), file.found.path)
        self._encode_queue()
        return skips

    def _prepare_all(self, files: Sequence[FoundFile], known: dict[str, FileRow]) -> Iterator[_PreparedFile]:
        for found in files:
            yield self._prepare(found, known.get(found.path))

    def _prepare(self, found: FoundFile, old: FileRow | None) -> _PreparedFile:
        settings = self._run.settings
        source = read_source(self._run.root, found, settings.walk)
        if isinstance(source, SkippedFile):
            return _PreparedFile(found, skipped=source)
        if old is not None and old.sha256 == source.sha256:
            return _PreparedFile(found, same_content=True)
        parsed = parse(source, settings.parse_seconds)
        (token_chars,) = self._tokenizer.file_offsets([source.text])
        max_tokens = min(settings.max_tokens, self._run.checkpoint.max_tokens)
        chunks = cut_chunks(source, parsed.spans, token_chars, max_tokens, self._tokenizer.count_header, 0)
        prepared = []
        for chunk, tokenized in zip(chunks, self._tokenizer.tokenize(chunks), strict=True):
            regions = cut_regions(chunk, tokenized)
            prepared.append(_PreparedChunk(chunk, tokenized, regions, self._key(chunk, regions)))
        return _PreparedFile(found, source=source, problem=parsed.problem, chunks=tuple(prepared))

    def _key(self, chunk: Chunk, regions: Regions) -> str:
        """Everything the vectors depend on but the path: a renamed file keeps its vectors."""
        digest = hashlib.sha256()
        manifest = _manifest_for(self._run.checkpoint, self._run.settings)
        for part in (
            manifest.model_fingerprint,
            f"{manifest.window_tokens} {manifest.overlap_tokens} {manifest.codec}",
            chunk.header.removeprefix(chunk.path),
            chunk.text,
        ):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "little") + raw)
        digest.update(regions.chars.tobytes() + b"|" + regions.wide_chars.tobytes())
        return digest.hexdigest()

    def _add_file(self, file: _PreparedFile, source: SourceFile) -> None:
        file_id = self._store.add_file(
            path=source.path,
            language=source.language,
            sha256=source.sha256,
            n_bytes=file.found.n_bytes,
            mtime_ns=file.found.mtime_ns,
            problem=file.problem,
            text=source.text,
        )
        connection = self._store.connection
        symbols = [span.name for prepared in file.chunks for span in prepared.chunk.spans]
        add_rows(connection, "lexical_files", [file_row(file_id, source.path, source.text, symbols)])
        known = self._embeddings.known(prepared.key for prepared in file.chunks)
        for prepared in file.chunks:
            chunk = replace(prepared.chunk, chunk_id=self._store.next_chunk_id)
            self._store.add_chunk(file_id, chunk, prepared.key)
            add_rows(
                connection, "lexical_regions", region_rows(chunk, prepared.regions.chars, chunk.chunk_id << REGION_BITS)
            )
            if prepared.key not in known and prepared.key not in self._queued:
                self._queue.append(prepared)
                self._queued.add(prepared.key)
                self._n_queued_tokens += len(prepared.tokenized.input_ids)
        if self._n_queued_tokens >= _BLOCK_TOKENS:
            self._encode_queue()

    def _encode_queue(self) -> None:
        """Run the model on what is queued and store the vectors."""
        if not self._queue:
            return
        checkpoint = self._run.checkpoint
        if self._encoder is None:
            self._encoder = Encoder(checkpoint, max_memory_bytes=self._run.settings.max_memory_bytes)
            self._recipe = pool_recipe(checkpoint, self._tokenizer.skip_ids(), self._tokenizer.n_document_prompt)
        windows: list[Window] = []
        owners: list[int] = []
        for at, prepared in enumerate(self._queue):
            cut = cut_windows(prepared.tokenized, checkpoint.window_tokens, checkpoint.overlap_tokens, len(windows))
            windows += cut
            owners += [at] * len(cut)
        groups: list[list[Window]] = [[] for _ in self._queue]
        for owner, window in zip(owners, windows, strict=True):
            groups[owner].append(window)
        parts: dict[int, SequenceVectors] = {}
        for batch in pack(windows, self._encoder.batch_tokens):
            for part in split_vectors(self._encoder.encode(batch)):
                parts[part.sequence_id] = part
        for prepared, group in zip(self._queue, groups, strict=True):
            joined = join_windows(prepared.chunk.chunk_id, group, [parts.pop(window.window_id) for window in group])
            self._embeddings.add(self._pooled(prepared, joined))
            self._run.n_encoded_chunks += 1
            self._run.n_encoded_tokens += len(prepared.tokenized.input_ids)
        self._embeddings.commit()
        self._queue.clear()
        self._queued.clear()
        self._n_queued_tokens = 0

    def _pooled(self, prepared: _PreparedChunk, vectors: SequenceVectors) -> NewEmbedding:
        """One chunk's vectors as they are stored: single rows for chunk, regions and wide spans."""
        chunk, regions = prepared.chunk, prepared.regions
        areas = [*regions.chars.tolist(), *regions.wide_chars.tolist()]
        pooled_spans = tuple(
            Span("", "", start + chunk.start_char, end + chunk.start_char, 0, 0) for start, end in areas
        )
        pooled = pool_chunk(
            replace(chunk, spans=pooled_spans), prepared.tokenized, vectors.hidden, vectors.rows, self._recipe
        )
        single = pooled.single.vectors if pooled.single else np.empty((0, 0), np.float32)
        rows = pooled.multi.vectors if pooled.multi else np.empty((0, 0), np.float32)
        starts = pooled.multi.row_chars[:, 0] if pooled.multi else np.empty(0, np.int32)
        ends = pooled.multi.row_chars[:, 1] if pooled.multi else np.empty(0, np.int32)
        n_header = int(np.argmax(ends > 0)) if (ends > 0).any() else len(ends)
        n_tail = int(np.argmax(ends[::-1] > 0)) if (ends > 0).any() else 0
        body = starts[n_header : len(starts) - n_tail]
        end_rows = np.searchsorted(body, regions.chars[:, 1]) + n_header
        end_rows[-1] = len(rows)
        return NewEmbedding(
            key=prepared.key,
            single=single,
            codes=self._codec.encode(rows) if len(rows) else np.empty((0, 0), np.uint8),
            regions=np.column_stack([regions.chars, end_rows]).astype(np.int32),
            wide=regions.wide_chars if len(single) else np.empty((0, 2), np.int32),
            n_header_rows=n_header,
        )


TOTALS = ("n_files", "n_chunks", "n_spans", "n_tokens")


def _totals(store: StoreWriter) -> dict[str, int]:
    def one(sql: str) -> int:
        return int(store.connection.execute(sql).fetchone()[0])

    return {
        "n_files": one("SELECT count(*) FROM files"),
        "n_chunks": one("SELECT count(*) FROM chunks"),
        "n_spans": one("SELECT count(*) FROM spans"),
        "n_tokens": one("SELECT coalesce(sum(n_tokens), 0) FROM chunks"),
    }


def _manifest_for(checkpoint: Checkpoint, settings: BuildSettings) -> Manifest:
    """What an index made now would be."""
    return Manifest(
        generation="",
        format_version=FORMAT_VERSION,
        model=checkpoint.name,
        model_fingerprint=checkpoint.fingerprint,
        max_tokens=min(settings.max_tokens, checkpoint.max_tokens),
        window_tokens=checkpoint.window_tokens,
        overlap_tokens=checkpoint.overlap_tokens,
        codec=DEFAULT_CODEC,
        checksums={},
    )
