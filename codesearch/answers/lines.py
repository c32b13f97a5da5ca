"""Lines of a passage's text, with their numbers. LF alone ends a line."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.records import Passage


def numbered_lines(passage: Passage) -> Iterator[tuple[int | None, str]]:
    """Each line of a passage's text, line end included, with its number; None for a mark."""
    number, marks = passage.start_line, dict(passage.omitted_lines)
    for line in split_lines(passage.text):
        if number in marks:
            yield None, line
            number = marks[number] + 1
        else:
            yield number, line
            number += 1


def split_lines(text: str) -> list[str]:
    """Lines with their ends; LF alone ends a line."""
    parts = [line + "\n" for line in text.split("\n")]
    parts[-1] = parts[-1][:-1]
    return parts if parts[-1] else parts[:-1]
