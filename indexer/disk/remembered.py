"""What was computed once about a model on this machine, in the user's cache folder.

Nothing depends on it but time: without a cache folder, or with one that cannot be written, it is
computed again.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from indexer.disk.state_files import write_file
from indexer.disk.user_folders import cache_folder


def recall(kind: str, name: str) -> dict[str, object]:
    """What was remembered under a name; empty where nothing is."""
    path = _record(kind, name)
    if path is not None:
        with suppress(OSError, ValueError, RecursionError):
            value = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(value, dict):
                return value
    return {}


def remember(kind: str, name: str, value: dict[str, object]) -> None:
    """Keep a value for the next process."""
    path = _record(kind, name)
    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, json.dumps(value).encode(), durable=False)


def _record(kind: str, name: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / kind / f"{name}.json"
