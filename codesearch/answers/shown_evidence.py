"""Which word matches tell a person something. The engine gives the best code for every query word, even for
"the" and "when", whose best is hardly ever more than noise; those are left out here, and drawn nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.records import WordMatch
from indexer.stop_words import FUNCTION_WORDS, KEYWORDS, STOP_WORDS

_LEAST_CHARS = 3
_PLAIN = FUNCTION_WORDS | KEYWORDS
CLOSE_TO_BEST = 0.08
"""A word's weaker matches are shown when they are at most this much below its best."""


def telling(matches: Sequence[WordMatch]) -> list[WordMatch]:
    """The matches worth drawing, in the order given. Where only such words found anything, those that found
    themselves: whether the query has others is not known here."""
    found = [match for match in matches if _tells(match)]
    if not found and all(match.query_word.casefold() in FUNCTION_WORDS for match in matches):
        return [match for match in matches if match.query_word.casefold() == match.code_word.casefold()]
    found = found or [match for match in matches if match.code_word.casefold() not in _PLAIN]
    best: dict[str, float] = {}
    for match in found:
        word = match.query_word.casefold()
        best[word] = max(best.get(word, -1.0), match.similarity)
    return [match for match in found if match.similarity >= best[match.query_word.casefold()] - CLOSE_TO_BEST]


def _tells(match: WordMatch) -> bool:
    if match.is_literal:
        return True
    query_word, code_word = match.query_word.casefold(), match.code_word.casefold()
    if query_word == code_word and (len(query_word) > 3 or query_word not in FUNCTION_WORDS):
        return True
    return query_word not in FUNCTION_WORDS and code_word not in _PLAIN and len(code_word) > 1


def asked_stems(query: str) -> frozenset[str]:
    """The stems of the words that a query asks for, as against those that every question has.

    Where code has one of them to the letter, that is evidence too, whatever the vectors found best.
    """
    from indexer.retrieve.query_shape import stem
    from indexer.words import words

    plain = STOP_WORDS | KEYWORDS
    return frozenset(stem(word) for word in words(query) if len(word) >= _LEAST_CHARS and word not in plain)
