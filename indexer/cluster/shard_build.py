"""A planned shard becomes an archive in the store, in two steps that may run on two machines.

    read_shard    tree → words: read, parse, redact, cut (no model)
    ShardEncoder  words → vectors → the finished shard

Only the store is between them. Each looks there first whether its work is done, so that a job that is broken
off or repeated does nothing twice; what a step was doing when it was killed is done again.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from indexer.build import build
from indexer.cluster.planning import Plan
from indexer.cluster.store import SHARDS, WORDS, Store
from indexer.cluster.trees import tree_of
from indexer.disk.state_files import FOLDER_MODE
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_store import EmbeddingStore, row_layout
from indexer.errors import CodesearchError
from indexer.ingest.backlog import Backlog
from indexer.ingest.embed import Embedder
from indexer.ingest.encoding import encode_for
from indexer.ingest.prepare import Preparer
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.settings import BuildSettings
from indexer.storage.database import StoreReader
from indexer.storage.generations import (
    DATABASE,
    EMBEDDINGS,
    generation_folder,
    new_generation,
    publish,
    remove_others,
    segment_seals,
)
from indexer.storage.manifest import manifest_for, read_manifest
from indexer.storage.mapped_tables import make_tables, save_tables
from indexer.travel.exporting import export_index
from indexer.travel.header import Header
from indexer.travel.importing import Imported, ImportRules, import_archive

_ANY_SIZE = ImportRules(trust=True, max_bytes=1 << 50)
"""What comes from the store was compared with its SHA-256, which came from the job or the catalogue."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished shard, or why there is none: all that travels of it."""

    digest: str
    sha256: str = ""
    n_files: int = 0
    n_chunks: int = 0
    n_tokens: int = 0
    n_bytes: int = 0
    n_encoded_chunks: int = 0
    """By this job: 0 where the store had it."""
    n_encoded_tokens: int = 0
    read_seconds: float = 0.0
    encode_seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every step of a job needs; the same on each machine."""

    store: Store
    settings: BuildSettings
    version: str
    """Of codesearch, for the archives."""
    scratch: str = ""
    """A folder for what is at hand; empty: the system's temporary one."""

    def folder(self) -> tempfile.TemporaryDirectory[str]:
        """A new folder on this machine, gone at the end."""
        return tempfile.TemporaryDirectory(prefix="codesearch-shard-", dir=self.scratch or None)


def read_shard(plan: Plan, at: Workplace) -> Made:
    """Have the words of a shard in the store, unless it is finished. Raises CodesearchError, OSError."""
    started = time.monotonic()
    if at.store.facts(SHARDS, plan.digest) is None and at.store.facts(WORDS, plan.digest) is None:
        with at.folder() as name:
            folder = Path(name)
            outside = folder / "state"
            with tree_of(plan.sources, plan.part, plan.n_parts, folder, at.settings) as tree:
                report = build(tree, at.settings, encode=False, outside=outside)
                archive = folder / "words.tar"
                export_index(tree.root, archive, at.version, outside=outside)
            facts = {"n_tokens": report.n_tokens, "repository": tree.root.name}
            at.store.publish(archive, WORDS, plan.digest, facts)
    return Made(plan.digest, read_seconds=time.monotonic() - started)


class ShardEncoder:
    """One model on one machine; shards of it one after the other."""

    def __init__(self, at: Workplace) -> None:
        """Loads no model; the first chunk that nobody has encoded does."""
        self._at = at
        self._embedder: Embedder | None = None

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return open_checkpoint(self._at.settings.model)

    def _embedder_of(self, preparer: Preparer) -> Embedder:
        """The one that all shards go through, made with the preparer of the first."""
        if self._embedder is None:
            memory = self._at.settings.max_memory_bytes
            self._embedder = Embedder(self._checkpoint, preparer, self._layout.codec, memory)
        return self._embedder

    @cached_property
    def _layout(self) -> Any:
        checkpoint = self._checkpoint
        codec = manifest_for(checkpoint, self._at.settings.max_tokens).codec
        return row_layout(checkpoint.single_dim, checkpoint.row_dim, codec)

    def finish(self, plan: Plan, read: Made, on_tokens: Callable[[int], None] = lambda n: None) -> Made:
        """Encode what a shard lacks and put it into the store. Raises CodesearchError, OSError.

        `on_tokens` is told of tokens as they are encoded.
        """
        store, digest = self._at.store, plan.digest
        done = store.facts(SHARDS, digest)
        if done is not None:
            return _made(digest, done, read)
        words = store.facts(WORDS, digest)
        if words is None:
            raise CodesearchError(f"The words of {plan.name} left the store; run the same command again.")
        # Before hours of encoding that a full store would lose: a shard is its words, and a row a token.
        store.check_room(words["n_bytes"] + words["n_tokens"] * self._layout.n_row_bytes)
        started = time.monotonic()
        n_chunks = n_tokens = 0

        def on_batch(chunks: int, tokens: int) -> None:
            nonlocal n_chunks, n_tokens
            n_chunks, n_tokens = n_chunks + chunks, n_tokens + tokens
            on_tokens(tokens)

        with self._at.folder() as name:
            folder = Path(name)
            outside, root = folder / "state", folder / words["repository"]
            root.mkdir()
            header = self._taken_in(WORDS, digest, words["sha256"], root, outside).header
            for old, sha256 in plan.previous:
                with suppress(CodesearchError, OSError):  # what cannot be had is encoded
                    self._taken_in(SHARDS, old, sha256, root, outside)
            self._encode(root, outside, on_batch)
            archive = folder / "shard.tar"
            export_index(root, archive, self._at.version, outside=outside)
            facts = _counts(header) | {"n_tokens": words["n_tokens"]}
            done = store.publish(archive, SHARDS, digest, facts)
        store.drop(WORDS, digest)
        made = _made(digest, done, read)
        seconds = time.monotonic() - started
        return replace(made, n_encoded_chunks=n_chunks, n_encoded_tokens=n_tokens, encode_seconds=seconds)

    def _taken_in(self, kind: str, digest: str, sha256: str, root: Path, outside: Path) -> Imported:
        return take_in(self._at.store, (kind, digest, sha256), root, outside)

    def _encode(self, root: Path, outside: Path, on_batch: Callable[[int, int], None]) -> None:
        """Encode what has no vectors and publish it, as a build does behind its words."""
        state = state_folder(root, outside)
        layout = self._layout
        with write_lock(state):
            live = read_manifest(state)
            preparer = Preparer(root, self._at.settings, self._checkpoint, live)
            reader = StoreReader(generation_folder(state, live.generation) / DATABASE)
            with closing(reader), EmbeddingStore(state / EMBEDDINGS, layout) as embeddings:
                backlog = Backlog(preparer, embeddings)
                missing = backlog.missing(reader.chunks_to_encode())
                blocks = backlog.blocks(missing, reader)
                encode_for(math.inf, blocks, self._embedder_of(preparer), embeddings, on_batch)
                with new_generation(state, live, same_files=True) as folder:
                    tables = make_tables(reader.chunk_keys(), embeddings.load)
                    save_tables(folder, tables)  # FAISS and PLAID are made where the shard is opened
                    publish(state, folder, live, segment_seals(state, tables, layout))
            remove_others(state, folder.name)


def take_in(store: Store, artefact: tuple[str, str, str], root: Path, outside: Path) -> Imported:
    """Import an artefact (kind, digest, SHA-256) of the store as the index of a folder; checked byte by byte.

    Raises what `Store.fetch` and `indexer.travel.importing.import_archive` raise.
    """
    kind, digest, sha256 = artefact
    outside.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="codesearch-shard-", dir=outside) as folder:
        archive = Path(folder) / "archive.tar"
        store.fetch(kind, digest, sha256, archive)
        with archive.open("rb") as raw:
            return import_archive(raw, root, _ANY_SIZE, outside=outside)


def _counts(header: Header) -> dict[str, Any]:
    return {"n_files": header.n_files, "n_chunks": header.n_chunks, "repository": header.repository}


def _made(digest: str, done: dict[str, Any], read: Made) -> Made:
    names = ("sha256", "n_files", "n_chunks", "n_tokens", "n_bytes")
    return Made(digest, **{name: done[name] for name in names}, read_seconds=read.read_seconds)


def to_plain(made: Made) -> dict[str, Any]:
    """A row that travels."""
    return asdict(made)
