"""Why a hit is a hit: for each query word, the word of the code that answers it best, and how well.

Which characters a stored row covers is not stored: the text is tokenised again, which gives the same
rows in the same order. Called by `search.py` for the hits that it returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.records import Chunk, Float32Array, Int32Array, QueryToken, QueryVectors, WordMatch

if TYPE_CHECKING:
    from indexer.embedding_store import SegmentReader
    from indexer.tables import Tables
    from indexer.tokens import ChunkTokenizer
    from indexer.vectors.codec import RowCodec

_LEAST_SIMILARITY = 0.35
"""Cosine under which a query word is said to have found nothing."""


class EvidenceFinder:
    """Compares queries with the rows of single regions of one open generation."""

    def __init__(
        self, tables: Tables, segments: SegmentReader, codec: RowCodec | None, tokenizer: ChunkTokenizer
    ) -> None:
        self._tables = tables
        self._segments = segments
        self._codec = codec
        self._tokenizer = tokenizer

    def find(
        self, query: str, vectors: QueryVectors | None, chunk: Chunk, position: int, region: int
    ) -> tuple[WordMatch, ...]:
        """The words of a region that answer those of the query; empty without token rows.

        `position` is the chunk's in the chunk table, `region` the region's in the region table.
        """
        if vectors is None or vectors.rows is None or self._codec is None:
            return ()
        t = self._tables
        start, end, end_row = (int(v) for v in t.regions[region])
        is_first = region == int(t.region_start[position])
        n_header = int(t.n_header_rows[position])
        start_row = n_header if is_first else int(t.regions[region - 1, 2])
        codes = self._segments.rows(
            int(t.segment[position]), int(t.rows_start[position]) + start_row, end_row - start_row
        )
        row_chars = self._row_chars(chunk, start, end, start_row - n_header, len(codes))
        decoded = self._codec.decode_rotated(codes[: len(row_chars)])
        similarities = self._codec.rotate(vectors.rows) @ decoded.T
        text = chunk.text[start:end]
        return match_words(query, vectors.tokens, similarities, text, row_chars, start + chunk.start_char)

    def _row_chars(self, chunk: Chunk, start: int, end: int, first_row: int, n_rows: int) -> Int32Array:
        """(n, 2) characters of a region's rows, from its start; the chunk's tail, one row, has none.

        `first_row` counts from the first row of the chunk's text.
        """
        row_chars = self._tokenizer.row_chars(chunk.text[start:end])
        if len(row_chars) == n_rows - (end == len(chunk.text)):
            return row_chars
        # Tokens reach across the region's borders: only the whole chunk gives the rows that were stored.
        (tokenized,) = self._tokenizer.tokenize([chunk])
        chars = tokenized.token_chars[~np.isin(tokenized.input_ids, self._tokenizer.skip_ids())]
        chars = chars[chars[:, 0] >= 0][first_row : first_row + n_rows]
        inside: Int32Array = np.clip(chars - chunk.start_char - start, 0, end - start)
        return inside


def match_words(
    query: str,
    tokens: tuple[QueryToken, ...],
    similarities: Float32Array,
    text: str,
    row_chars: Int32Array,
    start_char: int,
) -> tuple[WordMatch, ...]:
    """Best matches, one a query word, in the query's order.

    `similarities` is (Q, R) between the query's rows and a region's; `row_chars` is (R, 2), characters of
    `text`, which begins at `start_char` of its file.
    """
    if not similarities.shape[1]:
        return ()
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for q, token in enumerate(tokens):
        if not any(map(_is_word, token.text)):
            continue
        at = int(np.argmax(similarities[q]))
        word = _word_around(query, token.start_char, token.end_char)
        score = float(similarities[q, at])
        if word not in best or score > best[word][0]:
            best[word] = (score, at)
    matches = []
    for (start, end), (score, at) in sorted(best.items()):
        if score < _LEAST_SIMILARITY:
            continue
        low, high = _word_around(text, int(row_chars[at, 0]), int(row_chars[at, 1]))
        if low == high:
            continue
        matches.append(
            WordMatch(query[start:end], text[low:high], low + start_char, high + start_char, round(score, 4))
        )
    return tuple(matches)


def _word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The identifier that holds text[start:end], white space at its ends left out."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end and _is_word(text[start]):
        while start > 0 and _is_word(text[start - 1]):
            start -= 1
    if start < end and _is_word(text[end - 1]):
        while end < len(text) and _is_word(text[end]):
            end += 1
    return start, end


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
