"""Why an answer is empty or weak, and what is stale: sentences for a person, from facts alone.

An empty answer is never just empty.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from codesearch.answers.findings import IndexState
from indexer.records import Mode, QueryUsed, SearchRequest
from indexer.retrieve.globs import PathGlobs
from indexer.wording import counted, not_indexed

if TYPE_CHECKING:
    from indexer.records import MissingVectors

WEAK = "Little of the query is in this index; these passages are only the closest matches."
NO_WORDS = "No indexed text has a word of the query; these passages are only the closest matches."
_SHOWN_GLOBS = 10


def explain_empty(request: SearchRequest, state: IndexState, indexed_paths: Iterable[str]) -> list[str]:
    """Reasons why no passage was found, the likeliest first; at least one."""
    if not state.n_chunks:
        return ["The index is empty: no file was indexed; `codesearch status --skipped` lists the reasons."]
    filters = _filter_words(request)
    globs = PathGlobs(request.paths)
    if not any(globs.passes(path) for path in indexed_paths):
        place = _place_of(request.paths)
        if place:
            return [not_indexed(place)]
        patterns = _listed(request.paths)
        return [f"No indexed file matches {patterns}; patterns are relative to the indexed folder."]
    if filters:
        return [f"Nothing in the index passes all the filters: {', '.join(filters)}."]
    if request.mode is Mode.LEXICAL:
        return ["No indexed text has a word of the query; mode hybrid also finds other words for it."]
    return ["Nothing in the index answers the query."]


def below_note(threshold: float, best: float) -> str:
    """Why nothing is left of what was found."""
    return (
        f"No passage has a confidence of {threshold:g}; the best has {best:.2f}. Lower the threshold, or ask"
        " in other words."
    )


def unmatched_note(request: SearchRequest, indexed_paths: Collection[str]) -> list[str]:
    """One sentence for those of several patterns that no indexed file matches, else none."""
    known = frozenset(f"/{path}" for path in indexed_paths)
    globs = [glob for glob in dict.fromkeys(request.paths) if glob not in known]
    idle = [glob for glob in globs if not any(map(PathGlobs([glob.removeprefix("!")]).passes, indexed_paths))]
    return [f"No indexed file matches {_listed(idle)}."] if idle else []


def _listed(globs: Sequence[str]) -> str:
    """Patterns, as many as can be read: a shell gives each file of a folder."""
    more = len(globs) - _SHOWN_GLOBS
    return " ".join(globs[:_SHOWN_GLOBS]) + (f" and {more:,} more" if more > 0 else "")


def unread_note(request: SearchRequest, state: IndexState) -> list[str]:
    """One sentence where a regular expression could not be tried on every text, else none."""
    if request.regex is None or state.has_text:
        return []
    return [
        "The index was imported without texts: the regular expression was tried only on files that this"
        " folder has as they were indexed."
    ]


def used_note(used: QueryUsed | None) -> list[str]:
    """One sentence where a part of a long query did not count, else none."""
    if used is None:
        return []
    parts = []
    if len(used.words) < used.n_words:
        parts.append(f"of {used.n_words:,} different words the {len(used.words)} most telling were looked up")
    if used.text is not None:
        parts.append(f"of {used.n_tokens:,} tokens the model read the most telling lines")
    return [f"Too long to be compared whole: {', and '.join(parts)}."] if parts else []


_LACKING = " have no vectors yet"
_LONG_LOAD_SECONDS = 0.5
"""What a search says of its model's loading: usually it takes a tenth of that."""


def says_what_is_missing(note: str) -> bool:
    """Whether a note is one of `missing_note`, for those who show the share elsewhere."""
    return _LACKING in note


def missing_note(missing: MissingVectors, state: IndexState) -> str:
    """What only words can find so far, why where the model came late, and what encodes the rest."""
    chunks = f"{missing.n_chunks:,} of {counted(state.n_chunks, 'chunk')}"
    share = f"{chunks}{_LACKING} and are ranked by their words"
    if state.is_encoding:
        return f"{share}; they are being encoded in the background."
    seconds = missing.n_tokens / missing.tokens_per_second if missing.tokens_per_second else 0.0
    how_long = f" (about {_duration(seconds)})" if seconds else ""
    encodes = f"`codesearch index` encodes them{how_long}"
    if missing.load_seconds >= _LONG_LOAD_SECONDS:
        waited = f"the model took {missing.load_seconds:.1f} s to load (longest on its first use here)"
        return f"{share}: {waited}. Ask again, or {encodes}."
    return f"{share}; {encodes}."


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def stale_note(state: IndexState) -> list[str]:
    """One sentence where index and disk differ, else none."""
    counts = {"changed": state.changed, "added": state.added, "deleted": state.deleted}
    parts = [f"{len(paths)} {word}" for word, paths in counts.items() if paths]
    if not parts:
        return []
    at_least = "" if state.complete else " at least"
    if not state.has_text:
        return [
            f"This folder differs by{at_least} {counted(state.n_stale, 'file')} ({', '.join(parts)}) from the"
            " index, which was imported without texts; `codesearch index` makes one of what is here."
        ]
    return [
        f"The index is out of date by{at_least} {counted(state.n_stale, 'file')} ({', '.join(parts)});"
        " `codesearch index` brings it up to date."
    ]


def _place_of(globs: Sequence[str]) -> str:
    """The file or folder that the only pattern stands for, as `within_folder` writes one; else nothing."""
    place = globs[0].removesuffix("/**") if len(globs) == 1 else ""
    return place[1:] if place.startswith("/") and not re.search(r"[\\*?\[]", place) else ""


def _filter_words(request: SearchRequest) -> list[str]:
    words = []
    if request.languages:
        words.append(f"language {' or '.join(request.languages)}")
    if request.paths:
        words.append(f"path {' '.join(request.paths)}")
    if request.regex is not None:
        words.append(f"regular expression {request.regex!r}")
    if request.kinds:
        words.append(f"kind {' or '.join(request.kinds)}")
    return words
