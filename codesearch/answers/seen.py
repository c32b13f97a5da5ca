"""What an agent has been shown already, so that the next answer brings something new.

A memory of lines by file content: where a file's indexed text has changed, its lines are new again. Kept in
a small JSON file between commands, or in memory by a server's session.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from codesearch.answers.drafts import Draft, ranges_of
from codesearch.answers.lines import numbered_lines
from indexer.disk.state_files import write_file
from indexer.errors import InputError, StorageError
from indexer.records import Passage

_SEEN_SHARE = 0.8
"""A passage counts as seen when this share of its lines was shown."""
_DIGEST_CHARS = 16
_MAX_FILE_BYTES = 50_000_000


class Seen:
    """Lines shown so far. Not safe between threads; the index that asks holds a lock."""

    def __init__(self) -> None:
        self._lines: dict[str, set[int]] = {}
        """By path and content digest."""

    def covers(self, draft: Draft) -> bool:
        """Whether most of what a draft shows was shown before."""
        known = self._lines.get(_key(draft.file.full_path, draft.file.text))
        if not known:
            return False
        lines = [number for first, last in draft.shown for number in range(first, last + 1)]
        return sum(number in known for number in lines) >= _SEEN_SHARE * len(lines)

    def add(self, passages: Iterable[Passage], drafts: Iterable[Draft]) -> None:
        """Remember passages as shown; `drafts` are what they were made from, for the files' texts."""
        texts = {draft.file.full_path: draft.file.text for draft in drafts}
        for passage in passages:
            shown = self._lines.setdefault(_key(passage.full_path, texts[passage.full_path]), set())
            shown.update(number for number, _ in numbered_lines(passage) if number is not None)

    @classmethod
    def load(cls, path: Path) -> Seen:
        """The memory in a file; empty where there is none yet. Raises InputError for another file."""
        seen = cls()
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise ValueError("too large")
            value = json.loads(path.read_text(encoding="utf-8"))
            if value["schema"] != 1:
                raise ValueError("another schema")
            for key, ranges in value["shown"].items():
                lines = (range(int(first), int(last) + 1) for first, last in ranges)
                seen._lines[str(key)] = set(chain.from_iterable(lines))
        except FileNotFoundError:
            return seen
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{path} is not a --seen file ({error}); name another.") from error
        return seen

    def save(self, path: Path) -> None:
        """Write the memory, whole or not at all. Raises StorageError."""
        shown = {key: ranges_of(lines, max_gap=0) for key, lines in sorted(self._lines.items())}
        try:
            write_file(path, json.dumps({"schema": 1, "shown": shown}).encode(), durable=False)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}); name another file for --seen."
            ) from error


def _key(path: str, text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{path}@{digest}"
