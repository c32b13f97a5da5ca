"""Vectors that another index of this user holds already: taken by content key, nothing is computed twice.

Checkouts and clones of one repository share most of their content. Another index is looked at where this
user's key signed it and its segments are those that it was signed with; it is read and never written to.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from indexer.disk.state_files import find_link
from indexer.disk.state_place import ROOT_FILE, state_folder
from indexer.embeddings.embedding_store import EmbeddingStore, RowLayout
from indexer.embeddings.other_store import OtherStore
from indexer.errors import CodesearchError
from indexer.storage.generations import EMBEDDINGS
from indexer.storage.manifest import read_manifest
from indexer.storage.seals import find_broken_segment

REVISIONS = "revisions"
"""Of a state folder: a folder for each revision that is indexed, which holds a state folder in turn."""
_BATCH_BYTES = 32_000_000


def states_of(roots: Iterable[Path], outside: Path | None) -> Iterator[Path]:
    """Where the indexes of some trees and of their revisions lie or lay, each once.

    A tree that was moved may have left one.
    """
    seen: set[Path] = set()
    for root in roots:
        for place in dict.fromkeys((outside, None)):
            state = state_folder(root, place)
            for each in (state, *revision_states(state)):
                if each not in seen and each.is_dir():
                    seen.add(each)
                    yield each


def revision_states(state: Path) -> list[Path]:
    """The state folders of the revisions of a tree whose own is `state`, by name; links are passed over."""
    found = sorted(state.glob(f"{REVISIONS}/*/*/"))
    return [each for each in found if os.path.lexists(each / ROOT_FILE) and not each.is_symlink()]


def take_vectors(
    embeddings: EmbeddingStore, layout: RowLayout, keys: Iterable[str], states: Iterable[Path]
) -> int:
    """Store what the indexes in `states` hold under the keys, until none is left; how many were found.

    An index that is another user's, damaged or unreadable is passed over. Raises StorageError where the
    own store cannot be written.
    """
    left = set(keys)
    n_wanted = len(left)
    for state in states:
        if not left:
            break
        if state / EMBEDDINGS != embeddings.folder and is_own(state):
            with suppress(OSError, sqlite3.Error), OtherStore(state / EMBEDDINGS, layout) as other:
                left -= copy_vectors(embeddings, other, left)
    return n_wanted - len(left)


def copy_vectors(embeddings: EmbeddingStore, other: OtherStore, keys: Iterable[str]) -> set[str]:
    """Store what another store holds whole under the keys; the keys of it.

    Raises sqlite3.Error where that one is damaged, StorageError where the own one cannot be written.
    """
    taken: set[str] = set()
    n_bytes = 0
    try:
        for new in other.load(keys):
            embeddings.add(new)
            taken.add(new.key)
            n_bytes += new.single.nbytes + new.rows.nbytes
            if n_bytes >= _BATCH_BYTES:
                embeddings.commit()
                n_bytes = 0
    finally:
        embeddings.commit()
    return taken


def is_own(state: Path) -> bool:
    """Whether this user's key signed the index in a state folder, and its segments are those of then."""
    try:
        if find_link(state) is not None:
            return False
        manifest = read_manifest(state)
        return find_broken_segment(state / EMBEDDINGS, manifest.segments) is None
    except (CodesearchError, OSError):
        return False
