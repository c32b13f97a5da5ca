"""Where this user's server listens, and how it is found: a Unix socket in the user's own folder."""

from __future__ import annotations

from pathlib import Path

from indexer.disk.user_folders import state_folder
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass

_MAX_SOCKET_BYTES = 100
"""Longer paths do not fit into a socket's address everywhere."""


@dataclass(frozen=True, slots=True)
class Address:
    """The files of one server."""

    socket: Path

    @property
    def lock(self) -> Path:
        """Held while a server listens."""
        return self.socket.with_suffix(".lock")

    @property
    def note(self) -> Path:
        """JSON of the running server: pid, version, url or null, roots."""
        return self.socket.with_suffix(".json")


def own_address(socket: Path | None = None) -> Address:
    """The address at a path, or this user's usual one. Raises InputError where there is no place for it."""
    path = socket or state_folder() / "serve.sock"
    if len(bytes(path.absolute())) > _MAX_SOCKET_BYTES:
        raise InputError(f"{path} is too long for a socket; name a shorter one with --socket.")
    return Address(path.absolute())
