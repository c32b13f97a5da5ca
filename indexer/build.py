"""THE WRITE PATH: a tree becomes an index.

    walk → compare with what is indexed → ingest → words can be searched
         → encode → tables, FAISS → manifest, from time to time and at the end

`ingest/` has the two halves in the middle, from files to rows and from rows to vectors.

A build writes a new generation beside the live one and makes it live by renaming the manifest, so
search never sees it half done. Embeddings are kept by content: what an earlier build has encoded, a
killed one too, is not encoded again.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Self

from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import OwnNote, has_writer, write_lock, writer_of
from indexer.embeddings.embedding_check import repair_embeddings
from indexer.embeddings.embedding_store import EmbeddingStore, RowLayout, SegmentReader, row_layout
from indexer.errors import (
    BuildInterruptedError,
    IndexCorruptError,
    IndexMismatchError,
    IndexMissingError,
    InputError,
    NothingToIndexError,
    StorageError,
)
from indexer.ingest.backlog import Backlog, Missing
from indexer.ingest.embed import Embedder, encode_ahead
from indexer.ingest.encoding import encode_for
from indexer.ingest.ingest import TEXT_RULES, Ingest
from indexer.ingest.prepare import Preparer
from indexer.ingest.writer import Writer
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.process_memory import peak_bytes
from indexer.reading.redact import rules_version
from indexer.records import (
    BuildProgress,
    BuildReport,
    FileRow,
    FoundFile,
    ProgressCallback,
    SkippedFile,
    SkippedRow,
)
from indexer.settings import BuildSettings
from indexer.storage.compaction import move_live, segments_read
from indexer.storage.database import StoreReader, StoreWriter
from indexer.storage.facts import TOTALS, count_redacted, count_totals, has_text, number, settings_facts
from indexer.storage.full_text import create_tables, save_words
from indexer.storage.generations import (
    DATABASE,
    EMBEDDINGS,
    Pin,
    generation_folder,
    new_generation,
    prepare_state,
    publish,
    remove_others,
    segment_seals,
)
from indexer.storage.manifest import (
    Manifest,
    OlderFormatError,
    check_agrees,
    manifest_for,
    read_manifest,
)
from indexer.storage.mapped_tables import load_tables, make_tables, save_tables
from indexer.storage.other_indexes import states_of, take_vectors
from indexer.storage.plaid_candidates import build_multi_index
from indexer.storage.signing import require_key
from indexer.storage.single_candidates import build_single_index
from indexer.tree.freshness import Changes, compare
from indexer.tree.git_state import GitState, git_state
from indexer.tree.revision_tree import LaidOutTree
from indexer.tree.walk import walk
from indexer.tree.worktrees import other_worktrees

_UNTOUCHED = "the previous index is untouched"
_AT_ONCE_TOKENS = 65_536
"""So much is encoded before anything is published: it takes a second or two."""
_ENCODE_AHEAD_BYTES = 25_000
"""So much is encoded while its words are published, for a search that would encode it in any case."""
_LOAD_AHEAD_BYTES = 1_000_000
"""So much can be read while the model is loaded beside it; a larger tree is read before, in less memory."""
_PUBLISH_SECONDS = 20.0
"""What was encoded can be searched after this time at the latest, while publishing is quick."""
_ENCODING_SHARE = 9.0
"""Encoding takes at least so many times what publishing takes, however large the index."""

_LARGE_CHUNKS = 25_000
"""From here on indexes of vectors are built, and take the memory that the model had; it is loaded again."""


def build(
    root: Path | LaidOutTree,
    settings: BuildSettings,
    progress: ProgressCallback | None = None,
    *,
    rebuild: bool = False,
    encode: bool = True,
    outside: Path | None = None,
    others: Sequence[Path] = (),
) -> BuildReport:
    """Index a tree, or bring its index up to date; the index lies in the tree, or in `outside`.

    A revision that was laid out is indexed as a checkout of it would be; so is any other choice of files.

    A large tree can be searched by its words first, then by more and more vectors. Without `encode` it
    ends there: chunks that have no stored vectors get them from a later build, or when a search asks.

    `rebuild` starts over, for another model, other settings or a damaged index; stored embeddings that
    still fit and are whole are used. What is stored in the indexes of other checkouts of the repository, and
    in those of the trees `others`, is taken from there and not computed again. Raises InputError for a path
    that is no folder, CheckpointError for a model that cannot be loaded, IndexMismatchError for an index made
    with something else, IndexCorruptError for a damaged one, IndexBusyError while another process writes,
    StorageError where the disk is full or closed, NothingToIndexError for a tree without text,
    BuildInterruptedError after Ctrl-C. Whatever is raised, the index that was there is there still.
    """
    run: _Build | None = None
    try:
        revision = root if isinstance(root, LaidOutTree) else None
        root = _folder(root.root if isinstance(root, LaidOutTree) else root)
        checkpoint = open_checkpoint(settings.model)
        require_key()
        state = prepare_state(root, outside)
        with write_lock(state) as note:
            run = _Build(
                root, state, note, settings, checkpoint, progress, rebuild, encode, outside, others, revision
            )
            return run.run_locked()
    except KeyboardInterrupt:
        there = "what was read so far can be searched" if run and run.has_published else _UNTOUCHED
        raise BuildInterruptedError(
            f"Interrupted; {there}, and the same command goes on where this one ended."
        ) from None


def is_being_written(root: Path, outside: Path | None = None) -> bool:
    """Whether a process writes the index of a tree, as far as can be told without taking the lock."""
    return has_writer(state_folder(root, outside))


def awaited(root: Path, outside: Path | None = None) -> BuildProgress:
    """How far the build of a tree is that one waits for, as far as it tells: the stage is `wait`."""
    writer = writer_of(state_folder(root, outside))
    elapsed_seconds = writer.elapsed_seconds if writer is not None else 0.0
    if writer is None or writer.stage != "read":
        return BuildProgress("wait", 0, 0, elapsed_seconds)
    return BuildProgress("wait", writer.done, writer.total, elapsed_seconds)


def _folder(root: Path) -> Path:
    root = root.resolve()
    if not root.exists():
        raise InputError(f"There is no such folder: {root}.")
    if not root.is_dir():
        raise InputError(f"{root} is a file; give the folder that holds it.")
    return root


@dataclass(slots=True)
class _Build:
    """One run: its inputs, and the counts that end in the report."""

    root: Path
    state: Path
    note: OwnNote
    settings: BuildSettings
    checkpoint: Checkpoint
    progress: ProgressCallback | None
    rebuild: bool
    encode: bool
    outside: Path | None = None
    others: Sequence[Path] = ()
    revision: LaidOutTree | None = None
    may_take: bool = True
    keeps_prepared: bool = True
    n_taken_chunks: int = 0
    utilisation: float = 1.0
    started: float = field(default_factory=time.monotonic)
    n_encoded_chunks: int = 0
    n_encoded_tokens: int = 0
    n_tokens_to_encode: int = 0
    n_skipped: int = 0
    has_published: bool = False

    def run_locked(self) -> BuildReport:
        """Run; what the disk or SQLite says against it becomes one sentence."""
        try:
            return self.run()
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(
                f"The index cannot be written to {self.state} ({error}); free some space or check the"
                " permissions, then run the same command again: what was published is untouched and finished"
                " work is kept."
            ) from error
        except sqlite3.DatabaseError as error:
            raise IndexCorruptError(
                f"The index in {self.root} is damaged ({error});"
                f" `codesearch doctor --repair {self.root}` repairs it."
            ) from error

    def run(self) -> BuildReport:
        """Bring the index to what the tree holds; the caller holds the lock."""
        wanted = manifest_for(self.checkpoint, self.settings.max_tokens)
        live = self._live_manifest(wanted)
        when = {"built_at_ns": str(time.time_ns())}
        found, walk_skips = self._walk()
        commit = self.revision.commit if self.revision else None
        git = GitState(commit.commit_id, commit.name) if commit else git_state(self.root)
        text_rules = f"{TEXT_RULES} redaction={rules_version()}"
        facts = settings_facts(self.settings, text_rules) | {"commit": git.commit, "branch": git.branch}
        before = _Before.read(self.root, self.state, live, facts)
        changes = compare(found, before.files, before.skipped, before.built_at_ns)
        if not changes.unchanged and not changes.suspect and not changes.added:
            raise self._nothing_to_index(walk_skips)
        is_current = live is not None and before.is_current(changes, facts, walk_skips)
        self.n_skipped = len(walk_skips) + len(changes.still_skipped)
        if live is not None and is_current and (before.has_all_vectors or not self.encode):
            remove_others(self.state, live.generation)
            return self._report_of(before.totals)

        self.may_take = self.encode or not before.files
        layout = row_layout(self.checkpoint.single_dim, self.checkpoint.row_dim, wanted.codec)
        with EmbeddingStore(self.state / EMBEDDINGS, layout) as embeddings:
            made = self._making(wanted, layout, embeddings)
            n_new_bytes = changes.n_new_bytes(before.files)
            self.keeps_prepared = self.encode or n_new_bytes <= _ENCODE_AHEAD_BYTES
            if 0 < n_new_bytes <= _LOAD_AHEAD_BYTES:
                made.preparer.load_ahead([*changes.suspect, *changes.added])
                if self.encode:
                    made.embedder.load_ahead()
            if live is None or not is_current:
                base = live if before.files else None
                with new_generation(self.state, base) as folder:
                    totals = self._write_words(folder, made, before, changes, facts | when, walk_skips)
                    with closing(StoreReader(folder / DATABASE)) as reader:
                        missing = self._missing(made, reader)
                        if self.encode and missing.n_tokens <= _AT_ONCE_TOKENS:
                            self._start_encoding(missing)
                            blocks = made.backlog.blocks(missing, reader)
                            encode_for(math.inf, blocks, made.embedder, embeddings, self._encoded)
                            missing = Missing(())
                        live = self._publish(made, folder, reader, base, is_whole=not missing.chunks)
                # Of a large tree these are a hundred megabytes, and what follows needs none of them.
                del found, changes, missing
            else:
                totals = before.totals
            if self.encode:
                self._encode_missing(made, live)
            self.utilisation = made.embedder.utilisation
        self.report("write", 1, 1)
        return self._report_of(totals)

    def _making(self, wanted: Manifest, layout: RowLayout, embeddings: EmbeddingStore) -> _Making:
        folder = self.revision.folder if self.revision else self.root
        preparer = Preparer(folder, self.settings, self.checkpoint, wanted)
        memory = self.settings.max_memory_bytes
        embedder = Embedder(self.checkpoint, preparer, layout.codec, memory)
        return _Making(wanted, layout, embeddings, preparer, embedder, Backlog(preparer, embeddings))

    def _write_words(
        self,
        folder: Path,
        made: _Making,
        before: _Before,
        changes: Changes,
        facts: dict[str, str],
        walk_skips: Sequence[SkippedFile],
    ) -> dict[str, int]:
        """Bring the new generation's database to what the tree holds; the totals of it."""
        store = StoreWriter(folder / DATABASE)
        store.connection.execute("PRAGMA secure_delete = ON")  # what left the tree leaves the file
        try:
            create_tables(store.connection)
            writer = Writer(store)
            for path in changes.deleted:
                writer.remove(before.files[path])
            ingest = Ingest(made.preparer, writer, made.backlog if self.keeps_prepared else None)
            files = [*changes.suspect, *changes.added]
            skips = ingest.add(files, before.files, partial(self.report, "read"))
            if not self.encode:
                encode_ahead(self.checkpoint, made.preparer, made.layout.codec, made.backlog.at_hand())
            skips += [before.skipped[path] for path in changes.still_skipped]
            skips += [SkippedRow(skip) for skip in walk_skips]
            totals = count_totals(store.connection)
            if not totals["n_chunks"]:
                raise self._nothing_to_index([skip.file for skip in skips])
            store.replace_skipped(skips)
            numbers = totals | {"n_redacted": count_redacted(store.connection)}
            store.set_facts(facts | {name: str(value) for name, value in numbers.items()})
            store.close()
        finally:
            store.connection.close()
        self.n_skipped = len(skips)
        return totals

    def _encode_missing(self, made: _Making, live: Manifest) -> None:
        """Encode what the live generation lacks, and publish again from time to time and at the end."""
        seconds = _PUBLISH_SECONDS
        folder = generation_folder(self.state, live.generation)
        with closing(StoreReader(folder / DATABASE)) as reader:
            missing = self._missing(made, reader)
            if not missing.chunks and not load_tables(folder).lacks_vectors.any():
                return
            self._start_encoding(missing)
            blocks = made.backlog.blocks(missing, reader)
            while True:
                more = encode_for(seconds, blocks, made.embedder, made.embeddings, self._encoded)
                started = time.monotonic()
                if not more or len(missing.chunks) > _LARGE_CHUNKS:
                    made.embedder.release()
                with new_generation(self.state, live, same_files=True) as folder:
                    live = self._publish(made, folder, reader, live, is_whole=not more)
                if not more:
                    return
                seconds = max(_PUBLISH_SECONDS, _ENCODING_SHARE * (time.monotonic() - started))

    def _missing(self, made: _Making, reader: StoreReader) -> Missing:
        """What is still to be encoded, once what other indexes hold of it was taken."""
        missing = made.backlog.missing(reader.chunks_to_encode())
        if missing.chunks and self.may_take:
            self.may_take = False
            states = states_of((self.root, *other_worktrees(self.root), *self.others), self.outside)
            keys = [chunk.embedding_key for chunk in missing.chunks]
            self.n_taken_chunks = take_vectors(made.embeddings, made.layout, keys, states)
            if self.n_taken_chunks:
                missing = made.backlog.missing(missing.chunks)
        return missing

    def _start_encoding(self, missing: Missing) -> None:
        self.n_tokens_to_encode = missing.n_tokens
        if missing.chunks:
            self.report("encode", 0, self.n_tokens_to_encode)

    def _encoded(self, n_chunks: int, n_tokens: int) -> None:
        self.n_encoded_chunks += n_chunks
        self.n_encoded_tokens += n_tokens
        self.report("encode", min(self.n_encoded_tokens, self.n_tokens_to_encode), self.n_tokens_to_encode)

    def _publish(
        self, made: _Making, folder: Path, reader: StoreReader, previous: Manifest | None, *, is_whole: bool
    ) -> Manifest:
        """Write what is derived from the database and the embeddings, and make the generation live.

        `is_whole`: every chunk has the vectors that it is to have, and what nothing needs any more goes.
        """
        embeddings, layout = made.embeddings, made.layout
        self.report("write", 0, 1)
        garbage: list[int] = []
        if is_whole:
            live = {row.embedding_key for row in reader.chunk_keys() if row.embedding_key}
            garbage = move_live(embeddings, layout, live)
            del live
        tables = make_tables(reader.chunk_keys(), embeddings.load)
        save_tables(folder, tables)
        segments = SegmentReader(self.state / EMBEDDINGS, layout)
        before = generation_folder(self.state, previous.generation) if previous is not None else None
        build_single_index(folder, tables, segments, self.settings.vectors, before)
        if is_whole:
            save_words(folder, reader.query)
            build_multi_index(folder, tables, segments, layout.codec, self.settings.vectors, before)
        published = publish(self.state, folder, made.wanted, segment_seals(self.state, tables, layout))
        self.has_published = True
        remove_others(self.state, published.generation)
        if is_whole:
            embeddings.drop(garbage, segments_read(self.state))  # and what killed builds left unnamed
        return published

    def report(self, stage: str, done: int, total: int, path: str = "") -> None:
        """Send one progress event, and note what others may hear of it."""
        if stage in ("read", "encode"):
            self.note.tell(stage, done, total)
        if self.progress is not None:
            elapsed = time.monotonic() - self.started
            self.progress(BuildProgress(stage, done, total, elapsed, self.n_encoded_tokens, path))

    def _live_manifest(self, wanted: Manifest) -> Manifest | None:
        if self.rebuild:
            repair_embeddings(self.state / EMBEDDINGS)
            return None
        try:
            live = read_manifest(self.state)
        except (IndexMissingError, OlderFormatError):
            return None
        check_agrees(live, wanted, self.root)
        return live

    def _walk(self) -> tuple[list[FoundFile], list[SkippedFile]]:
        found: list[FoundFile] = []
        skips: list[SkippedFile] = []
        walked = self.revision.walk if self.revision else partial(walk, self.root)
        for entry in walked(self.settings.walk):
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

    def _report_of(self, totals: dict[str, int]) -> BuildReport:
        return BuildReport(
            **totals,
            n_encoded_chunks=self.n_encoded_chunks,
            n_encoded_tokens=self.n_encoded_tokens,
            n_taken_chunks=self.n_taken_chunks,
            utilisation=self.utilisation,
            n_skipped=self.n_skipped,
            elapsed_seconds=time.monotonic() - self.started,
            peak_memory_bytes=peak_bytes(),
        )


@dataclass(frozen=True, slots=True)
class _Making:
    """What generations are made with."""

    wanted: Manifest
    layout: RowLayout
    embeddings: EmbeddingStore
    preparer: Preparer
    embedder: Embedder
    backlog: Backlog


@dataclass(frozen=True, slots=True)
class _Before:
    """What the live generation knows; nothing where a new one cannot go on from it."""

    files: dict[str, FileRow]
    skipped: dict[str, SkippedRow]
    facts: dict[str, str]
    has_all_vectors: bool = True

    @classmethod
    def nothing(cls) -> Self:
        """Before the first build."""
        return cls({}, {}, {})

    @classmethod
    def read(cls, root: Path, state: Path, live: Manifest | None, facts: dict[str, str]) -> Self:
        """Read the live generation, if it was read from the tree by the same rules as `facts` says."""
        if live is None:
            return cls.nothing()
        with Pin(root, state, live) as pin:
            try:
                reader = StoreReader(pin.folder / DATABASE)
            except IndexMismatchError:  # an earlier schema: read anew, with the vectors that are stored
                return cls.nothing()
            try:
                noted = reader.facts()
                if noted.get("text_rules") != facts["text_rules"] or not has_text(noted):
                    return cls.nothing()
                has_all = not load_tables(pin.folder).lacks_vectors.any()
                return cls(reader.files(), reader.skipped(), noted, has_all)
            finally:
                reader.close()

    @property
    def built_at_ns(self) -> int:
        return number(self.facts, "built_at_ns") if self.facts else 0

    @property
    def totals(self) -> dict[str, int]:
        return {name: number(self.facts, name) for name in TOTALS}

    def is_current(self, changes: Changes, facts: dict[str, str], walk_skips: Sequence[SkippedFile]) -> bool:
        """Whether a new generation would be the same as this one."""
        if changes.suspect or changes.added or changes.deleted:
            return False
        if any(self.facts.get(name) != value for name, value in facts.items()):
            return False
        known = {row.file for row in self.skipped.values() if row.n_bytes == -1}
        return known == set(walk_skips)
