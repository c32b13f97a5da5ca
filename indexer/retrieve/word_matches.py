"""Why a hit is a hit: for each query word, the word of the code that answers it best, and how well.

For the hits that become passages; ranks nothing and tokenises nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from indexer.embeddings.embedding_store import NOWHERE
from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Float32Array, Int64Array, QueryToken, QueryVectors, WordMatch
from indexer.words import word_at

if TYPE_CHECKING:
    from indexer.embeddings.embedding_store import SegmentReader
    from indexer.storage.mapped_tables import Tables
    from indexer.vectors.row_codec import RowCodec

_WORD = re.compile(r"\w")
_LEAST_SIMILARITY = 0.35
"""Cosine under which a query word is said to have found nothing."""


@dataclass(frozen=True, slots=True)
class _RotatedRows:
    """A query and its rows in the space of the stored ones."""

    vectors: QueryVectors
    rows: Float32Array


class EvidenceFinder:
    """Compares queries with the rows of single regions of one open generation."""

    def __init__(self, tables: Tables, segments: SegmentReader, codec: RowCodec | None) -> None:
        self._tables = tables
        self._segments = segments
        self._codec = codec
        self._last: _RotatedRows | None = None

    def find(
        self, query: str, vectors: QueryVectors | None, chunk: Chunk, position: int, region: int
    ) -> tuple[WordMatch, ...]:
        """The words of a region that answer those of the query; empty without token rows.

        `position` is the chunk's in the chunk table, `region` the region's in the region table.
        """
        if vectors is None or vectors.rows is None or self._codec is None:
            return ()
        t = self._tables
        if t.segment[position] < 0:
            return ()
        start, end, end_row = t.regions[region].tolist()
        is_first = region == int(t.region_start[position])
        first_row = int(t.n_header_rows[position]) if is_first else int(t.regions[region - 1, 2])
        rows = int(t.segment[position]), int(t.rows_start[position]) + first_row, end_row - first_row
        row_starts = self._segments.row_starts(*rows)
        in_text = row_starts < NOWHERE
        decoded = self._codec.decode_rotated(self._segments.codes(*rows)[in_text])
        similarities = self._rotated(vectors, self._codec) @ decoded.T
        starts = row_starts[in_text].astype(np.int64)
        return match_words(
            query, vectors.tokens, similarities, chunk.text[start:end], starts, start + chunk.start_char
        )

    def _rotated(self, vectors: QueryVectors, codec: RowCodec) -> Float32Array:
        """A query's rows in the codec's space, remembered for the other hits of the answer."""
        last = self._last
        if last is None or last.vectors is not vectors:
            assert vectors.rows is not None
            last = self._last = _RotatedRows(vectors, codec.rotate(vectors.rows))
        return last.rows


def match_words(
    query: str,
    tokens: tuple[QueryToken, ...],
    similarities: Float32Array,
    text: str,
    row_starts: Int64Array,
    start_char: int,
) -> tuple[WordMatch, ...]:
    """Best matches, one a query word, in the query's order.

    `similarities` is (Q, R) between the query's rows and a region's; `row_starts` is (R,), the first
    character of each row's token in `text`, which begins at `start_char` of its file.
    """
    if not similarities.shape[1]:
        return ()
    best_rows = similarities.argmax(axis=1).tolist()
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for q, (word, at) in enumerate(zip(_words_of(query, tokens), best_rows, strict=True)):
        score = float(similarities[q, at])
        if word is not None and (word not in best or score > best[word][0]):
            best[word] = (score, at)
    matches = []
    for (start, end), (score, at) in sorted(best.items()):
        if score < _LEAST_SIMILARITY:
            continue
        low, high = _word_at(text, int(row_starts[at]))
        if low == high:
            continue
        matches.append(
            WordMatch(query[start:end], text[low:high], low + start_char, high + start_char, round(score, 4))
        )
    return tuple(matches)


@lru_cache(maxsize=16)
def _words_of(query: str, tokens: tuple[QueryToken, ...]) -> tuple[tuple[int, int] | None, ...]:
    """The characters of the word that each token of a query is in; None for a token of no word."""
    return tuple(_word_at(query, token.start_char) if _WORD.search(token.text) else None for token in tokens)


def _word_at(text: str, at: int) -> tuple[int, int]:
    """The identifier that holds the first character from `at` on that is no white space, or the sign there.

    A token's first character may be the white space before its word.
    """
    while at < len(text) and text[at].isspace():
        at += 1
    start, end = word_at(text, at)
    return (start, end) if start < end else (at, min(at + 1, len(text)))
