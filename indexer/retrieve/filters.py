"""Which chunks and regions may answer: languages, path globs, a regular expression, span kinds.

Not ranking: a filter lets pass or does not.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from indexer.languages import is_code
from indexer.light_dataclasses import dataclass
from indexer.records import Int64Array, SearchRequest
from indexer.retrieve.expressions import MATCH_SECONDS, compile_expression
from indexer.retrieve.globs import PathGlobs
from indexer.storage.database import StoreReader
from indexer.storage.mapped_tables import Tables


@dataclass(frozen=True, slots=True)
class Masks:
    """What may answer; None lets everything pass."""

    chunks: NDArray[np.bool_] | None
    """(C,)"""
    regions: NDArray[np.bool_] | None
    """(R,)"""
    timed_out: bool = False
    """True: the regular expression ran out of time, files after that are left out."""


def make_masks(request: SearchRequest, store: StoreReader, tables: Tables) -> Masks:
    """Masks over chunks and regions for a request that was checked: its languages are canonical names."""
    files = None if request.files is None else frozenset(request.files)
    if not (request.languages or request.paths or request.kinds or request.regex or files is not None):
        return Masks(None, None)
    rows = store.query(
        "SELECT path, language FROM chunks JOIN files USING (file_id) ORDER BY chunk_id",
    )
    globs = PathGlobs(request.paths)
    verdicts = {
        path: (files is None or path in files)
        and (not request.languages or language in request.languages)
        and globs.passes(path)
        for path, language in dict.fromkeys(rows)
    }
    passing = np.array([verdicts[path] for path, _ in rows], bool)
    regions = np.repeat(passing, tables.n_regions)
    if request.kinds:
        is_document = np.array([not is_code(language) for _, language in rows], bool)
        regions &= _of_kinds(frozenset(request.kinds), is_document, store, tables)
    timed_out = False
    if request.regex:
        matching = _matching(request.regex, store, tables, passing)
        regions &= matching.regions
        timed_out = matching.timed_out
    per_chunk = np.zeros(tables.n_chunks, bool)
    per_chunk[np.repeat(np.arange(tables.n_chunks), tables.n_regions)[regions]] = True
    return Masks(per_chunk, regions, timed_out)


def _of_kinds(
    kinds: frozenset[str], is_document: NDArray[np.bool_], store: StoreReader, tables: Tables
) -> NDArray[np.bool_]:
    """(R,) regions of documents or code where that is asked for, or that show part of a span of a kind."""
    whole = is_document if "docs" in kinds else np.zeros_like(is_document)
    if "code" in kinds:
        whole = whole | ~is_document
    found = np.repeat(whole, tables.n_regions)
    spans = sorted(kinds - {"docs", "code"})
    if spans:
        marks = ",".join("?" * len(spans))
        rows = store.query(
            "SELECT spans.chunk_id, spans.start_char - chunks.start_char, spans.end_char - chunks.start_char"
            f" FROM spans JOIN chunks USING (chunk_id) WHERE kind IN ({marks})",
            spans,
        )
        found |= _showing(np.array(rows, np.int64).reshape(-1, 3), tables)
    return found


def _showing(places: Int64Array, tables: Tables) -> NDArray[np.bool_]:
    """(R,) regions that show part of a place; `places` is (N, 3): chunk_id, start and end in its chunk."""
    owners = np.repeat(np.arange(tables.n_chunks), tables.n_regions)
    starts = (owners << 32) + tables.regions[:, 0]
    chunk = tables.position(places[:, 0]) << 32
    first = np.searchsorted(starts, chunk + places[:, 1], "right") - 1
    last = np.searchsorted(starts, chunk + places[:, 2], "left")
    steps = np.zeros(len(starts) + 1, np.int64)
    np.add.at(steps, first[last > first], 1)
    np.add.at(steps, last[last > first], -1)
    return np.cumsum(steps[:-1]) > 0


@dataclass(frozen=True, slots=True)
class _Matching:
    """Where a regular expression matches."""

    regions: NDArray[np.bool_]
    """(R,)"""
    timed_out: bool


def _matching(pattern: str, store: StoreReader, tables: Tables, passing: NDArray[np.bool_]) -> _Matching:
    """The regions of passing chunks that show part of a match.

    The `regex` package is used because it bounds a match in time; `re` cannot.
    """
    compiled = compile_expression(pattern)
    deadline = time.monotonic() + MATCH_SECONDS
    found = np.zeros(len(tables.regions), bool)
    wanted = tables.chunk_id[passing].tolist()
    try:
        for at in range(0, len(wanted), 256):
            for chunk_id, chunk in store.chunks(wanted[at : at + 256]).items():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                # An empty match stands at the character behind it.
                places = [
                    (chunk_id, match.start(), max(match.end(), match.start() + 1))
                    for match in (compiled.finditer(chunk.text, timeout=left) if chunk.has_text else ())
                ]
                if places:
                    found |= _showing(np.array(places, np.int64), tables)
    except (TimeoutError, MemoryError):  # `regex` gives up at a gigabyte of places to go back to
        return _Matching(found, timed_out=True)
    return _Matching(found, timed_out=False)
