"""One writer at a time for each index; readers never wait.

A file lock held by the kernel, so a killed writer leaves none behind, with the owner, its start and how far
it is written beside it, for those who wait or are refused.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.disk.state_files import write_file
from indexer.errors import IndexBusyError, StorageError
from indexer.light_dataclasses import dataclass
from indexer.system import runs

_OWNER = "lock.owner"
NOTE_SECONDS = 1.0
"""How far a writer is it notes at most so often, first after so long: most are done by then."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes an index, as noted beside the lock."""

    pid: int
    elapsed_seconds: float
    """Since it took the lock; 0 while unknown."""
    n_read: int
    """Files, of a build."""
    n_files: int
    """That it reads in all; 0 while unknown."""


class OwnNote:
    """The note of who holds the lock."""

    def __init__(self, state: Path) -> None:
        """Write it. Raises OSError."""
        self._path = state / _OWNER
        self._facts: dict[str, float] = {"pid": os.getpid(), "since": time.time()}
        self._noted_at = time.monotonic()
        self._write()

    def read(self, n_read: int, n_files: int) -> None:
        """Note how many files of how many are read; passed over where the disk is full."""
        now = time.monotonic()
        if now - self._noted_at >= NOTE_SECONDS:
            self._noted_at = now
            self._facts |= {"read": n_read, "files": n_files}
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        write_file(self._path, json.dumps(self._facts).encode(), durable=False)


@contextmanager
def write_lock(state: Path, wait_seconds: float = 0.0) -> Iterator[OwnNote]:
    """Hold the writer's lock of a state folder; yields its note, in which one may say how far one is.

    Raises IndexBusyError with the owner and its age, StorageError where the lock is no file to write to.
    """
    lock = FileLock(state / "lock", timeout=wait_seconds, mode=0o600)
    owner = state / _OWNER
    try:
        lock.acquire()
    except Timeout:
        raise IndexBusyError(
            f"Another process is writing the index in {state}{_describe(owner)};"
            " wait for it to end, or stop it, then run the same command again."
        ) from None
    except OSError as error:
        raise StorageError(
            f"{state / 'lock'} cannot be opened for writing ({error.strerror}); check its permissions, or"
            " remove it if it is a link, then run the same command again."
        ) from error
    try:
        _remove_half_written(state)
        yield OwnNote(state)
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def has_writer(state: Path) -> bool:
    """Whether the process that noted itself as the writer of a state folder still runs."""
    return writer_of(state) is not None


def writer_of(state: Path) -> Writer | None:
    """The process that noted itself as the writer of a state folder, if it still runs.

    A look that holds nothing: the lock itself would stand in the way of one who begins to write.
    """
    writer = _noted(state / _OWNER)
    return writer if writer is not None and runs(writer.pid) else None


def _noted(owner: Path) -> Writer | None:
    try:
        noted = json.loads(owner.read_text(encoding="utf-8"))
        since, n_files = float(noted.get("since", math.inf)), max(0, int(noted.get("files", 0)))
        n_read = min(max(0, int(noted.get("read", 0))), n_files)
        return Writer(int(noted["pid"]), max(0.0, time.time() - since), n_read, n_files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _remove_half_written(state: Path) -> None:
    """Remove what killed writers were about to rename: beside the lock, only its holder writes."""
    for half in state.glob("*.new"):
        with suppress(OSError):
            half.unlink()


def _describe(owner: Path) -> str:
    writer = _noted(owner)
    if writer is None:
        return ""
    share = f", {100 * writer.n_read // writer.n_files} % of its files read" if writer.n_files else ""
    return f" (process {writer.pid}, for {writer.elapsed_seconds:.0f} s{share})"
