"""Seals: what each file of an index was when its build ended, so that a change by others is noticed.

A generation's files never change after the build: size and time are compared at each opening, the
checksum where they differ. Segments of embeddings grow at their end and are sealed by their first and
last bytes, which tells another repository's from our own; every byte of both is `doctor.py`'s to check.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from indexer.errors import IndexCorruptError
from indexer.light_dataclasses import dataclass

_SAMPLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Seal:
    """A file at the end of a build."""

    n_bytes: int
    mtime_ns: int
    """0 for a segment, which may be appended to."""
    sha256: str
    """Of the file; for a segment, of the first and the last bytes of its first `n_bytes`."""


def seal_file(path: Path) -> Seal:
    """Seal a file that will not change any more; its content is synced to the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        status = os.fstat(file.fileno())
    return Seal(status.st_size, status.st_mtime_ns, digest)


def seal_segment(path: Path, n_bytes: int) -> Seal:
    """Seal the first `n_bytes` of a file that later builds append to."""
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(min(_SAMPLE_BYTES, n_bytes)))
        file.seek(max(0, n_bytes - _SAMPLE_BYTES))
        digest.update(file.read(min(_SAMPLE_BYTES, n_bytes)))
    return Seal(n_bytes, 0, digest.hexdigest())


def find_broken(folder: Path, seals: Mapping[str, Seal], *, thorough: bool = False) -> str | None:
    """One sentence about the first file of a generation that is not as it was sealed, or None.

    `thorough` reads every file; else equal size and time are enough.
    """
    for name, seal in seals.items():
        path = folder / name
        try:
            status = path.lstat()
            if status.st_size != seal.n_bytes:
                return f"{name} has {status.st_size:,} bytes where the build left {seal.n_bytes:,}"
            if not thorough and status.st_mtime_ns == seal.mtime_ns:
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != seal.sha256:
                    return f"{name} has changed since the build wrote it"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        # A copied or restored index: the content is right, and need not be read at the next opening.
        if status.st_mtime_ns != seal.mtime_ns:
            with suppress(OSError):
                os.utime(path, ns=(status.st_atime_ns, seal.mtime_ns), follow_symlinks=False)
    return None


def find_broken_segment(folder: Path, seals: Mapping[str, Seal]) -> str | None:
    """One sentence about the first segment that is not the one a build wrote, or None."""
    for name, seal in seals.items():
        path = folder / name
        try:
            n_bytes = path.lstat().st_size
            if n_bytes < seal.n_bytes:
                return f"{name} has {n_bytes:,} bytes where the index needs {seal.n_bytes:,}"
            if seal_segment(path, seal.n_bytes) != seal:
                return f"{name} is not what the build wrote"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None


def check_seals(
    root: Path, folder: Path, files: Mapping[str, Seal], embeddings: Path, segments: Mapping[str, Seal]
) -> None:
    """Refuse an index of which a file is damaged or gone. Raises IndexCorruptError, naming the file."""
    problem = find_broken(folder, files) or find_broken_segment(embeddings, segments)
    if problem is not None:
        raise IndexCorruptError(
            f"The index in {root} is damaged: {problem}; `codesearch doctor --repair {root}` repairs it."
        )
