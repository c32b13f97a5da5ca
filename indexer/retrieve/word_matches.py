"""Why a hit is a hit: for each query word, the word of the code that answers it best, and how well.

For the hits that become passages; ranks nothing and tokenises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexer.embeddings.embedding_store import NOWHERE
from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Float32Array, Int64Array, QueryToken, QueryVectors, WordMatch
from indexer.vectors.products import tall_product
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
    """A query, and those of its rows that are of words, in the space of the stored ones."""

    query: str
    vectors: QueryVectors
    words: QueryWords
    columns: Float32Array
    """(D, W)"""


@dataclass(frozen=True, slots=True)
class QueryWords:
    """The words of a query and the rows of each, from `words_of`."""

    words: tuple[tuple[int, int], ...]
    """Their characters, ascending."""
    rows: Int64Array
    """(W,) the query's rows, by word, those of one in order."""
    starts: Int64Array
    """(len(words),) where each word begins in `rows`."""
    of_row: Int64Array
    """(W,) the word of each."""


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
        last = self._rotated(query, vectors, self._codec)
        similarities = np.empty((len(decoded), last.columns.shape[1]), np.float32)
        tall_product(decoded, last.columns, similarities)
        starts = row_starts[in_text].astype(np.int64)
        return match_words(
            query, last.words, similarities, chunk.text[start:end], starts, start + chunk.start_char
        )

    def _rotated(self, query: str, vectors: QueryVectors, codec: RowCodec) -> _RotatedRows:
        """A query's rows in the codec's space, remembered for the other hits of the answer."""
        last = self._last
        if last is None or last.vectors is not vectors or last.query != query:
            assert vectors.rows is not None
            words = words_of(query, vectors.tokens)
            columns = np.ascontiguousarray(codec.rotate(vectors.rows)[words.rows].T)
            last = self._last = _RotatedRows(query, vectors, words, columns)
        return last


def match_words(
    query: str,
    words: QueryWords,
    similarities: Float32Array,
    text: str,
    row_starts: Int64Array,
    start_char: int,
) -> tuple[WordMatch, ...]:
    """Best matches, one a query word, in the query's order.

    `similarities` is (R, W) between a region's rows and those of the query's words; `row_starts` is (R,), the
    first character of each row's token in `text`, which begins at `start_char` of its file.
    """
    if not similarities.size:
        return ()
    scores = similarities.max(axis=0).astype(np.float64)
    best = np.lexsort((-scores, words.of_row))[words.starts]  # of equal ones the first
    best = best[scores[best] >= _LEAST_SIMILARITY]
    rows, tops = similarities[:, best].argmax(axis=0).tolist(), scores[best].tolist()
    places = {row: _word_at(text, int(row_starts[row])) for row in set(rows)}
    matches = []
    for at, row, score in zip(words.of_row[best].tolist(), rows, tops, strict=True):
        (start, end), (low, high) = words.words[at], places[row]
        if low < high:
            word, code_word = query[start:end], text[low:high]
            matches.append(WordMatch(word, code_word, low + start_char, high + start_char, round(score, 4)))
    return tuple(matches)


def words_of(query: str, tokens: Sequence[QueryToken]) -> QueryWords:
    """The words that the tokens of a query are in, one token a row; tokens of no word are left out."""
    rows_of: dict[tuple[int, int], list[int]] = {}
    for row, token in enumerate(tokens):
        if _WORD.search(token.text):
            rows_of.setdefault(_word_at(query, token.start_char), []).append(row)
    words = tuple(sorted(rows_of))
    counts = np.array([len(rows_of[word]) for word in words], np.int64)
    rows = np.array([row for word in words for row in rows_of[word]], np.int64)
    return QueryWords(words, rows, np.cumsum(counts) - counts, np.repeat(np.arange(len(words)), counts))


def _word_at(text: str, at: int) -> tuple[int, int]:
    """The identifier that holds the first character from `at` on that is no white space, or the sign there.

    A token's first character may be the white space before its word.
    """
    while at < len(text) and text[at].isspace():
        at += 1
    start, end = word_at(text, at)
    return (start, end) if start < end else (at, min(at + 1, len(text)))
