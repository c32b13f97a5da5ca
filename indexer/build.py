"""THE WRITE PATH: a tree becomes an index.

    walk → compare with what is indexed → ingest → tables, FAISS → manifest

`ingest.py` is the middle of it, from files to stored vectors; the two compose all stages of writing.

A build writes a new generation beside the live one and makes it live by renaming the manifest, so
search never sees it half done. Embeddings are kept by content: what an earlier build has encoded, a
killed one too, is not encoded again.
"""

from __future__ import annotations

import resource
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from indexer.changes import compare
from indexer.checkpoint import Checkpoint, open_checkpoint
from indexer.embedding_store import EmbeddingStore, SegmentReader, load_all, row_layout
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
from indexer.ingest import Ingest
from indexer.lexical import create_tables
from indexer.lock import write_lock
from indexer.manifest import FORMAT_VERSION, Manifest, check_agrees, read_manifest
from indexer.records import BuildProgress, BuildReport, FoundFile, ProgressCallback, SkippedFile
from indexer.settings import BuildSettings
from indexer.single_vectors import build_single_index
from indexer.store import FileRow, SkippedRow, StoreReader, StoreWriter
from indexer.tables import make_tables, save_tables
from indexer.vectors.codec import DEFAULT_CODEC
from indexer.walk import walk


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
            ingest = Ingest(
                self.root, self.settings, self.checkpoint, wanted, store, embeddings, layout.codec
            )
            for path in changes.deleted:
                ingest.remove(before.files[path])
            skips = ingest.add([*changes.suspect, *changes.added], before.files, self._ingested)
            self.n_encoded_chunks, self.n_encoded_tokens = ingest.n_encoded_chunks, ingest.n_encoded_tokens
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

    def _ingested(self, n_done: int, n_files: int, path: str, ingest: Ingest) -> None:
        self.n_encoded_chunks, self.n_encoded_tokens = ingest.n_encoded_chunks, ingest.n_encoded_tokens
        self.report("encode", n_done, n_files, path)

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
        reasons = ", ".join(
            f"{count} {reason}" for reason, count in Counter(s.reason for s in skips).most_common(4)
        )
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
