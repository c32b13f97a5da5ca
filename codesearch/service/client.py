"""Asking this user's running server in place of opening an index; where nobody answers, opening it.

Only a server that the same user started, of the same version, over its own socket. Loads no engine.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from codesearch import __version__
from codesearch.answers.findings import Findings, RankedFiles
from codesearch.service.addresses import Address, own_address
from codesearch.service.dataclass_json import from_plain, to_plain
from indexer.closing import Closing
from indexer.errors import CodesearchError, InputError
from indexer.records import SearchRequest

if TYPE_CHECKING:
    from codesearch.context import Context

ANSWER_SECONDS = 40.0
_Answer = TypeVar("_Answer")


def find_server(root: Path) -> Served | None:
    """A running server that holds the index of a folder; None where there is none."""
    try:
        address = own_address()
        note = json.loads(address.note.read_text(encoding="utf-8"))
    except (CodesearchError, OSError, ValueError):
        return None
    if not isinstance(note, dict) or note.get("version") != __version__:
        return None
    roots = note.get("roots")
    return Served(root, address) if isinstance(roots, list) and str(root) in roots else None


class Served(Closing):
    """An index that a server holds open: those methods of `CodeIndex` that answer questions."""

    def __init__(self, root: Path, address: Address) -> None:
        self.root = root
        self._address = address
        self._opened: Any = None

    def find(self, query: SearchRequest, **options: Any) -> Findings:
        """As `CodeIndex.find`."""
        return self._ask(Findings, "find", [to_plain(query)], options)

    def files(self, query: SearchRequest) -> RankedFiles:
        """As `CodeIndex.files`."""
        return self._ask(RankedFiles, "files", [to_plain(query)], {})

    def context(self, query: SearchRequest, budget_tokens: int, **options: Any) -> Context:
        """As `CodeIndex.context`."""
        from codesearch.context import Context

        return self._ask(Context, "context", [to_plain(query), budget_tokens], options)

    def similar(
        self, path: str, line: int | None, k: int, budget_tokens: int | None, **options: Any
    ) -> Findings:
        """As `CodeIndex.similar`."""
        return self._ask(Findings, "similar", [path, line, k, budget_tokens], options)

    def close(self) -> None:
        """Close what had to be opened."""
        if self._opened is not None:
            self._opened.close()

    def _ask(self, kind: type[_Answer], verb: str, arguments: list[Any], options: dict[str, Any]) -> _Answer:
        own = {name: options.pop(name) for name in ("seen", "shown") if options.get(name) is not None}
        if not own:  # which are of this process
            asked = {"verb": verb, "root": str(self.root), "arguments": arguments, "options": options}
            try:
                return from_plain(kind, _answer(self._address.socket, asked))
            except (OSError, ValueError, TypeError, AttributeError):
                pass  # it is gone, busy or another program: the index is there
        answer: _Answer = getattr(self._index(), verb)(*typed(verb, arguments), **options, **own)
        return answer

    def _index(self) -> Any:
        from codesearch.api import CodeIndex

        if self._opened is None:
            self._opened = CodeIndex.open(self.root)
        return self._opened


def typed(verb: str, arguments: list[Any]) -> list[Any]:
    """Positional arguments of a method of `CodeIndex`, as they travelled. Raises ValueError, TypeError."""
    return arguments if verb == "similar" else [from_plain(SearchRequest, arguments[0]), *arguments[1:]]


def _answer(path: Path, asked: dict[str, Any]) -> Any:
    """The answer to a question. Raises InputError as the server did, OSError where it has no answer.

    HTTP/1.0, where the end of a response is the end of the connection: `http.client` takes longer to be
    imported than the server to answer.
    """
    body = json.dumps(asked).encode()
    head = f"POST /own HTTP/1.0\r\nHost: codesearch\r\nContent-Length: {len(body)}\r\n\r\n"
    response = b"".join(_exchange(path, head.encode() + body))
    status_line, _, rest = response.partition(b"\r\n")
    _, _, content = rest.partition(b"\r\n\r\n")
    status = status_line.split(b" ")[1:2]
    value = json.loads(content)  # half an answer is no JSON
    if status == [b"400"]:
        raise InputError(str(value.get("error")))
    if status != [b"200"]:
        raise ConnectionError(str(value.get("error")))
    return value


def _exchange(path: Path, request: bytes) -> Iterator[bytes]:
    """Send a request to a socket and yield the parts of its response. Raises OSError."""
    if path.lstat().st_uid != os.getuid():
        raise PermissionError(f"{path} is another user's")
    until = time.monotonic() + ANSWER_SECONDS
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        connection.sendall(request)
        while part := connection.recv(1 << 20):
            yield part
            connection.settimeout(max(0.001, until - time.monotonic()))
