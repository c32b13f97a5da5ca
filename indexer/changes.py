"""What changed in a tree since it was indexed, by stat figures first and by content where those differ.

Used by the write path to know what to read, and by the read path to say what is stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.records import FoundFile
from indexer.store import FileRow, SkippedRow

RACY_NS = 2_000_000_000
"""A file modified within this time before a build may have been written again without a new time."""


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


@dataclass(frozen=True, slots=True)
class StaleFiles:
    """Files whose indexed text is not what is on disk; `n_checked` is how many were compared."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    complete: bool = True
    """False where the time budget ended the comparison early."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.deleted)

    @property
    def count(self) -> int:
        """How many files are stale."""
        return len(self.changed) + len(self.added) + len(self.deleted)


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
        if skip is not None and (skip.n_bytes, skip.mtime_ns) == (file.n_bytes, file.mtime_ns):
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
