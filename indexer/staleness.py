"""Which indexed files are no longer what is on disk, within a time budget.

find_stale   the whole tree: changed, added, deleted
stale_among  a few files, now: those that an answer is about to show
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from indexer.changes import RACY_NS, StaleFiles, compare
from indexer.contained import open_regular
from indexer.records import FoundFile
from indexer.settings import WalkSettings
from indexer.store import FileRow, SkippedRow
from indexer.walk import walk

_WALK_SECONDS = 12e-6
"""A file's share of a walk; a tree that cannot be walked within the budget is not begun."""


def find_stale(
    root: Path,
    files: Mapping[str, FileRow],
    skipped: Mapping[str, SkippedRow],
    built_at_ns: int,
    budget_seconds: float,
    settings: WalkSettings | None = None,
) -> StaleFiles:
    """Compare a tree with its index: stat figures of all files, content of those that differ.

    Where the budget is too small for that, the result is not complete: files that could not be read
    any more count as changed, and in a tree that is too large to be walked, added files are not seen.
    """
    deadline = time.monotonic() + budget_seconds
    if len(files) * _WALK_SECONDS > budget_seconds:
        return _find_among_known(root, files, built_at_ns, deadline)
    found: list[FoundFile] = []
    for entry in walk(root, settings or WalkSettings()):
        if isinstance(entry, FoundFile):
            found.append(entry)
    changes = compare(found, files, skipped, built_at_ns)
    changed = []
    complete = True
    for file in changes.suspect:
        row = files[file.path]
        if row.n_bytes != file.n_bytes:
            changed.append(file.path)
        elif time.monotonic() > deadline:
            complete = False
            changed.append(file.path)
        elif digest_on_disk(root, file.path) != row.sha256:
            changed.append(file.path)
    return StaleFiles(tuple(changed), tuple(file.path for file in changes.added), changes.deleted, complete)


def stale_among(
    root: Path, files: Mapping[str, FileRow], built_at_ns: int, paths: Iterable[str]
) -> frozenset[str]:
    """Those of a few indexed paths whose file has changed or is gone, by stat and, if need be, content."""
    return frozenset(path for path in paths if path in files and _is_stale(root, files[path], built_at_ns))


def _find_among_known(
    root: Path, files: Mapping[str, FileRow], built_at_ns: int, deadline: float
) -> StaleFiles:
    """Changed and deleted among what is indexed, as far as the time goes."""
    changed, deleted = [], []
    prefix = f"{root}/"
    racy_after = built_at_ns - RACY_NS
    for number, (path, row) in enumerate(files.items()):
        if number % 256 == 0 and time.monotonic() > deadline:
            break
        try:
            status = os.lstat(prefix + path)
        except OSError:
            deleted.append(path)
            continue
        same = status.st_size == row.n_bytes and status.st_mtime_ns == row.mtime_ns < racy_after
        if not same and (status.st_size != row.n_bytes or digest_on_disk(root, path) != row.sha256):
            changed.append(path)
    return StaleFiles(tuple(changed), (), tuple(deleted), complete=False)


def _is_stale(root: Path, row: FileRow, built_at_ns: int) -> bool:
    try:
        status = os.lstat(root / row.path)
    except OSError:
        return True
    if status.st_size != row.n_bytes:
        return True
    if status.st_mtime_ns == row.mtime_ns < built_at_ns - RACY_NS:
        return False
    return digest_on_disk(root, row.path) != row.sha256


def digest_on_disk(root: Path, path: str) -> str:
    """The SHA-256 of a file's bytes, in hex; empty where it cannot be read, or is no file any more.

    `path` is repo-relative, and a link on it is not followed.
    """
    try:
        with os.fdopen(open_regular(root, path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""
