"""Which word matches tell a person something. The engine gives the best code for every query word, even for
"the" and "when", whose best is hardly ever more than noise; those are left out here, and drawn nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.records import WordMatch

CLOSE_TO_BEST = 0.08
"""A word's weaker matches are shown when they are at most this much below its best."""

# fmt: off
STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "did", "do", "does", "for", "from", "has",
    "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "should",
    "so", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "was", "we",
    "were", "what", "when", "where", "which", "while", "who", "why", "will", "with", "you", "your",
})
# fmt: on


def telling(matches: Sequence[WordMatch]) -> list[WordMatch]:
    """The matches worth drawing, in the order given; all of them where a query is nothing but such words."""
    found = [match for match in matches if _tells(match)] or list(matches)
    best: dict[str, float] = {}
    for match in found:
        word = match.query_word.casefold()
        best[word] = max(best.get(word, -1.0), match.similarity)
    return [match for match in found if match.similarity >= best[match.query_word.casefold()] - CLOSE_TO_BEST]


def _tells(match: WordMatch) -> bool:
    if match.is_literal:
        return True
    query_word, code_word = match.query_word.casefold(), match.code_word.casefold()
    if query_word == code_word and len(query_word) > 3:
        return True
    return query_word not in STOP_WORDS and code_word not in STOP_WORDS and len(code_word) > 1
