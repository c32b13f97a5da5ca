"""Asking this user's running server in place of opening an index; where nobody answers, opening it.

Only a server that the same user started, of the same version, over its own socket. Loads no engine.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from codesearch import __version__
from codesearch.answers.findings import Findings, RankedFiles
from codesearch.service.addresses import Address, own_address
from codesearch.service.dataclass_json import from_plain, to_plain
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


class Served:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, kind: type[_Answer], verb: str, arguments: list[Any], options: dict[str, Any]) -> _Answer:
        seen = options.pop("seen", None)  # a memory of this process
        if seen is None:
            asked = {"verb": verb, "root": str(self.root), "arguments": arguments, "options": options}
            try:
                return from_plain(kind, _answer(self._address.socket, asked))
            except (OSError, http.client.HTTPException, ValueError, TypeError):
                pass  # it is gone, busy or another program: the index is there
        if seen is not None:
            options["seen"] = seen
        answer: _Answer = getattr(self._index(), verb)(*typed(verb, arguments), **options)
        return answer

    def _index(self) -> Any:
        from codesearch.api import CodeIndex

        if self._opened is None:
            self._opened = CodeIndex.open(self.root)
        return self._opened


def typed(verb: str, arguments: list[Any]) -> list[Any]:
    """Positional arguments of a method of `CodeIndex`, as they travelled. Raises ValueError, TypeError."""
    return arguments if verb == "similar" else [from_plain(SearchRequest, arguments[0]), *arguments[1:]]


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket whose other end is the same user."""

    def __init__(self, path: Path) -> None:
        super().__init__("codesearch", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises OSError where the socket is another user's."""
        if self._path.lstat().st_uid != os.getuid():
            raise PermissionError(f"{self._path} is another user's")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _answer(path: Path, asked: dict[str, Any]) -> Any:
    """The answer to a question. Raises InputError as the server did, OSError where it has no answer."""
    connection = _Connection(path)
    try:
        connection.request("POST", "/own", json.dumps(asked), {"Content-Type": "application/json"})
        response = connection.getresponse()
        value = json.loads(response.read())
    finally:
        connection.close()
    if response.status == 400:
        raise InputError(str(value["error"]))
    if response.status != 200:
        raise ConnectionError(str(value.get("error")))
    return value
