"""Check an index byte by byte, say exactly what is wrong with it, and repair what can be repaired.

`examine` changes nothing but the order of things it has to open; `repair` keeps every vector that is
whole, computes the others again, and removes what killed builds left behind. The text of an index is
never mended: it is read from the tree again.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import field
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from indexer.disk.state_files import FILE_MODE, FOLDER_MODE, find_link, refuse_links
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.embeddings.embedding_check import check_embeddings
from indexer.embeddings.embedding_store import EmbeddingStore, row_layout
from indexer.embeddings.segment_files import KINDS, segment_numbers, segment_path
from indexer.errors import (
    CheckpointError,
    CodesearchError,
    IndexCorruptError,
    IndexMismatchError,
    IndexMissingError,
    StorageError,
)
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import open_checkpoint
from indexer.records import ProgressCallback
from indexer.settings import BuildSettings
from indexer.storage.compaction import segments_read
from indexer.storage.database import UNCOVERED, StoreReader
from indexer.storage.facts import TOTALS, recorded_settings
from indexer.storage.generations import (
    DATABASE,
    EMBEDDINGS,
    generation_folder,
    generation_names,
    is_pinned,
    remove_others,
)
from indexer.storage.manifest import ForeignIndexError, Manifest, read_manifest, write_manifest
from indexer.storage.mapped_tables import load_tables
from indexer.storage.other_indexes import revision_states
from indexer.storage.seals import find_broken, find_broken_segment
from indexer.wording import counted

DAMAGE, MODEL, ACCESS, LEFTOVER = "damage", "model", "access", "leftover"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: str
    """`damage`: answers may be wrong or fail; `model`: the index cannot be asked in words; `access`:
    other users can read it; `leftover`: disk space that nothing needs."""
    sentence: str
    of_tree: bool = True
    """False for what is wrong with the index of a revision, which no build of the tree mends."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination found; nothing found is a sound index."""

    root: Path
    findings: tuple[Finding, ...]
    n_files_checked: int
    n_bytes_checked: int

    @property
    def is_sound(self) -> bool:
        """Whether answers can be relied on."""
        return not any(finding.kind in (DAMAGE, MODEL) for finding in self.findings)


@dataclass(slots=True)
class _Examination:
    """One run over one index; the caller holds its lock."""

    root: Path
    state: Path
    may_write: bool = True
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> Diagnosis:
        link = find_link(self.state)
        if link is not None:
            self.note(DAMAGE, f"{link.relative_to(self.state.parent)} is a link, pipe or device")
            return self.diagnosis()
        revisions = revision_states(self.state)
        is_of_revisions_alone = bool(revisions) and not os.path.lexists(self.state / "generations")
        manifest = None if is_of_revisions_alone else self.contents()
        for state in revisions:
            self.revision(state)
        self.access(manifest)
        self.leftovers(manifest)
        return self.diagnosis()

    def contents(self) -> Manifest | None:
        """What is searched, and the manifest that names it."""
        # First, because it takes what a killed build wrote ahead into the database that is read below.
        of_embeddings = check_embeddings(self.state / EMBEDDINGS, may_write=self.may_write)
        manifest = self.manifest()
        if manifest is not None:
            self.generation(manifest)
            self.model(manifest)
        for sentence in of_embeddings:
            self.note(DAMAGE, sentence)
        return manifest

    def revision(self, state: Path) -> None:
        """The index of a revision, as that of the tree."""
        name = unquote(state.parent.name)
        inner = _Examination(self.root, state, self.may_write)
        with write_lock(state) if self.may_write else nullcontext():
            inner.contents()
        mended = f"`codesearch forget --rev {name}` and `codesearch index --rev {name}` make it anew"
        for found in inner.findings:
            sentence = found.sentence.rstrip(".")
            self.findings.append(
                Finding(found.kind, f"Revision {name}: {sentence}; {mended}.", of_tree=False)
            )

    def note(self, kind: str, sentence: str) -> None:
        self.findings.append(Finding(kind, sentence[0].upper() + sentence[1:] + "."))

    def manifest(self) -> Manifest | None:
        try:
            return read_manifest(self.state)
        except ForeignIndexError as error:
            trusted = f"`codesearch doctor --trust {self.root}` takes it over"
            self.note(DAMAGE, f"{error.problem}; if you know where it comes from, {trusted}")
            return None
        except (IndexMissingError, IndexCorruptError, IndexMismatchError) as error:
            self.note(DAMAGE, error.problem)
            return None

    def generation(self, manifest: Manifest) -> None:
        """The live generation: as it was sealed, whole in itself, and in agreement with the embeddings."""
        folder = generation_folder(self.state, manifest.generation)
        problem = find_broken(folder, manifest.files, thorough=True)
        problem = problem or find_broken_segment(self.state / EMBEDDINGS, manifest.segments)
        if problem is not None:
            self.note(DAMAGE, problem)
            return
        known = {folder / name for name in manifest.files}
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path not in known):
            self.note(DAMAGE, f"{path.relative_to(self.state)} is not of this index")
        try:
            with closing(StoreReader(folder / DATABASE)) as store:
                for sentence in _contradictions(folder, store):
                    self.note(DAMAGE, sentence)
        except (CodesearchError, sqlite3.Error, KeyError, ValueError) as error:
            self.note(DAMAGE, f"{DATABASE} cannot be read ({error})")

    def model(self, manifest: Manifest) -> None:
        try:
            checkpoint = open_checkpoint(manifest.model)
        except CheckpointError as error:
            self.note(MODEL, str(error).rstrip("."))
            return
        if checkpoint.fingerprint != manifest.model_fingerprint:
            self.note(MODEL, f"the model {manifest.model} is not the one that the index was built with")

    def access(self, manifest: Manifest | None) -> None:
        """Modes of all but what a killed build left, which nothing reads and which is noted on its own."""
        generations = self.state / "generations"
        n_open = 0
        for path in (self.state, *_everything(self.state)):
            inside = path.relative_to(generations).parts if path.is_relative_to(generations) else ()
            if len(inside) < 2 or (manifest is not None and inside[0] == manifest.generation):
                n_open += bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)
        if n_open:
            self.note(
                ACCESS,
                f"other users may read {counted(n_open, 'file or folder', 'files or folders')} of the index",
            )

    def leftovers(self, manifest: Manifest | None) -> None:
        for name in generation_names(self.state):
            if manifest is not None and name != manifest.generation:
                folder = generation_folder(self.state, name)
                if not is_pinned(folder):
                    self.note(LEFTOVER, f"generation {name} is left over from an earlier or a killed build")
        for path in _everything(self.state):
            if path.name.endswith(".new"):
                self.note(LEFTOVER, f"{path.relative_to(self.state)} is left over from a killed build")
        stray = self.stray_segments(manifest)
        if stray:
            n_bytes = sum(path.stat().st_size for path in stray)
            self.note(
                LEFTOVER, f"{counted(len(stray), 'file')} of embeddings ({n_bytes:,} bytes) needed by nothing"
            )

    def stray_segments(self, manifest: Manifest | None) -> list[Path]:
        folder = self.state / EMBEDDINGS
        named = set() if manifest is None else {int(name.partition(".")[0]) for name in manifest.segments}
        with suppress(CodesearchError, sqlite3.Error, OSError):
            uri = f"{(folder / 'embeddings.db').resolve().as_uri()}?mode=ro&immutable=1"
            with closing(sqlite3.connect(uri, uri=True)) as db:
                named |= {number for (number,) in db.execute("SELECT segment FROM segments")}
            stray = segment_numbers(folder) - named
            paths = [segment_path(folder, number, kind) for number in sorted(stray) for kind in KINDS]
            return [path for path in paths if path.exists()]
        return []

    def diagnosis(self) -> Diagnosis:
        sizes = [path.lstat().st_size for path in _everything(self.state) if not path.is_dir()]
        return Diagnosis(self.root, tuple(self.findings), len(sizes), sum(sizes))


def find_index(folder: Path, outside: Path | None = None) -> Path:
    """The nearest folder at or above `folder` that has an index, however damaged.

    Raises IndexMissingError where there is none.
    """
    folder = folder.resolve()
    for root in (folder, *folder.parents):
        if os.path.lexists(state_folder(root, outside)):
            return root
    raise IndexMissingError(
        f"There is no index in {folder} or above it; build one with `codesearch index {folder}`."
    )


def examine(root: Path, outside: Path | None = None) -> Diagnosis:
    """Check every byte of a tree's index.

    Where nothing may be written no build can run either: no lock is needed, and nothing is made. Raises
    IndexMissingError where there is no index, IndexBusyError while a build writes it.
    """
    root = root.resolve()
    state = state_folder(root, outside)
    if state.is_symlink():
        return Diagnosis(root, (Finding(DAMAGE, f"{state} is a link; remove it."),), 0, 0)
    if not state.is_dir():
        raise IndexMissingError(f"There is no index in {root}; build one with `codesearch index {root}`.")
    if find_link(state) is not None:  # the lock may be one
        return _Examination(root, state).run()
    with ExitStack() as stack:
        try:
            stack.enter_context(write_lock(state))
        except StorageError:
            return _Examination(root, state, may_write=False).run()
        return _Examination(root, state).run()


def trust(root: Path, outside: Path | None = None) -> Diagnosis:
    """Take an index that another user or machine made for one's own, if every byte of it is whole.

    Raises what `read_manifest` raises but for that; the caller should know where the index comes from.
    """
    root = root.resolve()
    state = state_folder(root, outside)
    refuse_links(state)
    with write_lock(state):
        manifest = read_manifest(state, trust=True)
        folder = generation_folder(state, manifest.generation)
        problem = find_broken(folder, manifest.files, thorough=True)
        if problem is not None:
            raise IndexCorruptError(
                f"The index in {root} is damaged ({problem}) and is not taken over; get a whole copy, or"
                f" build your own with `codesearch index --rebuild {root}`."
            )
        write_manifest(state, manifest)
    return examine(root, outside)


def repair(root: Path, progress: ProgressCallback | None = None, outside: Path | None = None) -> Diagnosis:
    """Mend what `examine` finds and return what is left of it.

    Raises what `examine` and `indexer.build.build` raise.
    """
    from indexer.build import build  # brings what only a build needs

    root = root.resolve()
    state = state_folder(root, outside)
    diagnosis = examine(root, outside)
    if not diagnosis.findings or state.is_symlink():
        return diagnosis
    _remove_links(state)
    for path in (state, *_everything(state)):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
    if any(f.of_tree and f.kind in (DAMAGE, MODEL) for f in examine(root, outside).findings):
        build(root, _recorded_settings(state), progress, rebuild=True, outside=outside)
    with write_lock(state):
        live = read_manifest(state)
        remove_others(state, live.generation)
        for path in _everything(state):
            if path.name.endswith(".new") and path.is_file():
                path.unlink()
        checkpoint = open_checkpoint(live.model)
        layout = row_layout(checkpoint.single_dim, checkpoint.row_dim, live.codec)
        with EmbeddingStore(state / EMBEDDINGS, layout) as embeddings:
            embeddings.drop([], segments_read(state))
    return examine(root, outside)


def _contradictions(folder: Path, store: StoreReader) -> Iterator[str]:
    """Where the database, the tables and the embeddings of a generation do not say the same."""
    (state,) = store.query("PRAGMA quick_check(1)")[0]
    if state != "ok":
        yield f"{DATABASE} is malformed ({state})"
        return
    facts = store.facts()
    for name, table in zip(TOTALS, ("files", "chunks", "spans"), strict=False):
        ((count,),) = store.query(f"SELECT count(*) FROM {table}")  # noqa: S608
        if facts.get(name) != str(count):
            yield f"{DATABASE} holds {count:,} {table} where it notes {facts.get(name)}"
    gaps = store.query(UNCOVERED)
    if gaps:
        yield f"the chunks of {gaps[0][0]} and {len(gaps) - 1:,} other files do not cover their files"
    tables = load_tables(folder)
    rows = store.query("SELECT chunk_id, file_id, embedding_key FROM chunks ORDER BY chunk_id")
    columns = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    if not np.array_equal(columns, np.stack([tables.chunk_id, tables.file_id], axis=1)):
        yield "chunks.npy and the database are not of the same chunks"
        return
    places = _places(folder.parent.parent / EMBEDDINGS)
    n_moved = 0
    for at, row in enumerate(rows):
        if tables.segment[at] < 0:
            continue
        place = places.get(row[2])
        sizes = (int(tables.n_single[at]), int(tables.n_rows[at]))
        n_moved += place is None or place != sizes
    if n_moved:
        yield f"embeddings.db does not know the vectors of {counted(n_moved, 'chunk')}, to be computed again"


def _places(folder: Path) -> dict[str, tuple[int, int]]:
    """How many rows of both kinds are stored under each key; empty where the database cannot be read."""
    with suppress(sqlite3.Error, OSError):
        uri = f"{(folder / 'embeddings.db').resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            rows = db.execute("SELECT key, n_single, n_rows FROM embeddings")
            return {key: (n_single, n_rows) for key, n_single, n_rows in rows}
    return {}


def _recorded_settings(state: Path) -> BuildSettings:
    """What the index was built with, as far as that can still be read."""
    settings = BuildSettings()
    with suppress(CodesearchError, sqlite3.Error, OSError):
        manifest = read_manifest(state)
        settings = recorded_settings(manifest, {})
        folder = generation_folder(state, manifest.generation)
        with closing(StoreReader(folder / DATABASE)) as store:
            settings = recorded_settings(manifest, store.facts())
    return settings


def _everything(state: Path) -> list[Path]:
    """All that lies below a state folder, links as they are."""
    found = []
    for folder, folders, files in os.walk(state):
        found += [Path(folder, name) for name in (*folders, *files)]
    return sorted(found)


def _remove_links(state: Path) -> None:
    while (link := find_link(state)) is not None:
        link.unlink()
