"""A lock in a place that has none: a file which its holder goes on writing, and which is taken from the dead.

Who finds the file looks at it for as long as a holder may be silent: one that lives writes it meanwhile, one
that was killed does not. Nobody compares clocks. Were a holder only cut off, two jobs would write at once.
That costs them time and the store nothing: artefacts are named by what they are made of, the first counts.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

BEAT_SECONDS = 10.0
"""A holder writes the file so often."""
STALE_SECONDS = 60.0
"""A holder that was silent for so long is dead."""
LOOK_SECONDS = 1.0
_MAX_BYTES = 10_000

OnWait = Callable[[str], None]
"""Is told who holds the lock, where that has to be waited for."""


class HeldError(Exception):
    """Somebody else has the lock; the message says who, and what a person can do where that is not sure."""


class StoreLock:
    """The lock at a name; `do` calls the file system of fsspec, and raises OSError alone."""

    def __init__(self, do: Callable[..., Any], name: str) -> None:
        self._do = do
        self._name = name
        self._own = {
            "host": socket.gethostname(),
            "began": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "job": uuid.uuid4().hex,
        }
        self._n_beats = 0
        self._is_over = threading.Event()

    @contextmanager
    def held(self, on_wait: OnWait) -> Iterator[None]:
        """Hold the lock. Raises HeldError, and OSError where nothing can be written."""
        if not self._create(self._name):
            self._take_over(on_wait)
        beating = threading.Thread(target=self._beat, name="store lock", daemon=True)
        beating.start()
        try:
            yield
        finally:
            self._is_over.set()
            beating.join()
            with suppress(OSError):  # what cannot be removed is taken over by the next job
                if self._is_own():
                    self._do("rm_file", self._name)

    def _take_over(self, on_wait: OnWait) -> None:
        """Become the holder in the place of one that is dead. Raises HeldError."""
        seen = self._read()
        if seen is not None:
            on_wait(f"{_who(seen)} Whether it still runs is known in at most {STALE_SECONDS:.0f} s.")
        until = time.monotonic() + STALE_SECONDS
        while seen is not None and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            content = self._read()
            if content not in (seen, None):
                raise HeldError(_who(content))
            seen = content
        if seen is None:  # its job has ended
            if not self._create(self._name):
                raise HeldError(_who(self._read()))
            return
        # Of several who find it dead one goes on, and it only while the file is still what they saw.
        claim = f"{self._name}.{hashlib.sha256(seen).hexdigest()[:16]}"
        if not self._create(claim):
            raise HeldError(f"{_who(seen)} If no job runs, remove the file `lock` there.")
        try:
            if self._read() != seen:
                raise HeldError(_who(self._read()))
            self._write()
        finally:
            with suppress(OSError):
                self._do("rm_file", claim)

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            with suppress(OSError):
                if not self._is_own():
                    return
                self._write()

    def _is_own(self) -> bool:
        return _fields(self._read()).get("job") == self._own["job"]

    def _write(self) -> None:
        self._n_beats += 1
        self._do("pipe_file", self._name, self._content())

    def _create(self, name: str) -> bool:
        try:
            self._do("pipe_file", name, self._content(), mode="create")
        except FileExistsError:
            return False
        return True

    def _content(self) -> bytes:
        return json.dumps({**self._own, "n_beats": self._n_beats}).encode()

    def _read(self) -> bytes | None:
        try:
            content: bytes = self._do("cat_file", self._name)
        except FileNotFoundError:
            return None
        return content[:_MAX_BYTES]


def _fields(content: bytes | None) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        fields = json.loads(content or b"")
        if isinstance(fields, dict):
            return fields
    return {}  # another's, or written at this moment


def _who(content: bytes | None) -> str:
    fields = _fields(content)
    began, host = (str(fields.get(name, ""))[:100] for name in ("began", "host"))
    return f"It began {began} on {host}." if began and host else "It has only begun."
