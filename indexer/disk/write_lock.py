"""One writer at a time for each index; readers never wait.

A file lock held by the kernel, so a killed writer leaves none behind, with the owner and its start
written beside it for the message that a second writer gets.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.disk.state_files import write_file
from indexer.errors import IndexBusyError, StorageError
from indexer.system import runs


@contextmanager
def write_lock(state: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the writer's lock of a state folder.

    Raises IndexBusyError with the owner and its age, StorageError where the lock is no file to write to.
    """
    lock = FileLock(state / "lock", timeout=wait_seconds, mode=0o600)
    owner = state / "lock.owner"
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
        write_file(owner, json.dumps({"pid": os.getpid(), "since": time.time()}).encode(), durable=False)
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def has_writer(state: Path) -> bool:
    """Whether the process that noted itself as the writer of a state folder still runs.

    A look that holds nothing: the lock itself would stand in the way of one who begins to write.
    """
    try:
        pid = int(json.loads((state / "lock.owner").read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return runs(pid)


def _remove_half_written(state: Path) -> None:
    """Remove what killed writers were about to rename: beside the lock, only its holder writes."""
    for half in state.glob("*.new"):
        with suppress(OSError):
            half.unlink()


def _describe(owner: Path) -> str:
    try:
        held = json.loads(owner.read_text(encoding="utf-8"))
        return f" (process {int(held['pid'])}, for {max(0, int(time.time() - held['since']))} s)"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
