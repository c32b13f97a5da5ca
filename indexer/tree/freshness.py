"""What changed in a tree since it was indexed, by stat figures first and by content where those differ.

compare      a walked tree against what is indexed: what a build has to read
find_stale   the whole tree within a time budget: changed, added, deleted
stale_among  a few files, now: those that an answer is about to show
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from indexer.disk.contained import digest_on_disk
from indexer.light_dataclasses import dataclass
from indexer.records import FileRow, FoundFile, SkippedRow, StaleFiles
from indexer.settings import WalkSettings
from indexer.tree.walk import walk

RACY_NS = 2_000_000_000
"""A file modified within this time before a build may have been written again without a new time."""
_WALK_SECONDS = 12e-6
"""A file's share of a walk; a tree that cannot be walked within the budget is not begun."""


WRITTEN_BY_PROGRAMS = frozenset({"generated", "minified"})
"""Reasons to skip a file that a `!` line of the ignore file overrides."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Files of a tree against an index."""

    unchanged: tuple[str, ...]
    suspect: tuple[FoundFile, ...]
    """Known, with other stat figures: only the content can tell."""
    added: tuple[FoundFile, ...]
    deleted: tuple[str, ...]
    still_skipped: tuple[str, ...]
    """Skipped for their content at indexing, and untouched since."""

    def n_new_bytes(self, known: Mapping[str, FileRow]) -> int:
        """Bytes of the files that are surely other than what is `known`: added, or of another size."""
        resized = (f.n_bytes for f in self.suspect if f.n_bytes != known[f.path].n_bytes)
        return sum(f.n_bytes for f in self.added) + sum(resized)


def compare(
    found: Sequence[FoundFile],
    known: Mapping[str, FileRow],
    skipped: Mapping[str, SkippedRow],
    built_at_ns: int,
) -> Changes:
    """Sort a walk's files by what the index says of them.

    A file modified within two seconds before the build is suspect even with equal figures: a later
    write within the clock's grain would not show (git calls such an entry "racily clean").
    """
    racy_after = built_at_ns - RACY_NS
    unchanged, suspect, added, still_skipped = [], [], [], []
    for file in found:
        row = known.get(file.path)
        if row is not None:
            same = (
                row.n_bytes == file.n_bytes and row.mtime_ns == file.mtime_ns and file.mtime_ns < racy_after
            )
            (unchanged.append(file.path) if same else suspect.append(file))
            continue
        skip = skipped.get(file.path)
        is_brought_back = skip is not None and file.is_wanted and skip.file.reason in WRITTEN_BY_PROGRAMS
        if (
            skip is not None
            and (skip.n_bytes, skip.mtime_ns) == (file.n_bytes, file.mtime_ns)
            and not is_brought_back
        ):
            still_skipped.append(file.path)
        else:
            added.append(file)
    present = {file.path for file in found}
    return Changes(
        tuple(unchanged),
        tuple(suspect),
        tuple(added),
        tuple(path for path in known if path not in present),
        tuple(still_skipped),
    )


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
