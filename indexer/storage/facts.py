"""What a build notes about itself in its generation's database: written as JSON values, read by name.

The one place that writes and the one that reads them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from indexer.errors import IndexCorruptError
from indexer.light_dataclasses import dataclass
from indexer.settings import BuildSettings, WalkSettings
from indexer.storage.manifest import Manifest

HAS_TEXT = "has_text"
TOTALS = ("n_files", "n_chunks", "n_spans", "n_tokens")
_COUNT_TOTALS = (
    "SELECT (SELECT count(*) FROM files), count(*), (SELECT count(*) FROM spans), coalesce(sum(n_tokens), 0)"
    " FROM chunks"
)


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What a generation holds, as its build counted it."""

    n_files: int
    n_chunks: int
    n_spans: int
    n_tokens: int
    built_at_ns: int
    """Since 1970; when the build began to look at the tree."""
    commit: str = ""
    """Git commit at indexing time; empty outside a repository."""
    branch: str = ""
    n_redacted: int = 0
    """Credentials that are covered in the indexed text."""
    has_text: bool = True
    """False: it was imported without the texts of its files."""


def count_totals(connection: sqlite3.Connection) -> dict[str, int]:
    """TOTALS of a database, by name."""
    counted = connection.execute(_COUNT_TOTALS).fetchone()
    return dict(zip(TOTALS, counted, strict=True))


def count_redacted(connection: sqlite3.Connection) -> int:
    """Credentials that are covered in a database's text."""
    return int(connection.execute("SELECT coalesce(sum(n_redacted), 0) FROM files").fetchone()[0])


def settings_facts(settings: BuildSettings, text_rules: str) -> dict[str, str]:
    """Which files were offered, by which rules their text was read, how vectors are searched."""
    walk = settings.walk
    rules = f"{text_rules} generated={walk.include_generated} secrets={walk.include_secrets}"
    rules += f" encoding={walk.encoding}" if walk.encoding else ""
    values = {item.name: getattr(walk, item.name) for item in fields(WalkSettings)}
    rules += f" data={settings.data_file_tokens}"
    values |= {"vectors": settings.vectors, "data_file_tokens": settings.data_file_tokens}
    return {name: json.dumps(value) for name, value in values.items()} | {"text_rules": rules}


def recorded_settings(manifest: Manifest, facts: Mapping[str, str]) -> BuildSettings:
    """The settings that an index was built with; the default for what was not noted as what it is."""
    default = BuildSettings()
    names = [item.name for item in fields(WalkSettings)]
    walk = {name: _noted(facts, name, getattr(default.walk, name)) for name in names}
    return replace(
        default,
        model=manifest.model,
        max_tokens=manifest.max_tokens,
        walk=WalkSettings(**walk),
        vectors=_noted(facts, "vectors", default.vectors),
        data_file_tokens=_noted(facts, "data_file_tokens", default.data_file_tokens),
    )


def build_facts(facts: Mapping[str, str]) -> BuildFacts:
    """Raises IndexCorruptError where one is missing that every build notes."""
    return BuildFacts(
        **{name: number(facts, name) for name in (*TOTALS, "built_at_ns")},
        commit=facts.get("commit", ""),
        branch=facts.get("branch", ""),
        n_redacted=number(facts, "n_redacted") if "n_redacted" in facts else 0,
        has_text=has_text(facts),
    )


def has_text(facts: Mapping[str, str]) -> bool:
    """Whether the texts of the files are in the database."""
    return facts.get(HAS_TEXT) != "false"


def number(facts: Mapping[str, str], name: str) -> int:
    """A fact that is a number. Raises IndexCorruptError where it is missing or none."""
    try:
        return int(facts[name])
    except (KeyError, ValueError):
        raise IndexCorruptError(
            f"The index database lacks its fact {name}; rebuild the index with `codesearch index --rebuild`."
        ) from None


_OLDER = {"True": True, "False": False}
"""As version 0.1.0 wrote them."""


def _noted(facts: Mapping[str, str], name: str, default: Any) -> Any:
    text = facts.get(name, "")
    try:
        value = json.loads(text)
    except ValueError:
        value = _OLDER.get(text, text)
    return value if type(value) is type(default) and value != "" else default
