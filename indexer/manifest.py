"""The file that makes a folder an index: which generation is live and what it was made with.

Written last and replaced by one rename; readers open the generation it names and nothing else.
Not a place for facts about content (commit, totals): those are in the generation's database.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from indexer.errors import IndexCorruptError, IndexMismatchError, IndexMissingError
from indexer.settings import STATE_FOLDER

FORMAT_VERSION = 1
_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index is. Every field but `generation` and `checksums` must agree for the index to be used."""

    generation: str
    """Folder name under `generations/`."""
    format_version: int
    model: str
    """As it was asked for: a bundled name, a hub name or a folder."""
    model_fingerprint: str
    """SHA-256 over the checkpoint's configuration, tokenizer and weights."""
    max_tokens: int
    window_tokens: int
    overlap_tokens: int
    codec: str
    """How token rows are stored."""
    checksums: dict[str, str]
    """SHA-256 of each file of the generation, by name."""


def state_folder(root: Path) -> Path:
    """Where the index of a tree lives."""
    return root / STATE_FOLDER


def read_manifest(state: Path) -> Manifest:
    """The live manifest.

    Raises IndexMissingError where there is none, IndexCorruptError where it cannot be read, and
    IndexMismatchError where another version of codesearch wrote it.
    """
    path = state / _NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IndexMissingError(
            f"There is no index in {state.parent}; build one with `codesearch index {state.parent}`."
        ) from None
    except (OSError, ValueError) as error:
        raise IndexCorruptError(
            f"{path} cannot be read ({error}); rebuild with `codesearch index --rebuild {state.parent}`."
        ) from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise IndexMismatchError(
            f"The index in {state.parent} has format_version {version}, this codesearch reads"
            f" {FORMAT_VERSION}; rebuild with `codesearch index --rebuild {state.parent}`."
        )
    known = {field.name for field in fields(Manifest)}
    if set(raw) != known:
        odd = ", ".join(sorted(set(raw) ^ known))
        raise IndexCorruptError(
            f"{path} has missing or unknown fields ({odd}); rebuild with"
            f" `codesearch index --rebuild {state.parent}`."
        )
    if "/" in str(raw["generation"]) or str(raw["generation"]).startswith("."):
        raise IndexCorruptError(f"{path} names a generation outside the index; rebuild with `--rebuild`.")
    return Manifest(**raw)


def write_manifest(state: Path, manifest: Manifest) -> None:
    """Make a generation live: write beside the old manifest, sync, rename over it."""
    temporary = state / f"{_NAME}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(state / _NAME)
    sync_folder(state)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_agrees(found: Manifest, wanted: Manifest, root: Path) -> None:
    """Refuse an index made with something else, by the name of the first field that differs."""
    for field in fields(Manifest):
        if field.name in ("generation", "checksums"):
            continue
        was, now = getattr(found, field.name), getattr(wanted, field.name)
        if was != now:
            raise IndexMismatchError(
                f"The index in {root} was built with {field.name} {_short(was)}, now it is {_short(now)};"
                f" replace it with `codesearch index --rebuild {root}`, or use the settings it was built"
                " with."
            )


def _short(value: object) -> str:
    """A fingerprint by its first digits, anything else whole."""
    text = str(value)
    return text[:12] + "…" if re.fullmatch("[0-9a-f]{64}", text) else text
