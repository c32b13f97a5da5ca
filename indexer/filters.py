"""Which chunks and regions may answer: languages, path globs, a regular expression, span kinds.

Not ranking: a filter lets pass or does not. Used by `search.py` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pathspec
import regex
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.languages import canonical, is_code, knows
from indexer.records import SearchRequest
from indexer.store import StoreReader
from indexer.tables import Tables

SPAN_KINDS = frozenset(
    "function method class interface struct trait impl enum module constant type macro"
    " section page cell table code".split()
)
_REGEX_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What may answer; None lets everything pass."""

    chunks: NDArray[np.bool_] | None
    """(C,)"""
    regions: NDArray[np.bool_] | None
    """(R,)"""
    timed_out: bool = False
    """True: the regular expression ran out of time, files after that are left out."""


def check_request(request: SearchRequest) -> None:
    """Refuse what cannot be served, one sentence each. Raises InputError."""
    if not request.query.strip():
        raise InputError("The query is empty; ask something, in words or with an identifier.")
    if request.k < 1:
        raise InputError(f"k is {request.k}; ask for at least 1 result.")
    for language in request.languages:
        if not knows(language):
            raise InputError(f"Unknown language {language!r}; `codesearch status` lists those in the index.")
    for kind in request.kinds:
        if kind not in SPAN_KINDS | {"docs"}:
            raise InputError(f"Unknown kind {kind!r}; known: {', '.join(sorted(SPAN_KINDS | {'docs'}))}.")
    if request.regex is not None:
        try:
            regex.compile(request.regex)
        except regex.error as error:
            raise InputError(f"The regular expression {request.regex!r} is broken: {error}.") from None


def make_filters(request: SearchRequest, store: StoreReader, tables: Tables) -> Filters:
    """Masks over chunks and regions for a checked request."""
    if not (request.languages or request.paths or request.kinds or request.regex):
        return Filters(None, None)
    rows = store.query(
        "SELECT chunk_id, path, language FROM chunks JOIN files USING (file_id) ORDER BY chunk_id"
    )
    passing = np.ones(tables.n_chunks, bool)
    wanted = {canonical(language) for language in request.languages}
    docs_only = "docs" in request.kinds and "code" not in request.kinds and len(request.kinds) == 1
    code_only = "code" in request.kinds and "docs" not in request.kinds and len(request.kinds) == 1
    globs = _globs(request.paths)
    for at, (_, path, language) in enumerate(rows):
        is_document = not is_code(language)
        passing[at] = (
            (not wanted or language in wanted)
            and (globs is None or globs(path))
            and not (docs_only and not is_document)
            and not (code_only and is_document)
        )
    regions = np.repeat(passing, tables.n_regions)
    kinds = set(request.kinds) - {"docs", "code"}
    if kinds:
        regions &= _of_kinds(kinds, store, tables)
    timed_out = False
    if request.regex is not None:
        matching, timed_out = _matching(request.regex, store, tables, passing)
        regions &= matching
    per_chunk = np.zeros(tables.n_chunks, bool)
    owners = np.repeat(np.arange(tables.n_chunks), tables.n_regions)
    per_chunk[owners[regions]] = True
    return Filters(per_chunk, regions, timed_out)


class _Globs:
    """.gitignore patterns over paths; a leading `!` excludes."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        include = [p for p in patterns if not p.startswith("!")]
        exclude = [p[1:] for p in patterns if p.startswith("!")]
        self._include = pathspec.GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = pathspec.GitIgnoreSpec.from_lines(exclude)

    def __call__(self, path: str) -> bool:
        return (self._include is None or self._include.match_file(path)) and not self._exclude.match_file(
            path
        )


def _globs(patterns: tuple[str, ...]) -> _Globs | None:
    return _Globs(patterns) if patterns else None


def _of_kinds(kinds: set[str], store: StoreReader, tables: Tables) -> NDArray[np.bool_]:
    """(R,) regions that show part of a span of one of the kinds."""
    found = np.zeros(len(tables.regions), bool)
    marks = ",".join("?" * len(kinds))
    rows = store.query(
        "SELECT spans.chunk_id, spans.start_char - chunks.start_char, spans.end_char - chunks.start_char"
        f" FROM spans JOIN chunks USING (chunk_id) WHERE kind IN ({marks})",
        sorted(kinds),
    )
    if not rows:
        return found
    spans = np.array(rows, np.int64)
    for position, (_, start, end) in zip(tables.position(spans[:, 0]), spans, strict=True):
        low, high = tables.region_start[position], tables.region_start[position + 1]
        regions = tables.regions[low:high]
        found[low:high] |= (regions[:, 0] < end) & (regions[:, 1] > start)
    return found


def _matching(
    pattern: str, store: StoreReader, tables: Tables, passing: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], bool]:
    """(R,) regions in which the expression matches, and whether it ran out of time.

    The `regex` package is used because it bounds a match in time; `re` cannot.
    """
    import time

    compiled = regex.compile(pattern, regex.MULTILINE)
    found = np.zeros(len(tables.regions), bool)
    deadline = time.monotonic() + _REGEX_SECONDS
    wanted = tables.chunk_id[passing].tolist()
    for at in range(0, len(wanted), 256):
        chunks = store.chunks(wanted[at : at + 256])
        for position, chunk_id in zip(
            tables.position(np.array(wanted[at : at + 256])).tolist(), wanted[at : at + 256], strict=True
        ):
            left = deadline - time.monotonic()
            if left <= 0:
                return found, True
            low, high = int(tables.region_start[position]), int(tables.region_start[position + 1])
            regions = tables.regions[low:high]
            try:
                for match in compiled.finditer(chunks[chunk_id].text, timeout=left):
                    end = max(match.end(), match.start() + 1)
                    found[low:high] |= (regions[:, 0] < end) & (regions[:, 1] > match.start())
            except TimeoutError:
                return found, True
    return found, False
