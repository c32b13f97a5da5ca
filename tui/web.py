"""The application in a browser, through textual-serve, for this machine alone.

Listens on loopback and nothing else. A page of another site could make the browser ask 127.0.0.1 too (DNS
rebinding, cross-site WebSockets), so every request must name this server in `Host`, and in `Origin` where
it has one. Each browser tab runs its own process of the application.
"""

from __future__ import annotations

import ipaddress
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from indexer.errors import InputError

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(roots: Sequence[Path], host: str, port: int) -> None:
    """Serve until interrupted.

    Raises InputError for an address that is not loopback or a port in use.
    """
    check_loopback(host)
    arguments = [sys.executable, "-m", "tui", *(str(root) for root in roots)]
    server = LoopbackServer(shlex.join(arguments), host=host, port=port, title="codesearch")
    try:
        server.serve()
    except OSError as error:
        raise InputError(
            f"Port {port} on {host} cannot be used ({error.strerror}); choose another with --port."
        ) from None


def check_loopback(host: str) -> None:
    """Raise InputError for anything that other machines could reach."""
    if host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InputError(
            f"{host} is not a loopback address. The application reads your files and has no password, so it"
            " is served on this machine only; use an ssh tunnel to reach it from another."
        )


class LoopbackServer(Server):
    """textual-serve, with a check of who asks."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._check)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """One line instead of textual-serve's banner."""
        self.console.print(f"codesearch is at {self.public_url} – Ctrl+C ends it", highlight=False)

    @web.middleware
    async def _check(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not is_own(request.headers.get("Host", ""), self.host, self.port):
            raise web.HTTPForbidden(text="This server answers only to its own address.")
        origin = request.headers.get("Origin")
        if origin is not None and not is_own(urlsplit(origin).netloc, self.host, self.port):
            raise web.HTTPForbidden(text="This server answers only to its own pages.")
        return await handler(request)


def is_own(address: str, host: str, port: int) -> bool:
    """Whether `address` (`host:port`) is this server under one of its loopback names."""
    own = {host, "localhost", "127.0.0.1", "[::1]"}
    if ":" in host:
        own.add(f"[{host}]")
    name, colon, number = address.rpartition(":") if not address.endswith("]") else (address, "", "")
    if not colon:
        return address in own and port == 80
    return name in own and number == str(port)
