"""Which indexed files are no longer what is on disk, within a time budget."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from indexer.changes import StaleFiles, compare
from indexer.records import FoundFile
from indexer.settings import WalkSettings
from indexer.store import FileRow, SkippedRow
from indexer.walk import walk


def find_stale(
    root: Path,
    files: Mapping[str, FileRow],
    skipped: Mapping[str, SkippedRow],
    built_at_ns: int,
    budget_seconds: float,
    settings: WalkSettings | None = None,
) -> StaleFiles:
    """Compare a tree with its index: stat figures of all files, content of those that differ.

    Where the budget ends first, the result says so and counts unread suspects as changed.
    """
    deadline = time.monotonic() + budget_seconds
    found: list[FoundFile] = []
    for entry in walk(root, settings or WalkSettings()):
        if isinstance(entry, FoundFile):
            found.append(entry)
        if len(found) % 256 == 0 and time.monotonic() > deadline:
            return StaleFiles(complete=False)
    changes = compare(found, files, skipped, built_at_ns)
    changed = []
    complete = True
    for file in changes.suspect:
        if time.monotonic() > deadline:
            complete = False
            changed.append(file.path)
        elif files[file.path].n_bytes != file.n_bytes or _digest(root / file.path) != files[file.path].sha256:
            changed.append(file.path)
    return StaleFiles(tuple(changed), tuple(file.path for file in changes.added), changes.deleted, complete)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
