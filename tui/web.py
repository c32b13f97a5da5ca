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
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from indexer.errors import InputError

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PAGE = Path(__file__).with_name("page.html")
_SCRIPT = Path(__file__).with_name("page.js")
_FONT_SIZE = 16
_START = "import sys; sys.path.append(sys.argv.pop(1)); from tui.command import command; command()"
"""Python puts the folder it is started in on its path for `-m` and `-c`: with `-P` it does not, and this
module's own folder comes last, for a checkout that is not installed."""


def serve(command: Sequence[str], host: str, port: int) -> None:
    """Serve until interrupted; `command` is what `application` gave.

    Raises InputError for an address that is not loopback or a port in use.
    """
    check_loopback(host)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    server = LoopbackServer(shlex.join(command), host=host, port=port, title="codesearch", public_url=address)
    try:
        server.serve()
    except OSError as error:
        raise InputError(
            f"Port {port} on {host} cannot be used ({error.strerror}); choose another with --port."
        ) from None


def application(
    roots: Sequence[Path], state: Path | None = None, *, builds: bool = True, revision: str = ""
) -> list[str]:
    """The command of one browser tab: imports nothing from the folder it is started in."""
    program = [sys.executable, "-P", "-c", _START, str(Path(__file__).parents[1])]
    options = [] if state is None else ["--state", str(state)]
    options += [] if builds else ["--no-build"]
    options += ["--rev", revision] if revision else []
    return [*program, *options, *(str(root) for root in roots)]


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
    """textual-serve, with a page of its own and a check of who asks."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._check)
        app.router.add_get("/page.js", self._script)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """One line instead of textual-serve's banner."""
        self.console.print(f"codesearch is at {self.public_url} – Ctrl+C ends it", highlight=False)

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page, which asks this server alone for all it needs."""
        socket = f"ws://{request.host}/ws"
        page = Template(_PAGE.read_text("utf-8")).substitute(
            title=escape(self.title), socket=escape(socket), font_size=_FONT_SIZE
        )
        own = "'self' 'unsafe-inline'"  # textual.js puts its styles into the page
        policy = (
            f"default-src 'none'; script-src 'self'; style-src {own}; font-src 'self'; img-src 'self' data:;"
            f" connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=_SCRIPT.read_text("utf-8"), content_type="text/javascript")

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
