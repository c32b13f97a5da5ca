"""An exported index taken in: every byte checked first, then the vectors added and the texts put in place.

What arrives is written to a folder of a generation that nothing names, as far as it is what the signed
header says: these names, sizes and checksums, and nothing else. Only then is it opened. Vectors are copied
into the tree's own store under the keys of their content, so that whatever was there stays. A database
becomes a generation where the tree had no index of its own files; its tables are made here, from our store.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from indexer.disk.contained import open_regular
from indexer.disk.state_files import FOLDER_MODE, create_file
from indexer.disk.state_place import state_folder
from indexer.disk.user_folders import key_file
from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_store import EmbeddingStore, RowLayout, SegmentReader, row_layout
from indexer.embeddings.other_store import OtherStore
from indexer.errors import IndexMismatchError, IndexMissingError, InputError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.storage.database import UNCOVERED, StoreReader, StoreWriter
from indexer.storage.facts import has_text, recorded_settings
from indexer.storage.full_text import create_tables, save_words
from indexer.storage.generations import (
    DATABASE,
    EMBEDDINGS,
    generation_folder,
    new_generation,
    prepare_state,
    publish,
    remove_others,
    segment_seals,
)
from indexer.storage.manifest import Manifest, check_agrees, manifest_for, read_manifest
from indexer.storage.mapped_tables import make_tables, save_tables
from indexer.storage.other_indexes import copy_vectors
from indexer.storage.plaid_candidates import build_multi_index
from indexer.storage.signing import require_key
from indexer.storage.single_candidates import build_single_index
from indexer.travel.archives import Incoming, members_of
from indexer.travel.header import DATABASE_NAME, HEADER_NAME, MAX_HEADER_BYTES, Header, Read, read_header
from indexer.travel.textless import is_shape
from indexer.wording import counted

DEFAULT_MAX_BYTES = 50_000_000_000
_PART_BYTES = 1 << 20
_REFUSED = "The file cannot be imported: {}; get it again from where it was exported."


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What a person allows."""

    trust: bool = False
    """An export that another user or machine signed."""
    max_bytes: int = DEFAULT_MAX_BYTES
    """Of all that it unpacks to."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in."""

    header: Header
    n_vectors: int
    """Chunks whose vectors are in the store of the tree, of those that came."""
    has_placed_index: bool
    """The tree had no index of its own files, and has that of the export."""


def import_archive(
    raw: io.BufferedReader, root: Path, rules: ImportRules, *, outside: Path | None = None
) -> Imported:
    """Take in an export from a stream. See `import_folder`."""
    return _import(members_of(raw), root, rules, outside)


def import_folder(folder: Path, root: Path, rules: ImportRules, *, outside: Path | None = None) -> Imported:
    """Take in an export that was unpacked into a folder, as CI hands out what it kept.

    Raises InputError for what is damaged, too large or no export, IndexMismatchError for one that another
    user signed, that needs another model than is here, or than the tree's index has; StorageError where
    the disk is full or closed, IndexBusyError while a build writes. Then the tree's index is as it was.
    """
    return _import(_members_in(folder), root, rules, outside)


def _import(members: Iterator[Incoming], root: Path, rules: ImportRules, outside: Path | None) -> Imported:
    root = root.resolve()
    header = _checked_header(members, rules)
    checkpoint = open_checkpoint(header.manifest.model)
    _check_model(header.manifest, checkpoint)
    state = state_folder(root, outside)
    _live(state, header.manifest, root)
    _check_room(state, header, rules)
    require_key()
    is_new = not os.path.lexists(state)
    try:
        prepare_state(root, outside)
        with write_lock(state):
            live = _live(state, header.manifest, root)
            with new_generation(state, None) as folder:  # removed by a build, should this process be killed
                _unpack(members, header, folder)
                imported = _take_in(state, folder, header, checkpoint, live)
            if not imported.has_placed_index:
                shutil.rmtree(folder)
            return imported
    except BaseException as error:
        if is_new:
            shutil.rmtree(state, ignore_errors=True)
        if isinstance(error, OSError):
            raise StorageError(
                f"The index cannot be written to {state} ({error.strerror or error}); free some space or"
                " check the permissions, then import it again."
            ) from error
        raise


# --- before anything is written --------------------------------------------------------------


def _checked_header(members: Iterator[Incoming], rules: ImportRules) -> Header:
    first = next(members, None)
    if first is None or first.name != HEADER_NAME or first.n_bytes > MAX_HEADER_BYTES:
        raise InputError("The file cannot be imported: it is no index that `codesearch export` wrote.")
    read: Read = read_header(b"".join(first.parts()))
    if not read.is_own and not rules.trust:
        raise IndexMismatchError(
            f"The file is not signed with your key ({key_file()})",
            "if you know where it comes from, import it with --trust: it answers your searches from then on.",
        )
    return read.header


def _check_model(manifest: Manifest, checkpoint: Checkpoint) -> None:
    wanted = manifest_for(checkpoint, manifest.max_tokens)
    for name in ("model_fingerprint", "window_tokens", "overlap_tokens", "codec"):
        if getattr(manifest, name) != getattr(wanted, name):
            raise IndexMismatchError(
                f"The file was made with another version of the model {checkpoint.name} ({name} differs)",
                "its vectors cannot be used here; export it again with the model that is here.",
            )


def _live(state: Path, theirs: Manifest, root: Path) -> Manifest | None:
    """The index that is there; one that was made otherwise is not added to."""
    try:
        live = read_manifest(state)
    except IndexMissingError:
        return None
    check_agrees(live, theirs, root)
    return live


def _check_room(state: Path, header: Header, rules: ImportRules) -> None:
    there = next(folder for folder in state.parents if folder.is_dir())
    room = shutil.disk_usage(there).free
    if header.n_bytes > rules.max_bytes:
        raise InputError(
            f"The file unpacks to {counted(header.n_bytes, 'byte')}, and {rules.max_bytes:,} are allowed;"
            " --max-size allows more."
        )
    if 2 * header.n_bytes > room:
        raise StorageError(
            f"The file needs {counted(2 * header.n_bytes, 'byte')} while it is imported, and {there} has"
            f" {room:,} left; free some space and import it again."
        )


# --- bytes, checked --------------------------------------------------------------------------


def _unpack(members: Iterator[Incoming], header: Header, folder: Path) -> None:
    """Write what the header names, each file once and as it is described; refuse all else."""
    left = dict(header.files)
    (folder / EMBEDDINGS).mkdir(mode=FOLDER_MODE)
    for incoming in members:
        expected = left.pop(incoming.name, None)
        if expected is None:
            raise InputError(_REFUSED.format(f"it holds {incoming.name[:60]!r}, which it does not name"))
        if incoming.n_bytes != expected.n_bytes:
            raise InputError(_REFUSED.format(f"{incoming.name} has another size than it says"))
        digest = hashlib.sha256()
        with os.fdopen(create_file(folder / incoming.name), "wb") as file:
            for part in incoming.parts():
                digest.update(part)
                file.write(part)
        if digest.hexdigest() != expected.sha256:
            raise InputError(_REFUSED.format(f"{incoming.name} is not what was exported"))
    if left:
        raise InputError(_REFUSED.format(f"it lacks {next(iter(left))}"))


def _members_in(folder: Path) -> Iterator[Incoming]:
    """The files of an unpacked export, the header first; links are not followed."""
    try:
        yield _member_in(folder, HEADER_NAME)
        for name in (
            DATABASE_NAME,
            *sorted(f"{EMBEDDINGS}/{path.name}" for path in (folder / EMBEDDINGS).iterdir()),
        ):
            with suppress(FileNotFoundError):
                yield _member_in(folder, name)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no index that `codesearch export` wrote ({error}); name the file, or the folder"
            " that it was unpacked to."
        ) from error


def _member_in(folder: Path, name: str) -> Incoming:
    file = os.fdopen(open_regular(folder, name), "rb")
    n_bytes = os.fstat(file.fileno()).st_size

    def parts() -> Iterator[bytes]:
        left = n_bytes
        with file:
            while left and (part := file.read(min(left, _PART_BYTES))):
                left -= len(part)
                yield part

    return Incoming(name, n_bytes, parts)


# --- what was checked, put in place ----------------------------------------------------------


def _take_in(
    state: Path, folder: Path, header: Header, checkpoint: Checkpoint, live: Manifest | None
) -> Imported:
    layout = row_layout(checkpoint.single_dim, checkpoint.row_dim, header.manifest.codec)
    try:
        if header.has_database:
            _check_database(folder, header)
        with EmbeddingStore(state / EMBEDDINGS, layout) as store:
            with OtherStore(folder / EMBEDDINGS, layout) as other:
                keys = set(other.keys())
                n_vectors = len(copy_vectors(store, other, keys - store.known(keys)) | store.known(keys))
            shutil.rmtree(folder / EMBEDDINGS)
            if header.has_database and (live is None or not _has_own_texts(state, live)):
                _place(state, folder, header, store, layout)
                return Imported(header, n_vectors, has_placed_index=True)
    except sqlite3.Error as error:
        raise InputError(_REFUSED.format(f"its database cannot be read ({error})")) from error
    return Imported(header, n_vectors, has_placed_index=False)


def _has_own_texts(state: Path, live: Manifest) -> bool:
    """Whether a live index is of the tree's own files; one that came without texts makes room for another."""
    with closing(StoreReader(generation_folder(state, live.generation) / DATABASE)) as reader:
        return has_text(reader.facts())


def _place(state: Path, folder: Path, header: Header, store: EmbeddingStore, layout: RowLayout) -> None:
    """Make the database the live generation, with tables of our own store."""
    with closing(StoreReader(folder / DATABASE)) as reader:
        vectors = recorded_settings(header.manifest, reader.facts()).vectors
        save_words(folder, reader.query)
        tables = make_tables(reader.chunk_keys(), store.load)
    save_tables(folder, tables)
    segments = SegmentReader(state / EMBEDDINGS, layout)
    build_single_index(folder, tables, segments, vectors)
    build_multi_index(folder, tables, segments, layout.codec, vectors)
    live = publish(state, folder, header.manifest, segment_seals(state, tables, layout))
    remove_others(state, live.generation)


def _check_database(folder: Path, header: Header) -> None:
    """Refuse a database with other tables than ours, with paths that lead out of a tree, or with texts where
    the header says that there are none.

    Raises InputError or sqlite3.Error.
    """
    ours = folder / "ours.db"
    try:
        writer = StoreWriter(ours)
        create_tables(writer.connection)
        writer.close()
        with closing(_opened(ours)) as own, closing(_opened(folder / DATABASE)) as theirs:
            if _schema(own) != _schema(theirs):
                raise InputError(_REFUSED.format("its database holds other tables than an index does"))
            ((state,),) = theirs.execute("PRAGMA quick_check(1)")
            if state != "ok":
                raise InputError(_REFUSED.format("its database is damaged"))
            for (path,) in theirs.execute("SELECT path FROM files"):
                if not _is_inside(path):
                    raise InputError(_REFUSED.format(f"it names a file outside its tree, {str(path)[:60]!r}"))
            if theirs.execute(UNCOVERED).fetchone() is not None:
                raise InputError(_REFUSED.format("its chunks do not cover their files"))
            if has_text(dict(theirs.execute("SELECT key, value FROM facts"))) != header.has_text or not (
                header.has_text or all(is_shape(text) for (text,) in theirs.execute("SELECT text FROM files"))
            ):
                raise InputError(_REFUSED.format("its database is not with or without texts as it says"))
    finally:
        ours.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _schema(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    rows = db.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1, 2"
    ).fetchall()
    return [*rows, ("version", str(db.execute("PRAGMA user_version").fetchone()))]


def _is_inside(path: object) -> bool:
    if not isinstance(path, str) or "\0" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))
