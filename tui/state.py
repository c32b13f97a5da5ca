"""What the TUI remembers between runs: history, saved queries, theme, mode, switches. One JSON file.

Reading never fails: a missing, damaged or foreign file gives the defaults. Writing is atomic, and a
state folder that cannot be written costs the memory, never the session. No query leaves the machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from indexer.disk.state_files import write_file
from indexer.disk.user_folders import state_folder
from indexer.errors import InputError
from indexer.records import Mode
from indexer.search_defaults import DEFAULT_BUDGET_TOKENS

MAX_HISTORY = 200
MAX_REMEMBERED_CHARS = 10_000
"""A longer query, which was pasted, is not kept: the file is written at each query."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What may answer; empty fields let everything pass."""

    mode: str = Mode.HYBRID.value
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    regex: str = ""
    scope: tuple[str, ...] = ()
    """Repository names; empty: all."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query with its filters, kept until a person deletes it."""

    query: str
    filters: Filters = Filters()


@dataclass(frozen=True, slots=True)
class RememberedState:
    """Everything that outlives a run."""

    theme: str = "codesearch-dark"
    mode: str = Mode.HYBRID.value
    evidence: bool = True
    budget_tokens: int = DEFAULT_BUDGET_TOKENS
    """Tokens that a copied context block may hold."""
    history: tuple[str, ...] = ()
    """Newest first, each query once."""
    saved: tuple[SavedQuery, ...] = ()

    def with_query(self, query: str) -> RememberedState:
        """The state after this query was asked."""
        query = "\n".join(" ".join(line.split()) for line in query.strip().splitlines())
        if not query or len(query) > MAX_REMEMBERED_CHARS:
            return self
        older = tuple(entry for entry in self.history if entry != query)
        return replace(self, history=(query, *older)[:MAX_HISTORY])

    def with_saved(self, saved: SavedQuery) -> RememberedState:
        """The state after this query was saved; the same query again replaces its filters."""
        others = tuple(entry for entry in self.saved if entry.query != saved.query)
        return replace(self, saved=(saved, *others))

    def without(self, query: str) -> RememberedState:
        """The state after this query was deleted from history and saved queries."""
        return replace(
            self,
            history=tuple(entry for entry in self.history if entry != query),
            saved=tuple(entry for entry in self.saved if entry.query != query),
        )


def default_state_file() -> Path | None:
    """Where the state lies: the platform's state folder for this person; None where there is no place."""
    try:
        return state_folder() / "tui.json"
    except InputError:
        return None


def load_state(path: Path | None) -> RememberedState:
    """The remembered state, field by field: what is missing or malformed takes its default."""
    if path is None:
        return RememberedState()
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return RememberedState()
    if not isinstance(raw, dict):
        return RememberedState()
    default = RememberedState()
    mode = raw.get("mode")
    budget = raw.get("budget_tokens")
    return RememberedState(
        theme=raw["theme"] if isinstance(raw.get("theme"), str) else default.theme,
        mode=mode if mode in set(Mode) else default.mode,
        evidence=raw["evidence"] if isinstance(raw.get("evidence"), bool) else default.evidence,
        budget_tokens=budget if type(budget) is int and budget > 0 else default.budget_tokens,
        history=_strings(raw.get("history"))[:MAX_HISTORY],
        saved=tuple(_saved(entry) for entry in raw.get("saved") or () if _is_saved(entry)),
    )


def save_state(path: Path | None, state: RememberedState) -> bool:
    """Write the state, whole or not at all; False where that is not possible."""
    if path is None:
        return False
    content = json.dumps(asdict(state), ensure_ascii=False, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content.encode("utf-8", "replace"), durable=False)
    except OSError:
        return False
    return True


def _strings(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def _is_saved(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("query"), str)


def _saved(entry: Mapping[str, Any]) -> SavedQuery:
    raw = entry.get("filters")
    values: dict[str, Any] = {}
    for field in fields(Filters):
        value = raw.get(field.name) if isinstance(raw, Mapping) else None
        if field.name in ("mode", "regex"):
            if isinstance(value, str):
                values[field.name] = value
        else:
            values[field.name] = _strings(value)
    if values.get("mode", Mode.HYBRID.value) not in set(Mode):
        del values["mode"]
    return SavedQuery(entry["query"], Filters(**values))
