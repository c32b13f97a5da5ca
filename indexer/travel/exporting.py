"""An index into one file: the vectors that its live generation needs, and its texts where that is wanted.

Those of whole chunks that searches have stored since it was published are among them. Excerpts that searches
read stay: one spares its receiver 800 tokens at most, until the whole chunk is read, and would tell which
lines were asked for. The generation is compared with its seals and every vector with the checksum of its
commit; what earlier generations left in the store stays.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from indexer.disk.state_files import FOLDER_MODE, create_file, sync_folder
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_store import EmbeddingStore, row_layout
from indexer.embeddings.other_store import OtherStore
from indexer.errors import IndexCorruptError, InputError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import open_checkpoint
from indexer.storage.database import StoreReader
from indexer.storage.facts import HAS_TEXT, TOTALS, build_facts, has_text
from indexer.storage.generations import DATABASE, EMBEDDINGS, generation_folder
from indexer.storage.manifest import Manifest, read_manifest
from indexer.storage.mapped_tables import load_tables
from indexer.storage.other_indexes import copy_vectors
from indexer.storage.seals import check_seals
from indexer.system import runs
from indexer.travel.archives import add_file, compressing, end_archive
from indexer.travel.header import (
    DATABASE_NAME,
    HEADER_NAME,
    TEXTS,
    VECTORS,
    WORDS,
    Header,
    Member,
    header_bytes,
)
from indexer.travel.textless import write_textless
from indexer.wording import counted

_NOT_SETTINGS = frozenset({*TOTALS, HAS_TEXT, "commit", "branch", "built_at_ns", "n_redacted"})


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    header: Header
    n_bytes: int
    """Of the file."""


def export_index(
    root: Path, target: Path, version: str, *, carries: str = TEXTS, outside: Path | None = None
) -> Exported:
    """Write the index of a tree to `target`, whose suffix says how; whole, or not at all.

    `version` is codesearch's own, for the message of one that cannot read the file. `carries` is one of
    CARRIES: without texts the file holds what `textless.py` says, with VECTORS alone no line, name or path
    of the tree, but vectors under the hashes of their content. Raises InputError for an unknown suffix or for
    texts that the index does not have, StorageError where `target` cannot be written, and what opening the
    index raises; IndexBusyError while a build writes it.
    """
    root = root.resolve()
    state = state_folder(root, outside)
    manifest = read_manifest(state)  # before the lock, which is a file
    try:
        with (
            write_lock(state),
            tempfile.TemporaryDirectory(".new", f".{target.name}.{os.getpid()}.", target.parent) as folder,
        ):
            _remove_abandoned(target)
            manifest = read_manifest(state)
            generation = generation_folder(state, manifest.generation)
            check_seals(root, generation, manifest.files, state / EMBEDDINGS, manifest.segments)
            with closing(StoreReader(generation / DATABASE)) as store:
                gathered = _gather(root, state, manifest, store, Path(folder))
                has_texts = has_text(store.facts())
            if carries == TEXTS and not has_texts:
                raise InputError(
                    f"The index in {root} was imported without texts; export it with --no-text, or make one"
                    " of the files with `codesearch index`."
                )
            files = gathered.files
            if carries != VECTORS:
                database = generation / DATABASE
                if carries == WORDS and has_texts:
                    database = Path(folder, DATABASE_NAME)
                    write_textless(generation / DATABASE, database, gathered.lacking)
                files = {DATABASE_NAME: database, **files}
            return _write(target, replace(gathered.header, carries=carries), files, version)
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written ({error.strerror or error}); check the folder and the space left."
        ) from error


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What is to be written of a generation's vectors."""

    header: Header
    files: dict[str, Path]
    """By their names in the export."""
    lacking: list[int]
    """chunk_ids of those whose vectors are still to be made."""


def _gather(root: Path, state: Path, manifest: Manifest, store: StoreReader, folder: Path) -> _Gathered:
    """Copy the vectors that a generation needs into a store of their own below `folder`."""
    checkpoint = open_checkpoint(manifest.model)
    layout = row_layout(checkpoint.single_dim, checkpoint.row_dim, manifest.codec)
    tables = load_tables(generation_folder(state, manifest.generation))
    keys = [row.embedding_key for row in store.chunk_keys()]
    published = {key for key, has in zip(keys, tables.has_vectors.tolist(), strict=True) if has}
    with EmbeddingStore(state / EMBEDDINGS, layout):
        pass  # takes in what a killed build wrote ahead
    own = folder / EMBEDDINGS
    own.mkdir(mode=FOLDER_MODE)
    stored, copied = OtherStore(state / EMBEDDINGS, layout), set[str]()
    with closing(stored), EmbeddingStore(own, layout) as copy, suppress(sqlite3.Error):
        copied = copy_vectors(copy, stored, filter(None, keys))
    lost = published - copied
    if lost:
        raise IndexCorruptError(
            f"The index in {root} has lost the vectors of {counted(len(lost), 'chunk')}",
            f"`codesearch doctor --repair {root}` computes them again.",
        )
    lacking = [
        chunk_id
        for chunk_id, key in zip(tables.chunk_id.tolist(), keys, strict=True)
        if key and key not in copied
    ]
    noted = store.facts()
    facts = build_facts(noted)
    header = Header(
        codesearch="",
        repository=root.name,
        commit=facts.commit,
        branch=facts.branch,
        n_files=facts.n_files,
        n_chunks=facts.n_chunks,
        n_encoded=facts.n_chunks - len(lacking),
        manifest=manifest,
        facts={name: value for name, value in noted.items() if name not in _NOT_SETTINGS},
        carries="",
        files={},
    )
    names = sorted(path.name for path in own.iterdir() if path.suffix in (".db", ".single", ".rows"))
    return _Gathered(header, {f"{EMBEDDINGS}/{name}": own / name for name in names}, lacking)


def _write(target: Path, header: Header, files: dict[str, Path], version: str) -> Exported:
    members = {name: _member(path) for name, path in files.items()}
    header = replace(header, codesearch=version, files=members)
    with _whole(target) as raw, compressing(raw, target.name) as stream:
        add_file(stream, HEADER_NAME, header_bytes(header))
        for name, path in files.items():
            add_file(stream, name, path)
        end_archive(stream)
    return Exported(header, target.stat().st_size)


def _member(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _remove_abandoned(target: Path) -> None:
    """Remove what exports to the same file have left that were killed: copies of vectors, half a file."""
    name = re.compile(rf"\.?{re.escape(target.name)}\.(\d+)\.(?:\w+\.)?new")
    for half in target.parent.iterdir():
        found = name.fullmatch(half.name)
        if found and not runs(int(found[1])):
            with suppress(OSError):
                if half.is_dir() and not half.is_symlink():
                    shutil.rmtree(half)
                else:
                    half.unlink()


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the name `target` once it is written to its end, closed to other users."""
    half = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        with os.fdopen(create_file(half), "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        half.replace(target)
        sync_folder(target.parent)
    finally:
        half.unlink(missing_ok=True)
