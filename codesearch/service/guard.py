"""Who may ask, and how much: the middleware in front of every route.

A web page of another origin, a name that was made to point here (DNS rebinding), a client without the token
and a body without end are turned away before anything is read. Requests over the Unix socket are the same
user's, for nobody else can open it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from indexer.errors import MissingExtraError
from indexer.light_dataclasses import dataclass

try:
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    raise MissingExtraError("The server needs a package: pip install 'codesearch-local[serve]'.") from error

MAX_BODY_BYTES = 1_000_000
BODY_SECONDS = 10.0
"""Time that a client has for sending the body of a request."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
"""Served without a token, for they tell nothing of what is indexed; the page asks for the token itself."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask over TCP."""

    hosts: frozenset[str] = LOOPBACK_HOSTS
    """Names that the Host header may give, without ports."""
    token: str | None = None


def problem(status: int, sentence: str, **headers: str) -> Response:
    """An error as every route gives it: `{"error": sentence}`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        json.dumps({"error": sentence}) + "\n", status, headers=named, media_type="application/json"
    )


class Guard:
    """ASGI middleware: refuses, limits, and adds the headers that a browser obeys."""

    def __init__(
        self, app: ASGIApp, access: Access, note: Callable[[Scope, int], None] | None = None
    ) -> None:
        """`note` is told of each response that is made here, before a route is found."""
        self._app = app
        self._access = access
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refusal = None if is_own_socket(scope) else self._refusal(scope["path"], headers)
        if refusal is None:
            body = await _body(headers, receive)
            if isinstance(body, bytes):
                await self._app(scope, _replay(body, receive), send_safely)
                return
            refusal = body
        if self._note is not None:
            self._note(scope, refusal.status_code)
        await refusal(scope, receive, send_safely)

    def _refusal(self, path: str, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname if _is_plain(host) else None
        if name not in self._access.hosts:
            return problem(403, "This server does not answer to that host name; --allow-host adds one.")
        origin = headers.get("origin")
        is_foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        # A script, an image or a form of another site sends no Origin with GET; browsers say so here.
        site = headers.get("sec-fetch-site", "none")
        is_visit = headers.get("sec-fetch-mode") == "navigate" and path == "/"
        if is_foreign or (site not in ("none", "same-origin") and not is_visit):
            return problem(403, "Pages of other origins may not ask this server.")
        if self._access.token is not None and path not in _OPEN_PATHS and not path.startswith("/page/"):
            given = headers.get("authorization", "")
            expected = f"Bearer {self._access.token}"
            if not hmac.compare_digest(given.encode(), expected.encode()):
                return problem(
                    401, "Send the server's token: Authorization: Bearer ….", WWW_Authenticate="Bearer"
                )
        return None


def is_own_socket(scope: Scope) -> bool:
    """Whether a request came over a Unix socket, whose address has no port."""
    server = scope.get("server")
    return server is not None and server[1] is None


def _is_plain(host: str) -> bool:
    try:
        return bool(host) and "@" not in host and urlsplit(f"//{host}").netloc == host
    except ValueError:
        return False


async def _body(headers: Headers, receive: Receive) -> bytes | Response:
    """All of the body, or why it is not taken."""
    too_large = problem(413, f"The request may have {MAX_BODY_BYTES:,} bytes.", Connection="close")
    stated = headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > MAX_BODY_BYTES:
        return too_large
    parts: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return problem(400, "The client left.")
                parts.append(message.get("body", b""))
                n_bytes += len(parts[-1])
                if n_bytes > MAX_BODY_BYTES:
                    return too_large
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        return problem(408, f"The request was not sent within {BODY_SECONDS:.0f} s.", Connection="close")


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives the body that was read, then what follows."""
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay
