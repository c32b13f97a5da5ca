"""Archives of plain files, written and read as a stream: tar, whole or compressed with gzip or Zstandard.

Reading takes nothing but regular files one after the other: no links, folders, devices, long names or
extended headers, which an export never has. What is read is bounded by whoever asks.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from indexer.errors import InputError, MissingExtraError
from indexer.light_dataclasses import dataclass

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".tar.gz", ".tgz", ".tar.zst", ".tar")
_GZIP_LEVEL = 3
"""Vectors do not shrink, and text does at any level."""
_ZST_LEVEL = 3
_MAX_WINDOW_BYTES = 1 << 27
_BLOCK = tarfile.BLOCKSIZE
_PART_BYTES = 1 << 20
_DAMAGED = "The file cannot be imported: it is damaged or incomplete ({}); get it again, and whole."


@contextmanager
def compressing(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A stream into `raw` in the compression that a file name asks for.

    Raises InputError for another suffix, MissingExtraError without zstandard where that is asked for.
    """
    if name.endswith((".tar.gz", ".tgz")):
        # Without a name and a time: the same index gives the same bytes.
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as stream:
            yield stream  # type: ignore[misc]
    elif name.endswith(".tar.zst"):
        with _zstandard().ZstdCompressor(_ZST_LEVEL).stream_writer(raw, closefd=False) as stream:
            yield stream
    elif name.endswith(".tar"):
        yield raw
    else:
        raise InputError(f"Name the file with one of {', '.join(SUFFIXES)}: that says how it is written.")


def add_file(stream: IO[bytes], name: str, content: bytes | Path) -> None:
    """Append a member: bytes, or those of a file."""
    member = tarfile.TarInfo(name)
    member.mode = 0o600
    if isinstance(content, bytes):
        member.size = len(content)
        _append(stream, member, io.BytesIO(content))
    else:
        with content.open("rb") as file:
            member.size = content.stat().st_size
            _append(stream, member, file)


def _append(stream: IO[bytes], member: tarfile.TarInfo, file: IO[bytes]) -> None:
    stream.write(member.tobuf(tarfile.GNU_FORMAT))
    left = member.size
    while left:
        part = file.read(min(left, _PART_BYTES))
        if not part:
            raise OSError(f"{member.name} became shorter while it was read")
        stream.write(part)
        left -= len(part)
    stream.write(b"\0" * (-member.size % _BLOCK))


def end_archive(stream: IO[bytes]) -> None:
    """Write what ends an archive."""
    stream.write(b"\0" * 2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A member that is being read."""

    name: str
    n_bytes: int
    parts: Callable[[], Iterator[bytes]]
    """Its bytes, to be taken before the next member is asked for."""


def members_of(raw: io.BufferedReader) -> Iterator[Incoming]:
    """The members of an archive, in whatever compression it begins with.

    Raises InputError for what is damaged, cut short or no archive of plain files, MissingExtraError for
    Zstandard where that is not installed.
    """
    stream = _decompressed(raw)
    with _as_input_error():
        while True:
            block = _exactly(stream, _BLOCK)
            if not block.strip(b"\0"):
                return
            member = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise InputError(
                    f"The file cannot be imported: {member.name[:60]!r} in it is no plain file, and an export"
                    " holds nothing else."
                )
            yield Incoming(member.name, member.size, partial(_parts, stream, member.size))


@contextmanager
def _as_input_error() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, UnicodeError, ValueError, gzip.BadGzipFile) as error:
        raise InputError(_DAMAGED.format(str(error)[:80] or type(error).__name__)) from error
    except Exception as error:
        if type(error).__name__ == "ZstdError":
            raise InputError(_DAMAGED.format(str(error)[:80])) from error
        raise


def _parts(stream: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    with _as_input_error():
        while left:
            part = _exactly(stream, min(left, _PART_BYTES))
            left -= len(part)
            yield part
        _exactly(stream, -size % _BLOCK)


def _exactly(stream: IO[bytes], n: int) -> bytes:
    parts, left = [], n
    while left:
        part = stream.read(left)
        if not part:
            raise EOFError("it ends early")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _decompressed(raw: io.BufferedReader) -> IO[bytes]:
    with _as_input_error():
        magic = raw.peek(4)[:4]
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if magic == b"\x28\xb5\x2f\xfd":
        reader: IO[bytes] = (
            _zstandard().ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).stream_reader(raw)
        )
        return reader
    return raw


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError(
            "Zstandard needs the extra `zst`: `pip install 'codesearch-local[zst]'`; .tar.gz needs nothing."
        ) from error
    return zstandard
