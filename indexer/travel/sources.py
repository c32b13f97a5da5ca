"""Where an export comes from: a file, standard input, or an address that is asked for it over HTTPS."""

from __future__ import annotations

import http.client
import io
import os
import stat
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from indexer.errors import InputError, StorageError
from indexer.system import NEVER_WAIT, open_plain

_SECONDS = 60.0
"""A server that sends nothing for so long is given up."""
_WANTED = "name the file that `codesearch export` wrote, or the folder that it was unpacked to."
_CHECK = "check the address, or get the file in another way and import it from here."
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@contextmanager
def opened_source(source: str) -> Iterator[io.BufferedReader]:
    """The bytes of an export: a path, `-` for standard input, or a URL.

    Raises InputError for what cannot be opened, StorageError for a connection that ends early.
    """
    if source == "-":
        yield io.BufferedReader(_Failing(sys.stdin.buffer, source))
    elif "://" in source:
        with _asked(source) as answer:
            yield io.BufferedReader(_Failing(answer, source), 1 << 20)
    else:
        try:
            handle = open_plain(Path(source).resolve(), os.O_RDONLY | NEVER_WAIT)
        except OSError as error:
            raise InputError(f"{source} cannot be read ({error.strerror or error}); {_WANTED}") from error
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError(f"{source} is no file; {_WANTED}")
            yield file


def _is_safe(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to where a person could not have asked for it."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request, or none: that is an error then."""
        return super().redirect_request(req, fp, code, msg, headers, newurl) if _is_safe(newurl) else None


def _asked(url: str) -> IO[bytes]:
    if not _is_safe(url):
        raise InputError("An index is imported from an https:// address, or http:// on this machine alone.")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opener.add_handler(handler)
    try:
        answer: IO[bytes] = opener.open(url, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        raise InputError(f"{_shown(url)} answers {error.code} ({error.reason}); {_CHECK}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{_shown(url)} cannot be reached ({reason}); {_CHECK}") from error
    return answer


def _shown(url: str) -> str:
    """Without a password and without what may be a token behind the question mark."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


class _Failing(io.RawIOBase):
    """A stream whose failures are this program's."""

    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream = stream
        self._source = source

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer. Raises StorageError."""
        try:
            part = self._stream.read(len(buffer))
        except (OSError, http.client.HTTPException) as error:
            where = _shown(self._source) if "://" in self._source else "standard input"
            raise StorageError(
                f"Reading from {where} failed ({error}); run the same command again."
            ) from error
        buffer[: len(part)] = part
        return len(part)
