"""Why a hit is a hit: for each query word, the word of the code that answers it best, and how well."""

from __future__ import annotations

import numpy as np

from indexer.records import Float32Array, Int32Array, QueryToken, WordMatch

_LEAST_SIMILARITY = 0.35
"""Cosine under which a query word is said to have found nothing."""


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
