"""The web application: routes, errors, access log and counts. Served by `server.py`, or a test's client."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import field
from functools import cache, partial
from importlib.resources import files
from typing import Any

from codesearch.service.guard import Access, Guard, is_own_socket, problem
from codesearch.service.metrics import Metrics
from codesearch.service.openapi import openapi_document, openapi_page
from codesearch.service.operations import OPERATIONS, Answer, Operation, Operations
from codesearch.service.turns import QueueFullError, Turns
from codesearch.service.watcher import Watcher
from indexer.errors import CodesearchError, IndexMissingError, InputError, MissingExtraError
from indexer.light_dataclasses import dataclass

try:
    from anyio.to_thread import current_default_thread_limiter
    from pydantic import ValidationError
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send
except ImportError as error:
    raise MissingExtraError("The server needs a package: pip install 'codesearch-local[serve]'.") from error

_NOTHING_HERE = "There is nothing here; /docs lists what can be asked."
_PAGE_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/page/server.js": ("server.js", "text/javascript; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page/view.js": ("view.js", "text/javascript; charset=utf-8"),
    "/page/style.css": ("style.css", "text/css; charset=utf-8"),
}


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How a service answers."""

    access: Access = field(default_factory=Access)
    n_workers: int = 2
    n_waiting: int = 64
    answer_seconds: float = 30.0
    log: Callable[[str], None] | None = None
    """Takes a line of the access log; None for no log."""


class Service:
    """One application over open indexes."""

    def __init__(
        self,
        operations: Operations,
        settings: ServiceSettings | None = None,
        *,
        agents: Starlette | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        """`agents` answers /mcp; `watcher` runs as long as the application does."""
        self.settings = settings or ServiceSettings()
        self.metrics = Metrics()
        self.workspace = operations.workspace
        self.is_ready = False
        self.last_request_at = time.monotonic()
        self._operations = operations
        self._agents = agents
        self._watcher = watcher
        self._turns = Turns(self.settings.n_workers, self.settings.n_waiting)
        routes = [
            Route(f"/v1/{operation.name}", partial(self._operation, operation), methods=["GET", "POST"])
            for operation in OPERATIONS
        ]
        routes.append(Route("/own", self._own, methods=["POST"]))
        routes += [Route(path, _page) for path in _PAGE_FILES]
        routes += [
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
            Route("/docs", self._docs),
        ]
        if agents is not None:
            routes.append(Route("/mcp", _Plain(self._agent_request)))
        self._routes = {route.path for route in routes}
        self.app: ASGIApp = Starlette(
            routes=routes, lifespan=self._lifespan, exception_handlers={HTTPException: _http_error}
        )
        self.app = _Counted(Guard(self.app, self.settings.access), self)

    def noted(self, scope: Scope, status: int, elapsed_seconds: float) -> None:
        """Count and log a response. The log has no query: neither words nor parameters."""
        path = scope["path"]
        route = path if path in self._routes else "other"
        self.metrics.count(route, status, elapsed_seconds)
        if self.settings.log is not None:
            client = scope.get("client")
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "method": scope["method"][:10],
                "route": route,
                "status": status,
                "ms": round(elapsed_seconds * 1000, 1),
                "client": client[0] if client else "socket",
            }
            self.settings.log(json.dumps(line))

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        # Tools of agents run in AnyIO's threads, forty of them else, which would wait for each other.
        current_default_thread_limiter().total_tokens = self.settings.n_workers
        warming = asyncio.create_task(asyncio.to_thread(self._warm_up))
        watching = asyncio.create_task(self._watch(warming))
        try:
            if self._agents is None:
                yield
            else:
                async with self._agents.router.lifespan_context(self._agents):
                    yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, warming, return_exceptions=True)
            self._turns.close()
            self.workspace.close()

    async def _watch(self, warming: asyncio.Task[None]) -> None:
        await asyncio.shield(warming)
        if self._watcher is not None:
            await self._watcher.run()

    def _warm_up(self) -> None:
        """Open every index and load its model, so that the first question waits for neither."""
        for name in self.workspace.names:
            try:
                with self.workspace.opened(name) as index:
                    index.find("where to begin", 1, encode_seconds=0.0)
            except CodesearchError as error:
                print(f"codesearch: {name}: {error}", file=sys.stderr)
        self.is_ready = True

    async def _operation(self, operation: Operation, request: Request) -> Response:
        try:
            asked = operation.model.model_validate(await _parameters(request, operation))
        except ValidationError as error:
            return problem(400, _first_problem(error))
        except ValueError:
            return problem(400, "The body must be a JSON object.")
        return await self._answered(request, partial(operation.call(self._operations), asked))

    async def _own(self, request: Request) -> Response:
        """The same user's command line asks, over the Unix socket alone; see `client.py`."""
        if not is_own_socket(request.scope):
            return problem(404, _NOTHING_HERE)
        try:
            asked = json.loads(await request.body())
            call = partial(self._operations.own, asked["root"], asked["verb"], asked)
        except (ValueError, TypeError, KeyError):
            return problem(422, "Another version of codesearch asks.")
        return await self._answered(request, call)

    async def _answered(self, request: Request, call: Callable[[], Answer]) -> Response:
        try:
            answering = asyncio.create_task(self._turns.run(call, self.settings.answer_seconds))
            answer = await _unless_gone(request, answering)
        except ClientDisconnect:
            return problem(400, "The client left.")
        except QueueFullError as error:
            return busy(error)
        except TimeoutError:
            return problem(504, f"The answer took longer than {self.settings.answer_seconds:g} s.")
        except InputError as error:
            return problem(400, str(error))
        except IndexMissingError as error:
            return problem(404, str(error))
        except CodesearchError as error:
            return problem(500, str(error))
        return Response(answer.text, media_type=answer.media_type, headers=dict(answer.headers))

    async def _agent_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._agents is not None
        try:
            with self._turns.place(self.settings.answer_seconds):
                await self._agents(scope, receive, send)
        except QueueFullError as error:
            await busy(error)(scope, receive, send)

    async def _health(self, request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def _readiness(self, request: Request) -> Response:
        if self.is_ready:
            return Response("ready\n", media_type="text/plain")
        return Response("opening indexes\n", 503, {"Retry-After": "1"}, "text/plain")

    async def _metrics(self, request: Request) -> Response:
        gauges = {
            "codesearch_requests_pending": self._turns.n_pending,
            "codesearch_updates": self._watcher.n_updates if self._watcher is not None else 0,
        }
        return Response(self.metrics.text(gauges), media_type="text/plain; version=0.0.4")

    async def _openapi(self, request: Request) -> Response:
        return Response(json.dumps(openapi_document()), media_type="application/json")

    async def _docs(self, request: Request) -> Response:
        return Response(openapi_page(), media_type="text/html")


async def _unless_gone(request: Request, answering: asyncio.Task[Answer]) -> Answer:
    """The answer; raises ClientDisconnect where nobody waits for it, and what has not begun never does.

    A page that searches as one types leaves most of its questions.
    """
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def busy(error: QueueFullError) -> Response:
    """The answer where too many wait."""
    seconds = str(error.retry_seconds)
    return problem(503, f"Too many requests wait; try again in {seconds} s.", Retry_After=seconds)


class _Plain:
    """A function as an ASGI application, for a route to call as it is."""

    def __init__(self, function: ASGIApp) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._function(scope, receive, send)


class _Counted:
    """The outermost layer: every response is timed, and an exception becomes one sentence."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] not in ("/healthz", "/readyz", "/metrics"):
            self._service.last_request_at = time.monotonic()
        started_at = time.perf_counter()
        status = 0

        async def send_noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            print(f"codesearch: Internal error ({type(error).__name__}: {error}).", file=sys.stderr)
            if not status:
                await problem(500, "Internal error; the server's log says more.")(scope, receive, send_noted)
        finally:
            self._service.noted(scope, status, time.perf_counter() - started_at)


async def _parameters(request: Request, operation: Operation) -> dict[str, Any]:
    """What was asked, by name. Raises ValueError for a body that is no JSON object."""
    if request.method == "POST":
        value = json.loads(await request.body() or b"{}")
        if not isinstance(value, dict):
            raise ValueError
        return value
    properties = operation.model.model_json_schema().get("properties", {})
    return {
        name: request.query_params.getlist(name)
        if properties.get(name, {}).get("type") == "array"
        else request.query_params[name]
        for name in request.query_params
    }


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = str(first["loc"][0])[:50] if first["loc"] else "The request"
    if first["type"] == "missing":
        return f"`{where}` is missing; /docs lists the parameters."
    if first["type"] == "extra_forbidden":
        return f"There is no parameter `{where}`; /docs lists them."
    return f"`{where}`: {first['msg'].removeprefix('Value error, ').replace('Input should', 'should')}."


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {404: _NOTHING_HERE}.get(error.status_code)
    return problem(error.status_code, sentence or f"{error.detail}.")


@cache
def _page_file(path: str) -> tuple[bytes, str]:
    name, media_type = _PAGE_FILES[path]
    return (files("codesearch.service") / "page" / name).read_bytes(), media_type


async def _page(request: Request) -> Response:
    content, media_type = _page_file(request.url.path)
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})
