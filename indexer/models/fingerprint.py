"""One pass over a checkpoint's files: a fingerprint, and the promise that no weight is NaN or infinite.

The pass over large files is remembered in the user's cache folder by path, size and time, so that
opening a large model costs it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from indexer.disk.remembered import recall, remember
from indexer.errors import CheckpointError
from indexer.models.weights import TensorFiles

_REMEMBERED_BYTES = 8_000_000
"""Smaller files are read each time: less than 10 ms."""


def fingerprint_files(files: Iterable[Path], root: Path, name: str, *, extra: str) -> str:
    """SHA-256 over the files' paths below `root` and their contents, and `extra`.

    Raises CheckpointError where a safetensors file holds NaN or infinity.
    """
    total = hashlib.sha256(extra.encode())
    for file in sorted(files):
        total.update(f"\n{file.relative_to(root).as_posix()} {_digest(file, name)}".encode())
    return total.hexdigest()


def _digest(file: Path, name: str) -> str:
    status = file.stat()
    if status.st_size < _REMEMBERED_BYTES:
        return _check_and_hash(file, name)
    stamp = [status.st_size, status.st_mtime_ns]
    record = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:32]
    known = recall("weights", record)
    if known.get("stamp") == stamp and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    digest = _check_and_hash(file, name)
    remember("weights", record, {"stamp": stamp, "sha256": digest})
    return digest


def _check_and_hash(file: Path, name: str) -> str:
    if file.suffix == ".safetensors":
        damaged = TensorFiles([file]).find_not_finite()
        if damaged:
            raise CheckpointError(
                f"{name}: tensor {damaged} holds values that are not numbers (NaN or infinity); the weights"
                " are damaged, download or save them again."
            )
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
