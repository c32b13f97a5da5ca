"""A list of results as it stands on the screen, and the lines that describe it. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.records import BuildProgress, Passage
from indexer.wording import counted
from tui.session import RepositoryState, Result
from tui.text.document import Document
from tui.widgets.title_line import SEPARATOR


@dataclass(frozen=True, slots=True)
class Shown:
    """One list of results."""

    title: str = ""
    """Empty for the results of the query."""
    results: tuple[Result, ...] = ()
    cursor: int = -1
    marked: frozenset[int] = frozenset()
    elapsed_seconds: float = 0.0
    note: str = ""
    """What is to be said of it, or why there is nothing."""


def at_same_place(new: Shown, old: Shown) -> Shown:
    """The new list, its cursor and marks where they stand in the old one; the first row for what is gone."""
    places = [(result.repository, result.place) for result in new.results]
    moved = {}
    for row, result in enumerate(old.results):
        place = (result.repository, result.place)
        if place in places:
            moved[row] = row if places[row : row + 1] == [place] else places.index(place)
    marked = frozenset(moved[row] for row in old.marked if row in moved)
    return replace(new, cursor=moved.get(old.cursor, 0), marked=marked)


def summary(shown: Shown, build_state: str) -> str:
    """How many there are, how many are marked, how long it took, and what runs beside."""
    n = len(shown.results)
    if not n:
        return build_state
    parts = [
        shown.title,
        f"{n} passage{'s' if n > 1 else ''}",
        f"{len(shown.marked)} marked" if shown.marked else "",
        f"{shown.elapsed_seconds * 1000:.0f} ms" if shown.elapsed_seconds else "",
        build_state,
    ]
    return SEPARATOR.join(part for part in parts if part)


def encoding_of(repositories: Sequence[RepositoryState]) -> str:
    """How much of what is being encoded has its vectors; empty: all that is to have some."""
    statuses = [r.status for r in repositories if r.status is not None]
    n_chunks = sum(status.n_chunks for status in statuses)
    if not n_chunks or not any(status.is_encoding for status in statuses):
        return ""
    n_encoded = sum(status.n_encoded for status in statuses)
    return f"{100 * n_encoded // n_chunks} % encoded"


def share_of(progress: BuildProgress) -> str:
    """How far the reading or the encoding of a build is, with a space before it; empty where nobody knows."""
    is_counted = progress.stage in ("read", "encode", "wait") and progress.total > 0
    return f" {100 * progress.done // progress.total} %" if is_counted else ""


def reading_of(progress: BuildProgress) -> str:
    """What is said while a folder is read for the first time, here or by another process."""
    is_elsewhere = progress.stage == "wait"
    what = "another process is indexing this folder" if is_elsewhere else "reading the files"
    return f"{what}{share_of(progress)}"


def place(passage: Passage, document: Document) -> str:
    """Which lines are in view, of what, at what cost to a language model."""
    n_lines = len(document.lines) - document.n_context
    if document.last_inside - document.first_inside + 1 < n_lines:
        lines = f"line {passage.start_line} of {n_lines}"
    else:
        lines = f"lines {passage.start_line}–{passage.end_line}"
    if passage.is_extracted:
        lines = f"{f'page {passage.page}, ' if passage.page else ''}{lines} of its text"
    return SEPARATOR.join((lines, passage.language, counted(passage.n_tokens, "token")))
