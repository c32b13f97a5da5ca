"""XML parts of archives, parsed as events: no entity is expanded, no DTD read, nothing fetched.

Not for HTML (`markup.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from indexer.reading.documents.document import DocumentError, Meter, import_extra

_DECLARATIONS = re.compile(rb"<!\s*(?:ENTITY|DOCTYPE[^>\[]*\[)", re.IGNORECASE)
_MAX_DEPTH = 200


class XmlTarget(Protocol):
    """What receives the events of one part; names come without their namespaces."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element opens."""

    def end(self, tag: str) -> None:
        """An element closes."""

    def data(self, text: str) -> None:
        """Characters."""


class _Bridge:
    """lxml's target: drops namespaces, minds depth."""

    def __init__(self, target: XmlTarget) -> None:
        self._target = target
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise DocumentError("unsafe", f"its XML nests deeper than {_MAX_DEPTH}")
        self._target.start(local_name(tag), {local_name(key): value for key, value in attributes.items()})

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._target.end(local_name(tag))

    def data(self, text: str) -> None:
        self._target.data(text)

    def comment(self, text: str) -> None:
        """Dropped."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Dropped."""

    def close(self) -> None:
        """Nothing to do."""


def parse_part(name: str, pieces: Iterable[bytes], target: XmlTarget, meter: Meter, what: str) -> None:
    """Parse one part; DocumentError `unsafe` where it declares entities, `broken` where it is not XML."""
    etree: Any = import_extra("lxml.etree", what)
    parser = etree.XMLParser(
        target=_Bridge(target),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
    )
    is_empty, tail = True, b""
    try:
        for piece in pieces:
            # UTF-16 has a zero beside every ASCII character.
            if _DECLARATIONS.search((tail + piece).replace(b"\0", b"")):
                raise DocumentError("unsafe", f"{name} declares XML entities")
            tail = piece[-64:]
            if meter.seconds_left < 0:
                meter.step(0, 0)
            parser.feed(piece)
            is_empty = False
        if is_empty:
            raise DocumentError("broken", f"{name} is empty")
        parser.close()
    except etree.XMLSyntaxError as error:
        raise DocumentError("broken", f"{name} is not whole XML: {error}") from error


def local_name(name: str) -> str:
    """`{http://...}p` → `p`."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""
