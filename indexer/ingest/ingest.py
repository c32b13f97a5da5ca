"""From files to stored vectors: the middle of the write path, composing its stages for `build.py`.

    prepare (read, parse, tokenise, cut) → write (rows, words) → embed (pack, encode, pool) → store

Preparing runs a few files ahead in a thread while the model runs; chunks whose vectors are stored
already, under whatever path or commit, are not encoded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from indexer.embeddings.embedding_store import EmbeddingStore
from indexer.ingest.embed import Embedder
from indexer.ingest.prefetch import prefetch
from indexer.ingest.prepare import PreparedChunk, PreparedFile, Preparer
from indexer.ingest.writer import Writer
from indexer.records import FileRow, FoundFile, SkippedRow

_BLOCK_TOKENS = 65_536
"""Chunks are encoded in blocks of about this many tokens: enough to pack well, little to lose."""
_COMMIT_SECONDS = 5.0
"""Vectors are made durable at least this often, as far as batches end: a kill loses no more."""
_FILES_AHEAD = 32
TEXT_RULES = "5"
"""Changed when the same bytes are to be read as another text, with other symbols or in other windows: an
older index is then read anew."""

OnFile = Callable[[int, int, str, "Ingest"], None]
"""Called with files done, files in all, the last path, and the ingest with its counts; after each file
and each batch."""


def _nothing() -> None:
    """Nobody is told yet."""


class Ingest:
    """Brings a generation's database and the stored embeddings to what the tree holds."""

    def __init__(
        self, preparer: Preparer, writer: Writer, embedder: Embedder, embeddings: EmbeddingStore
    ) -> None:
        self.n_encoded_chunks = 0
        self.n_encoded_tokens = 0
        self._preparer = preparer
        self._writer = writer
        self._embedder = embedder
        self._embeddings = embeddings
        self._queue: list[PreparedChunk] = []
        self._queued: set[str] = set()
        self._n_queued_tokens = 0
        self._report: Callable[[], None] = _nothing

    def add(
        self, files: Sequence[FoundFile], known: Mapping[str, FileRow], on_file: OnFile
    ) -> list[SkippedRow]:
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
                    self._writer.touch(old, file.found)
                else:
                    if old is not None:
                        self._writer.remove(old)
                    if file.source is not None:
                        self._report = partial(on_file, n_done - 1, len(files), file.found.path, self)
                        self._writer.add(file)
                        self._enqueue(file)
                self._report = partial(on_file, n_done, len(files), file.found.path, self)
                self._report()
        self._encode_queue()
        self._report = _nothing
        self._embedder.release()
        return skips

    def _prepare_all(
        self, files: Sequence[FoundFile], known: Mapping[str, FileRow]
    ) -> Iterator[PreparedFile]:
        for found in files:
            yield self._preparer.prepare(found, known.get(found.path))

    def _enqueue(self, file: PreparedFile) -> None:
        known = self._embeddings.known(prepared.key for prepared in file.chunks) | self._queued
        for prepared in file.chunks:
            if prepared.key not in known:
                known.add(prepared.key)
                self._queue.append(prepared)
                self._queued.add(prepared.key)
                self._n_queued_tokens += len(prepared.tokenized.input_ids)
            # Within the file too: a book of a million tokens is not to wait in memory as a whole.
            if self._n_queued_tokens >= _BLOCK_TOKENS:
                self._encode_queue()

    def _encode_queue(self) -> None:
        """Run the model on what is queued and store the vectors."""
        committed_at = time.monotonic()
        n_tokens = {prepared.key: len(prepared.tokenized.input_ids) for prepared in self._queue}
        for finished in self._embedder.embed(self._queue):
            for new in finished:
                self._embeddings.add(new)
                self.n_encoded_chunks += 1
                self.n_encoded_tokens += n_tokens[new.key]
            if time.monotonic() - committed_at > _COMMIT_SECONDS:
                self._embeddings.commit()
                committed_at = time.monotonic()
            self._report()
        self._embeddings.commit()
        self._queue.clear()
        self._queued.clear()
        self._n_queued_tokens = 0
