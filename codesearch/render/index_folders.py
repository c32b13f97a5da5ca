"""The user's indexes as text or JSON, for `codesearch repos`.

JSON, schema 1: schema, repositories [{name, root, indexed (whether a search can open it), bytes (null where
there is none), built_at (UTC; null where there is none)}].
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from codesearch.render.sanitize import json_text, label
from codesearch.render.status import size_words
from indexer.light_dataclasses import dataclass
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.index_folders import IndexFolder

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """One line of the list."""

    name: str
    root: Path
    folder: IndexFolder | None
    """None where the index is gone."""


def known_json(known: Sequence[KnownIndex]) -> str:
    """The JSON object, ended by a line feed."""
    rows = [
        {
            "name": each.name,
            "root": str(each.root),
            "indexed": each.folder is not None and each.folder.built_at is not None,
            "bytes": each.folder and each.folder.n_bytes,
            "built_at": _utc(each.folder.built_at if each.folder else None),
        }
        for each in known
    ]
    return json_text({"schema": 1, "repositories": rows}, indent=2) + "\n"


def known_text(known: Sequence[KnownIndex], now: float | None = None) -> str:
    """One line each: name, folder, size and age of the index, between tabs."""
    now = time.time() if now is None else now
    return "".join(
        "\t".join((label(each.name), label(str(each.root)), *_facts(each, now))) + "\n" for each in known
    )


def age_words(seconds: float) -> str:
    """`3 days ago`."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"


def _facts(each: KnownIndex, now: float) -> tuple[str, ...]:
    if each.folder is None:
        return ("no index where it is looked for",)
    if each.folder.built_at is None:
        return (size_words(each.folder.n_bytes), "not whole")
    gone = () if each.root.is_dir() else ("folder is gone",)
    return (size_words(each.folder.n_bytes), age_words(now - each.folder.built_at), *gone)


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
