"""What is meant by a line of a file: the innermost span around it, or the lines beside it."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.errors import InputError
from indexer.records import Chunk

_LINES_BESIDE = 10


def around_line(path: str, chunks: Sequence[Chunk], text: str, line: int) -> tuple[int, int]:
    """The first character of it in `text`, and the one behind its last; `chunks` tile the file.

    Raises InputError for a line that the file does not have.
    """
    last_line = chunks[-1].end_line
    if not 1 <= line <= last_line:
        raise InputError(f"{path} has lines 1 to {last_line}; line {line} is not one of them.")
    spans = [s for chunk in chunks for s in chunk.spans if s.start_line <= line <= s.end_line]
    inner = min(spans, key=lambda s: s.end_char - s.start_char, default=None)
    if inner is not None:
        return inner.start_char, inner.end_char
    lines = text.split("\n")
    first = max(0, line - 1 - _LINES_BESIDE)
    start = sum(len(before) + 1 for before in lines[:first])
    return start, start + sum(len(near) + 1 for near in lines[first : line + _LINES_BESIDE])
