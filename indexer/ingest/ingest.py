"""From files to stored vectors: the middle of the write path, composing its stages for `build.py`.

    read and parse → tokenize → chunks → regions → windows → pack → encode → pool → store

Preparing runs a few files ahead in a thread while the model runs; chunks whose vectors are stored
already, under whatever path or commit, are not encoded again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.chunking.chunks import cut_chunks, first_header
from indexer.chunking.pack import pack, split_vectors
from indexer.chunking.regions import Regions, cut_regions
from indexer.chunking.windows import cut_section_windows, cut_windows, join_windows
from indexer.disk.contained import digest_on_disk
from indexer.embeddings.embedding_store import NOWHERE, ROW_FORMAT, EmbeddingStore, NewEmbedding, stored_rows
from indexer.encoders.pool import pool_chunk, pool_recipe
from indexer.ingest.prefetch import prefetch
from indexer.models.checkpoint import Checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.reading.read_file import read_file
from indexer.records import (
    Chunk,
    FileRow,
    FoundFile,
    Int32Array,
    SequenceVectors,
    SkippedFile,
    SkippedRow,
    SourceFile,
    Span,
    TokenizedChunk,
    Window,
)
from indexer.settings import BuildSettings
from indexer.storage.database import StoreWriter
from indexer.storage.full_text import REGIONS, SYMBOLS, add_rows, region_rows, remove_rows, symbol_rows
from indexer.storage.manifest import Manifest
from indexer.storage.tables import REGION_BITS
from indexer.vectors.codec import RowCodec

if TYPE_CHECKING:
    from indexer.encoders.encoder import Encoder

_BLOCK_TOKENS = 65_536
"""Chunks are encoded in blocks of about this many tokens: enough to pack well, little to lose."""
_COMMIT_SECONDS = 5.0
"""Vectors are made durable at least this often, as far as batches end: a kill loses no more."""
_FILES_AHEAD = 32
TEXT_RULES = "4"
"""Changed when the same bytes are to be read as another text, with other symbols or in other windows: an
older index is then read anew."""

OnFile = Callable[[int, int, str, "Ingest"], None]
"""Called with files done, files in all, the last path, and the ingest with its counts; after each file
and each batch."""


def _nothing() -> None:
    """Nobody is told yet."""


def load_encoder(checkpoint: Checkpoint, max_memory_bytes: int) -> Encoder:
    """The model. It brings torch, which is why a build that has nothing to encode does not come here."""
    from indexer.encoders.encoder import Encoder

    return Encoder(checkpoint, max_memory_bytes=max_memory_bytes)


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
    n_redacted: int = 0
    chunks: tuple[_PreparedChunk, ...] = ()
    skipped: SkippedFile | None = None
    same_content: bool = False
    """Only the stat figures differ from what is indexed."""


class Ingest:
    """Brings a generation's database and the stored embeddings to what the tree holds."""

    def __init__(
        self,
        root: Path,
        settings: BuildSettings,
        checkpoint: Checkpoint,
        manifest: Manifest,
        store: StoreWriter,
        embeddings: EmbeddingStore,
        codec: RowCodec | None,
    ) -> None:
        self.n_encoded_chunks = 0
        self.n_encoded_tokens = 0
        self._root = root
        self._settings = settings
        self._checkpoint = checkpoint
        self._manifest = manifest
        self._store = store
        self._embeddings = embeddings
        self._codec = codec
        self._tokenizer = ChunkTokenizer(checkpoint)
        self._encoder: Encoder | None = None
        self._queue: list[_PreparedChunk] = []
        self._queued: set[str] = set()
        self._n_queued_tokens = 0
        self._report: Callable[[], None] = _nothing

    def remove(self, row: FileRow) -> None:
        """Take a file out, its full-text rows with it."""
        connection = self._store.connection
        chunks = self._store.file_chunks(row.file_id)
        keys = self._store.file_keys(row.file_id)
        stored = self._embeddings.load(keys)
        for chunk, key in zip(chunks, keys, strict=True):
            rows = region_rows(chunk, stored[key].regions, chunk.chunk_id << REGION_BITS)
            remove_rows(connection, REGIONS, rows)
        remove_rows(connection, SYMBOLS, symbol_rows(self._store.span_names(row.file_id)))
        self._store.remove_file(row.file_id)

    def add(self, files: Sequence[FoundFile], known: dict[str, FileRow], on_file: OnFile) -> list[SkippedRow]:
        """Read, store and encode files; returns those whose content ruled them out.

        `known` is what the index holds so far, by path. `on_file` is told of progress.
        """
        skips: list[SkippedRow] = []
        if files:
            on_file(0, len(files), files[0].path, self)  # the first may be a long one: minutes of reading
        prepared = prefetch(self._prepare_all(files, known), n_ahead=_FILES_AHEAD)
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
                        self._report = partial(on_file, n_done - 1, len(files), file.found.path, self)
                        self._add_file(file, file.source)
                self._report = partial(on_file, n_done, len(files), file.found.path, self)
                self._report()
        self._encode_queue()
        self._report = _nothing
        self._release_encoder()
        return skips

    def _prepare_all(self, files: Sequence[FoundFile], known: dict[str, FileRow]) -> Iterator[_PreparedFile]:
        for found in files:
            yield self._prepare(found, known.get(found.path))

    def _prepare(self, found: FoundFile, old: FileRow | None) -> _PreparedFile:
        settings = self._settings
        if old is not None and self._has_same_content(found, old):
            return _PreparedFile(found, same_content=True)
        read = read_file(self._root, found, settings)
        if isinstance(read, SkippedFile):
            return _PreparedFile(found, skipped=read)
        source, parsed = read.source, read.parsed
        prepared = []
        for chunk, tokenized in self._tokenized_chunks(source, parsed.spans):
            regions = cut_regions(chunk, tokenized)
            prepared.append(_PreparedChunk(chunk, tokenized, regions, self._key(chunk, regions)))
        return _PreparedFile(found, source, parsed.problem, read.n_redacted, tuple(prepared))

    def _has_same_content(self, found: FoundFile, old: FileRow) -> bool:
        return found.n_bytes == old.n_bytes and digest_on_disk(self._root, found.path) == old.sha256

    def _tokenized_chunks(
        self, source: SourceFile, spans: Sequence[Span]
    ) -> list[tuple[Chunk, TokenizedChunk]]:
        tokenizer = self._tokenizer
        max_tokens = min(self._settings.max_tokens, self._checkpoint.max_tokens)
        n_header_tokens = cache(tokenizer.count_header)
        header = first_header(source.path, max_tokens, n_header_tokens)
        whole = tokenizer.tokenize_whole(source.text, header)
        if whole is None:
            (token_chars,) = tokenizer.file_offsets([source.text])
        else:
            token_chars = whole.token_chars[whole.n_header : len(whole.token_chars) - whole.n_tail]
        chunks = cut_chunks(source, spans, token_chars, max_tokens, n_header_tokens, 0)
        if whole is not None and len(chunks) == 1:
            return [(chunks[0], whole)]
        return list(zip(chunks, tokenizer.tokenize(chunks), strict=True))

    def _key(self, chunk: Chunk, regions: Regions) -> str:
        """Everything the vectors depend on but the path: a renamed file keeps its vectors."""
        digest = hashlib.sha256()
        manifest = self._manifest
        for part in (
            manifest.model_fingerprint,
            f"{manifest.window_tokens} {manifest.overlap_tokens} {manifest.codec} {ROW_FORMAT}",
            chunk.header.removeprefix(chunk.path),
            chunk.text,
        ):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "little") + raw)
        digest.update(regions.chars.tobytes() + b"|" + regions.wide_chars.tobytes())
        sections = _sections(chunk)
        if len(sections):
            digest.update(b"|" + (sections - chunk.start_char).tobytes())
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
            n_redacted=file.n_redacted,
        )
        connection = self._store.connection
        known = self._embeddings.known(prepared.key for prepared in file.chunks)
        for prepared in file.chunks:
            chunk = replace(prepared.chunk, chunk_id=self._store.next_chunk_id)
            self._store.add_chunk(file_id, chunk, prepared.key)
            rows = region_rows(chunk, prepared.regions.chars, chunk.chunk_id << REGION_BITS)
            add_rows(connection, REGIONS, rows)
            if prepared.key not in known and prepared.key not in self._queued:
                known.add(prepared.key)
                self._queue.append(prepared)
                self._queued.add(prepared.key)
                self._n_queued_tokens += len(prepared.tokenized.input_ids)
            # Within the file too: a book of a million tokens is not to wait in memory as a whole.
            if self._n_queued_tokens >= _BLOCK_TOKENS:
                self._encode_queue()
        add_rows(connection, SYMBOLS, symbol_rows(self._store.span_names(file_id)))

    def _encode_queue(self) -> None:
        """Run the model on what is queued and store the vectors."""
        if not self._queue:
            return
        checkpoint = self._checkpoint
        if self._encoder is None:
            self._encoder = load_encoder(checkpoint, self._settings.max_memory_bytes)
            self._recipe = pool_recipe(
                checkpoint, self._tokenizer.skip_ids(), self._tokenizer.n_document_prompt
            )
        windows: list[Window] = []
        owners: list[int] = []
        for at, prepared in enumerate(self._queue):
            cut = _windows(prepared, checkpoint, len(windows))
            windows += cut
            owners += [at] * len(cut)
        groups: list[list[Window]] = [[] for _ in self._queue]
        for owner, window in zip(owners, windows, strict=True):
            groups[owner].append(window)
        n_missing = [len(group) for group in groups]
        parts: dict[int, SequenceVectors] = {}
        committed_at = time.monotonic()
        for batch in pack(windows, self._encoder.batch_tokens):
            for part in split_vectors(self._encoder.encode(batch)):
                parts[part.sequence_id] = part
                owner = owners[part.sequence_id]
                n_missing[owner] -= 1
                if not n_missing[owner]:
                    group = groups[owner]
                    self._finish(self._queue[owner], group, [parts.pop(window.window_id) for window in group])
            if time.monotonic() - committed_at > _COMMIT_SECONDS:
                self._embeddings.commit()
                committed_at = time.monotonic()
            self._report()
        self._embeddings.commit()
        self._queue.clear()
        self._queued.clear()
        self._n_queued_tokens = 0

    def _release_encoder(self) -> None:
        if self._encoder is not None:
            from indexer.encoders.memory import release_memory

            self._encoder = None
            release_memory()

    def _finish(self, prepared: _PreparedChunk, group: list[Window], parts: list[SequenceVectors]) -> None:
        """Hand a chunk's vectors over, once its last window has been encoded."""
        joined = join_windows(prepared.chunk.chunk_id, group, parts)
        self._embeddings.add(self._pooled(prepared, joined))
        self.n_encoded_chunks += 1
        self.n_encoded_tokens += len(prepared.tokenized.input_ids)

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
        stored = np.empty((0, 0), np.uint8)
        if self._codec is not None and len(rows):
            in_region = np.full(len(rows), NOWHERE)
            region = np.searchsorted(regions.chars[:-1, 1], body, "right")
            in_region[n_header : len(rows) - n_tail] = body - regions.chars[region, 0]
            stored = stored_rows(self._codec.encode(rows), in_region)
        return NewEmbedding(
            key=prepared.key,
            single=single,
            rows=stored,
            regions=np.column_stack([regions.chars, end_rows]).astype(np.int32),
            wide=regions.wide_chars if len(single) else np.empty((0, 2), np.int32),
            n_header_rows=n_header,
        )


def _sections(chunk: Chunk) -> Int32Array:
    """(S, 2) characters of the file: sections that a chunk's headings begin, outermost first."""
    found = [(span.start_char, span.end_char) for span in chunk.spans if span.kind == "section"]
    return np.array(found, np.int32).reshape(-1, 2)


def _windows(prepared: _PreparedChunk, checkpoint: Checkpoint, first_window_id: int) -> list[Window]:
    """A document is read section by section where the checkpoint wants it, all else in long strides."""
    tokenized, window_tokens = prepared.tokenized, checkpoint.window_tokens
    sections = _sections(prepared.chunk)
    chars = prepared.regions.chars + np.int32(prepared.chunk.start_char)
    if checkpoint.section_tokens and len(sections):
        windows = cut_section_windows(
            tokenized, chars, sections, checkpoint.section_tokens, window_tokens, first_window_id
        )
        if all(len(window.input_ids) <= window_tokens for window in windows):
            return windows
    return cut_windows(tokenized, window_tokens, checkpoint.overlap_tokens, first_window_id)
