"""What was computed once about a model on this machine, in the user's cache folder.

Nothing depends on it but time: without a cache folder, or with one that cannot be written, it is
computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.disk.state_files import FOLDER_MODE, write_file
from indexer.disk.user_folders import cache_folder

_DIGEST_BYTES = hashlib.sha256().digest_size
_MAX_HALF_SECONDS = 3_600
"""So old is a half-written file that nobody goes on with; a younger one may still be written."""
_MAX_IDLE_SECONDS = 90 * 86_400
"""Not asked for in so long, it was of another version or model: a compiled model is a hundred megabytes."""


def recall(kind: str, name: str) -> dict[str, object]:
    """What was remembered under a name; empty where nothing is."""
    path = _record(kind, f"{name}.json")
    if path is not None:
        with suppress(OSError, ValueError, RecursionError):
            value = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(value, dict):
                return value
    return {}


def remember(kind: str, name: str, value: dict[str, object]) -> None:
    """Keep a value for the next process."""
    _write(_record(kind, f"{name}.json"), json.dumps(value).encode())


def recall_bytes(kind: str, name: str) -> NDArray[np.uint8] | None:
    """What `remember_bytes` kept, mapped; what is written to it is not written to disk.

    A file is mapped once, for all that ask and for as long as the process lives: who computes with what is
    mapped may not hold the mapping. None where nothing is kept, or something that was cut or changed.
    """
    path = _record(kind, name)
    if path is not None:
        with suppress(OSError, ValueError):
            facts = path.stat()
            with suppress(OSError):  # so that it is seen to be in use, where a mount does not note that
                os.utime(path, ns=(time.time_ns(), facts.st_mtime_ns))
            return _mapped(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return None


@cache
def _mapped(path: Path, inode: int, n_bytes: int, mtime_ns: int) -> NDArray[np.uint8] | None:
    kept = np.memmap(path, np.uint8, "c")
    content, digest = kept[:-_DIGEST_BYTES], kept[-_DIGEST_BYTES:]
    return content if hashlib.sha256(content.data).digest() == digest.tobytes() else None


def remember_bytes(kind: str, name: str, content: bytes) -> None:
    """Keep bytes for the next process."""
    _write(_record(kind, name), content + hashlib.sha256(content).digest())


def _write(path: Path | None, content: bytes) -> None:
    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path.parent)
            write_file(path, content, durable=False)


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes were about to rename, and what nobody has asked for in a long time."""
    now = time.time()
    for path in folder.iterdir():
        with suppress(OSError):
            facts = path.lstat()
            is_half = path.suffix == ".new" and now - facts.st_mtime > _MAX_HALF_SECONDS
            if is_half or now - max(facts.st_atime, facts.st_mtime) > _MAX_IDLE_SECONDS:
                path.unlink()


def private_folder(kind: str) -> Path:
    """A folder for what a library keeps, closed to other users: in the cache, else a new temporary one."""
    folder = cache_folder()
    if folder is not None:
        with suppress(OSError):
            (folder / kind).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if os.access(folder / kind, os.W_OK | os.X_OK):
                return folder / kind
    import tempfile

    return Path(tempfile.mkdtemp(prefix="codesearch-"))


def _record(kind: str, name: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / kind / name
