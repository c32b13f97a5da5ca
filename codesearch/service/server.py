"""Listening: a Unix socket and, unless it is not wanted, TCP; one server a user and socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from codesearch import __version__
from codesearch.service.addresses import Address
from codesearch.service.app import Service
from codesearch.service.guard import LOOPBACK_HOSTS
from indexer.errors import CodesearchError, InputError, MissingExtraError
from indexer.light_dataclasses import dataclass
from indexer.process_memory import share_one_heap

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise MissingExtraError("The server needs a package: pip install 'codesearch-local[serve]'.") from error

HEAD_SECONDS = 10.0
"""Time that a new connection has for its first request's head."""
MAX_CONNECTIONS = 500
MIN_TOKEN_CHARS = 16
_LOOK_SECONDS = 1.0


class AlreadyServingError(CodesearchError):
    """Another server of this user listens there."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen."""

    address: Address
    host: str = "127.0.0.1"
    port: int | None = 8766
    """None: the Unix socket alone."""
    idle_exit_minutes: float | None = None


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets go of a client that connects and never sends a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(HEAD_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()


class _Server(uvicorn.Server):
    """A server that rests, and whose signals end it in order.

    uvicorn looks ten times a second whether it shall end, and raises signals again before files are removed.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, at once when told twice."""
        super().handle_exit(sig, frame)
        self._ending.set()

    async def main_loop(self) -> None:
        """Wait for the end; what uvicorn does once a second is done once a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _LOOK_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the serving; the second one at once."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        yield


def read_token(path: Path) -> str:
    """The token in a file that only its owner reads. Raises InputError."""
    try:
        facts = path.stat()
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The token file {path} cannot be read ({error}).") from None
    if facts.st_mode & 0o077:
        raise InputError(f"Others can read the token file {path}; run: chmod 600 {path}.")
    if len(token) < MIN_TOKEN_CHARS or not token.isprintable() or " " in token:
        raise InputError(
            f"The token in {path} must have at least {MIN_TOKEN_CHARS} characters and no spaces; make one"
            f" with: openssl rand -hex 32 > {path}."
        )
    return token


def check_exposure(host: str, token: str | None) -> None:
    """Raises InputError where another machine could ask without a token."""
    if host not in LOOPBACK_HOSTS and token is None:
        raise InputError(
            f"Listening on {host} shows the indexed code to other machines; give --token-file FILE, or leave"
            " out --host."
        )


def serve(
    service: Service, listening: Listening, started: Callable[[str], None] = lambda where: None
) -> None:
    """Answer until interrupted or idle; `started` is told where.

    Raises AlreadyServingError, and InputError where the port is taken.
    """
    address = listening.address
    share_one_heap()
    with _only_one(address):
        sockets = [_unix_socket(address.socket)]
        try:
            url = None
            if listening.port is not None:
                sockets.append(_tcp_socket(listening.host, listening.port))
                url = _url(sockets[1])
            _write_note(address, url, service)
            started(url or str(address.socket))
            _run(service, sockets, listening.idle_exit_minutes)
        finally:
            for each in sockets:
                each.close()
            for path in (address.socket, address.note):
                path.unlink(missing_ok=True)


def serve_app(app: Any, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve another application over TCP until interrupted; `started` is told where, port 0 is any.

    Raises InputError where the port is taken.
    """
    with _tcp_socket(host, port) as listening:
        started(_url(listening))
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


def running_note(address: Address) -> dict[str, Any] | None:
    """What a running server said of itself; None where none is known."""
    try:
        value = json.loads(address.note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def _only_one(address: Address) -> Iterator[None]:
    """The lock is the system's: it goes with its process, however that ends."""
    address.lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(address.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        note = running_note(address) or {}
        where = note.get("url") or address.socket
        raise AlreadyServingError(
            f"A server of yours already runs (process {note.get('pid', 'unknown')}) at {where}; stop it, or"
            " give this one another --socket and --port."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _unix_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of a server that was killed: the lock is ours
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        made.bind(str(path))
    except OSError as error:
        made.close()
        raise InputError(f"No socket can be made at {path} ({error.strerror}); see --socket.") from None
    finally:
        os.umask(mask)
    made.listen(socket.SOMAXCONN)
    return made


def _tcp_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) where the protocol is named; else every second part of an answer
    # waits 40 ms for the client's receipt of the first.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(socket.SOMAXCONN)
    except OSError as error:
        made.close()
        raise InputError(
            f"Cannot listen on {host}, port {port} ({error.strerror or error}); choose another with --port."
        ) from None
    return made


def _url(made: socket.socket) -> str:
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _write_note(address: Address, url: str | None, service: Service) -> None:
    address.note.unlink(missing_ok=True)
    # Another folder of state is another index of the same tree: nobody is sent here for it.
    folders = [] if service.workspace.state else service.workspace.roots.values()
    roots = [str(root) for root in folders]
    text = json.dumps({"pid": os.getpid(), "version": __version__, "url": url, "roots": roots})
    with os.fdopen(os.open(address.note, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def _run(service: Service, sockets: list[socket.socket], idle_minutes: float | None) -> None:
    server = _Server(
        uvicorn.Config(
            service.app,
            http=_Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
            limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=65_536,
        )
    )

    async def main() -> None:
        serving = asyncio.create_task(server.serve(sockets=sockets))
        if idle_minutes is not None:
            while not serving.done():
                await asyncio.wait({serving}, timeout=_LOOK_SECONDS)
                if time.monotonic() - service.last_request_at > idle_minutes * 60:
                    server.should_exit = True
        await serving

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
