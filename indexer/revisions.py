"""Indexes of commits that nobody has checked out, each beside the index of the tree and one with its vectors.

    .codesearch/revisions/NAME/     where the index of the revision NAME lies, as any outside its tree
                    └── tree-…/     its files, for as long as they are read

A revision begins as what the nearest index of the repository holds: the files of it under second names,
which take no room, so that what both share is neither read nor encoded again. Nothing that one does to its
files is seen by the other: what grows is begun anew, what is replaced has another name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from indexer.build import build
from indexer.disk.contained import read_regular
from indexer.disk.state_files import FOLDER_MODE, create_file, refuse_links, write_file
from indexer.disk.state_place import ROOT_FILE, root_of, state_folder
from indexer.disk.write_lock import write_lock
from indexer.embeddings.segment_files import open_database, segment_files
from indexer.errors import (
    CodesearchError,
    IndexBusyError,
    IndexCorruptError,
    IndexMismatchError,
    IndexMissingError,
    InputError,
    StorageError,
)
from indexer.light_dataclasses import dataclass
from indexer.records import BuildReport, Chunk, OutlineEntry, ProgressCallback, StaleFiles
from indexer.search import Searcher, recorded_settings
from indexer.settings import MANIFEST_NAME, BuildSettings, DocumentLimits
from indexer.storage.generations import EMBEDDINGS, generation_folder, prepare_state
from indexer.storage.manifest import read_manifest
from indexer.storage.other_indexes import REVISIONS
from indexer.tree.git_objects import Blob, Commit, find_commit, list_commit
from indexer.tree.revision_tree import laid_out, remove_left

DATABASE_FILE = "embeddings.db"
_BEGUN_FILE = "begun"
"""Beside the state of a revision for as long as it is what it began from, and answers nothing."""
_SHA1_CHARS = 40
"""Of a blob's name in a repository that hashes with SHA-1; others have SHA-256."""
_MAX_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class IndexedRevision:
    """A revision that has an index."""

    name: str
    """As it was given when it was indexed."""
    commit: str
    n_files: int
    n_chunks: int
    built_at: float
    """Seconds since 1970."""


class RevisionSearcher(Searcher):
    """An open index of a revision: commits do not change, and nothing of it is ever stale."""

    @classmethod
    def open_revision(cls, root: Path, name: str, outside: Path | None = None) -> Self:
        """Open the index of a revision by the name it was indexed under, or by another of the same commit.

        Raises IndexMissingError where it was not indexed, InputError where the repository does not know it
        either, and what `Searcher.open` raises.
        """
        return cls.open(root, place_of_revision(root, find_indexed(root, name, outside), outside))

    @cached_property
    def _suffix(self) -> str:
        """Behind each path, so that an answer says which revision it is of."""
        return f"@{self.facts.branch}"

    def chunk(self, chunk_id: int) -> Chunk:
        """As of any index, its path with the revision behind it."""
        chunk = super().chunk(chunk_id)
        return replace(chunk, path=chunk.path + self._suffix)

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, with the revision behind its path or without."""
        return super().file_text(path.removesuffix(self._suffix))

    def outline(self, path_prefix: str = "") -> tuple[OutlineEntry, ...]:
        """The same of symbols."""
        entries = super().outline(path_prefix.removesuffix(self._suffix))
        if not path_prefix.endswith(self._suffix):
            return entries
        return tuple(replace(entry, path=entry.path + self._suffix) for entry in entries)

    def freshness(self, budget_seconds: float = 0.5) -> StaleFiles:
        """Nothing."""
        return StaleFiles()

    def stale_among(self, paths: object) -> frozenset[str]:
        """None."""
        return frozenset()


def index_revision(
    root: Path,
    name: str,
    settings: BuildSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    outside: Path | None = None,
    others: Sequence[Path] = (),
) -> BuildReport:
    """Index a commit of the repository that holds `root`, or bring the index of a branch to its newest one.

    Without settings those of the revision's or the tree's own index count. Raises InputError for an unknown
    revision or a repository that lacks a part of it, StorageError where its folder cannot be written, and
    what `indexer.build.build` raises.
    """
    root = root.resolve()
    commit = find_commit(root, name)
    place = place_of_revision(root, name, outside)
    chosen = settings or _settings(root, (place, outside)) or BuildSettings()
    is_kept = False
    try:
        prepare_state(root, outside)
        for folder in (place.parent, place):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        state = prepare_state(root, place)
        with write_lock(state):
            remove_left(place)
        _begin(root, state, place, outside)
        max_bytes = max(chosen.walk.max_file_bytes, DocumentLimits().max_bytes)
        with laid_out(root, commit, place, max_bytes) as tree:
            more = (root, *others)
            try:
                report = build(tree, chosen, progress, outside=place, others=more)
            except IndexMismatchError:  # another model or other settings: it is made anew, the tree's stays
                report = build(tree, chosen, progress, outside=place, others=more, rebuild=True)
        (place / _BEGUN_FILE).unlink(missing_ok=True)
        is_kept = True
        return report
    except OSError as error:
        raise StorageError(
            f"The index of {name} cannot be written to {place} ({error.strerror or error}); check the"
            " permissions and the space left."
        ) from error
    except IndexBusyError:  # what lies there is another process's
        is_kept = True
        raise
    finally:
        if not is_kept and (_is_begun(place) or not (state_folder(root, place) / MANIFEST_NAME).exists()):
            shutil.rmtree(place, ignore_errors=True)


def _settings(root: Path, places: Sequence[Path | None]) -> BuildSettings | None:
    for place in places:
        with suppress(CodesearchError):
            return recorded_settings(root, place)
    return None


def changed_since(searcher: Searcher, name: str) -> frozenset[str]:
    """The indexed files that are not in a revision as they are now, on the disk or in an indexed revision.

    By content, as git names it; what lies in a submodule is another repository's. Raises InputError.
    """
    root = searcher.root
    then = list_commit(root, find_commit(root, name))
    blobs = {blob.path: blob for blob in then.blobs}
    paths = [
        path for path in searcher.paths() if not path.startswith(tuple(f"{s}/" for s in then.submodules))
    ]
    if isinstance(searcher, RevisionSearcher):
        indexed = Commit(searcher.facts.branch, searcher.facts.commit)
        own = {blob.path: blob.object_id for blob in list_commit(root, indexed).blobs}
        return frozenset(
            path for path in paths if path not in blobs or own.get(path) != blobs[path].object_id
        )
    return frozenset(path for path in paths if path not in blobs or not _is_blob(root, blobs[path]))


def _is_blob(root: Path, blob: Blob) -> bool:
    """Whether the file on disk has the content that git names."""
    path = root / blob.path
    try:
        if path.lstat().st_size != blob.n_bytes:
            return False
        content = read_regular(root, blob.path, blob.n_bytes)
    except (OSError, ValueError):
        return False
    digest = hashlib.sha1(usedforsecurity=False) if len(blob.object_id) == _SHA1_CHARS else hashlib.sha256()
    digest.update(b"blob %d\0" % len(content) + content)
    return digest.hexdigest() == blob.object_id


# --- where they lie --------------------------------------------------------------------------


def place_of_revision(root: Path, name: str, outside: Path | None = None) -> Path:
    """The folder that keeps the index of a revision. Raises InputError for what can be no name of one."""
    quoted = quote(name, safe="").replace(".", "%2E")
    if not name or len(quoted) > _MAX_NAME_BYTES:
        raise InputError(f"{name[:40]!r} cannot be the name of a revision.")
    place = state_folder(root.resolve(), outside) / REVISIONS / quoted
    if outside is None:
        _follow_rename(root.resolve(), place)
    return place


def _follow_rename(root: Path, place: Path) -> None:
    """Have the index of a revision, which went along with its repository, under that one's path of today."""
    state = state_folder(root, place)
    with suppress(CodesearchError, OSError):
        if not os.path.lexists(state):
            former = [each.parent for each in place.glob(f"*/{ROOT_FILE}") if not each.parent.is_symlink()]
            if len(former) != 1:
                return
            with write_lock(former[0]):
                former[0].rename(state)
        try:
            root_of(state)
        except IndexCorruptError:
            write_file(state / ROOT_FILE, os.fsencode(root))


def indexed_revisions(root: Path, outside: Path | None = None) -> tuple[IndexedRevision, ...]:
    """The revisions that have an index which can be opened, by name."""
    root = root.resolve()
    found = []
    for name in _names(root, outside):
        with suppress(CodesearchError, OSError):
            place = place_of_revision(root, name, outside)
            if _is_begun(place):
                continue
            with Searcher.open(root, place) as searcher:
                facts = searcher.facts
            built_at = facts.built_at_ns / 1e9
            found.append(IndexedRevision(name, facts.commit, facts.n_files, facts.n_chunks, built_at))
    return tuple(found)


def _names(root: Path, outside: Path | None) -> list[str]:
    folder = state_folder(root, outside) / REVISIONS
    with suppress(OSError):
        return sorted(unquote(entry.name) for entry in folder.iterdir() if entry.is_dir())
    return []


def find_root_with_revisions(path: Path, outside: Path | None = None) -> Path:
    """The nearest folder at or above `path` of which a revision is indexed.

    Raises IndexMissingError where there is none.
    """
    start = path.resolve()
    for folder in (start, *start.parents):
        if _names(folder, outside):
            return folder
    raise IndexMissingError(
        f"No revision of {path} is indexed",
        "`codesearch index --rev NAME` indexes a branch, a tag or a commit.",
    )


def find_indexed(root: Path, name: str, outside: Path | None = None) -> str:
    """The name under which a revision was indexed: this one, or another that stands for the same commit.

    Raises IndexMissingError where it was not, InputError where the repository does not know it.
    """
    known = indexed_revisions(root, outside)
    if any(revision.name == name for revision in known):
        return name
    commit = find_commit(root, name)
    for revision in known:
        if revision.commit == commit.commit_id:
            return revision.name
    raise IndexMissingError(
        f"Revision {name!r} is not indexed",
        f"`codesearch index --rev {name}` does it" + (f"; indexed are {_listed(known)}." if known else "."),
    )


def moved_on(root: Path, name: str, commit_id: str) -> bool:
    """Whether a name stands for another commit than was indexed; not so where it is gone."""
    try:
        return find_commit(root, name).commit_id != commit_id
    except InputError:
        return False


def forget_revision(root: Path, name: str, outside: Path | None = None) -> None:
    """Remove the index of a revision; the repository is not touched.

    Raises InputError where there is none, IndexBusyError while it is written.
    """
    root = root.resolve()
    names = _names(root, outside)
    if name not in names:
        listed = f"indexed are {', '.join(names)}" if names else "no revision is indexed"
        raise InputError(f"Revision {name!r} is not indexed; {listed}.")
    place = place_of_revision(root, name, outside)
    refuse_links(place)
    state = state_folder(root, place)
    if state.is_dir():
        with write_lock(state):
            (state / MANIFEST_NAME).unlink(missing_ok=True)  # from here on it is no index
    shutil.rmtree(place)


def _listed(revisions: Sequence[IndexedRevision]) -> str:
    return ", ".join(revision.name for revision in revisions)


# --- how they begin --------------------------------------------------------------------------


def _is_begun(place: Path) -> bool:
    return os.path.lexists(place / _BEGUN_FILE)


def _begin(root: Path, state: Path, place: Path, outside: Path | None) -> None:
    """Give a revision that has no index yet what the nearest one holds."""
    if (state / MANIFEST_NAME).exists():
        return
    indexed = sorted(indexed_revisions(root, outside), key=lambda revision: -revision.built_at)
    places = [place_of_revision(root, revision.name, outside) for revision in indexed]
    for other in (*places, outside):
        if other == place:
            continue
        try:
            with write_lock(state):
                write_file(place / _BEGUN_FILE, b"")
                _take_over(state_folder(root, other), state)
            return
        except IndexMissingError:
            continue


def _take_over(source: Path, state: Path) -> None:
    """Have the files of another index under second names; raises IndexMissingError where it has none."""
    manifest = read_manifest(source)
    with write_lock(source):
        manifest = read_manifest(source)
        generation = generation_folder(source, manifest.generation)
        for name in manifest.files:
            _same_file(generation / name, generation_folder(state, manifest.generation) / name)
        # All of them: a search has stored vectors since that this generation does not name.
        for file in segment_files(source / EMBEDDINGS):
            _same_file(file, state / EMBEDDINGS / file.name)
        open_database(source / EMBEDDINGS).close()  # takes in what a killed build wrote ahead
        copy = state / EMBEDDINGS / DATABASE_FILE
        with (
            os.fdopen(create_file(copy), "wb") as new,
            (source / EMBEDDINGS / DATABASE_FILE).open("rb") as old,
        ):
            shutil.copyfileobj(old, new, 1 << 20)
        content = (source / MANIFEST_NAME).read_bytes()
    write_file(state / MANIFEST_NAME, content)


def _same_file(old: Path, new: Path) -> None:
    """A second name for a file, or a copy where the file system has none."""
    new.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    try:
        os.link(old, new, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)
