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
_TOLD = {"read": "of its files read", "encode": "encoded"}


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes an index, as noted beside the lock."""

    pid: int
    elapsed_seconds: float
    """Since it took the lock; 0 while unknown."""
    stage: str = ""
    """`read` or `encode`, of a build; empty while it has told nothing."""
    done: int = 0
    total: int = 0
    """Files that are read, tokens that are encoded."""


class OwnNote:
    """The note of who holds the lock."""

    def __init__(self, state: Path) -> None:
        """Write it. Raises OSError."""
        self._path = state / _OWNER
        self._facts: dict[str, float | str] = {"pid": os.getpid(), "since": time.time()}
        self._noted_at = time.monotonic()
        self._write()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Note how far one is, as `Writer` has it; passed over where the disk is full."""
        now = time.monotonic()
        is_last = done == total and "stage" in self._facts
        if is_last or now - self._noted_at >= NOTE_SECONDS:
            self._noted_at = now
            self._facts |= {"stage": stage, "done": done, "total": total}
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
        since, total = float(noted.get("since", math.inf)), max(0, int(noted.get("total", 0)))
        done = min(max(0, int(noted.get("done", 0))), total)
        elapsed_seconds = max(0.0, time.time() - since)
        return Writer(int(noted["pid"]), elapsed_seconds, str(noted.get("stage", "")), done, total)
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
    share = ""
    if writer.done < writer.total and writer.stage in _TOLD:
        share = f", {100 * writer.done // writer.total} % {_TOLD[writer.stage]}"
    return f" (process {writer.pid}, for {writer.elapsed_seconds:.0f} s{share})"
