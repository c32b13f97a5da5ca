"""Which part of a long query counts: its most telling words, and its most telling lines for the model.

The contract. A query is an issue report, a traceback, a diff, a file, or a question in a sentence. All of it
is read, and nothing counts, or fails to, only for where it stands:

- A word weighs what `rarity` of its occurrences in the index says, times the largest of `line_factor`s of the
  lines it is in, times `_CODE` where it is written as code or in a path. A word of no region weighs nothing.
- `words` are the heaviest `MAX_WORDS`, in the query's order.
- `text` is what the model reads: lines (sentences, of a long line) in the query's order, as many as fit;
  those with the most weight a token first, where each word counts once.
- A query that has no more words and fits is its own digest: `text` is the query itself.

Knows no index: `counts` and `count_tokens` are given. What is left out is in the digest's own numbers, so
that it can be said. Ranking builds on `weights`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from indexer.light_dataclasses import dataclass
from indexer.records import QueryUsed
from indexer.retrieve.query_line_weights import line_factors
from indexer.retrieve.query_shape import CODE, stem
from indexer.storage.full_text import rarity
from indexer.words import query_words

MAX_WORDS = 48
"""Distinct words that are looked up: more cost time and add no answer."""
_CODE = 1.5
"""A word in code or in a path tells so many times what it tells in prose."""
_UNKNOWN = 0.05
"""What a word that no region holds adds to its line: the model may know what it means."""
_PATH = re.compile(r"[\w.@-]*[/\\][\w./\\@-]+|\b[\w-]+\.[A-Za-z]\w{0,5}\b")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")
_PIECE_CHARS = 160
_MAX_PIECES = 4_000

Counts = Callable[[Iterable[str]], Mapping[str, int]]
"""How many regions hold each stemmed word."""


@dataclass(frozen=True, slots=True)
class QueryDigest:
    """What counts of a query."""

    text: str
    """What the model reads."""
    words: tuple[str, ...]
    """Distinct lower-case words for full-text search, in order."""
    weights: Mapping[str, float]
    """How telling each distinct word of the query is; empty where the query counts whole."""
    used: QueryUsed | None
    """The same for whoever asked, with what was left out; None where the query counts whole."""


def digest(
    query: str,
    counts: Counts,
    n_regions: int,
    room_tokens: int,
    count_tokens: Callable[[str], int] | None,
) -> QueryDigest:
    """What counts of a query; `count_tokens` is None where no model reads it."""
    words = query_words(query)
    n_tokens = 0 if count_tokens is None else count_tokens(query)
    if len(words) <= MAX_WORDS and n_tokens <= room_tokens:
        return QueryDigest(query, tuple(words), {}, None)
    pieces = _pieces(query)
    weights = word_weights(words, pieces, counts, n_regions)
    chosen = tuple(words) if len(words) <= MAX_WORDS else _heaviest(words, weights)
    text = query
    if count_tokens is not None and n_tokens > room_tokens:
        text = _text(pieces, weights, room_tokens, count_tokens) or query
    used = QueryUsed(text if text != query else None, chosen, len(words), n_tokens)
    return QueryDigest(text, chosen, weights, used)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line of a query, or a part of a long one."""

    text: str
    factor: float
    words: frozenset[str]


def word_weights(
    words: Sequence[str], pieces: Sequence[_Piece], counts: Counts, n_regions: int
) -> dict[str, float]:
    """How telling each word is; 0 for one that no region holds."""
    stems = {word: stem(word) for word in words}
    n_with = counts(sorted(set(stems.values())))
    factors = dict.fromkeys(words, 0.0)
    for piece in pieces:
        as_code = {
            word
            for pattern in (CODE, _PATH)
            for match in pattern.finditer(piece.text)
            for word in query_words(match.group())
        }
        for word in piece.words:
            factor = piece.factor * (_CODE if word in as_code else 1.0)
            factors[word] = max(factors.get(word, 0.0), factor)
    return {
        word: factors[word] * rarity(n_with[stems[word]], n_regions) if n_with[stems[word]] else 0.0
        for word in words
    }


def _heaviest(words: Sequence[str], weights: Mapping[str, float]) -> tuple[str, ...]:
    """The words that count, in order; the first of all where none is known."""
    order = sorted(range(len(words)), key=lambda at: (-weights[words[at]], at))
    known = [at for at in order if weights[words[at]] > 0] or order
    return tuple(words[at] for at in sorted(known[:MAX_WORDS]))


def _pieces(query: str) -> list[_Piece]:
    lines = query.split("\n")
    pieces = []
    for line, factor in zip(lines, line_factors(lines), strict=True):
        for part in _parts(line):
            pieces.append(_Piece(part, factor, frozenset(query_words(part))))
    return pieces


def _parts(line: str) -> list[str]:
    """A line, in sentences where it is long, and these in pieces."""
    size = _PIECE_CHARS if line.isascii() else _PIECE_CHARS // 4
    if len(line) <= size:
        return [line] if line.strip() else []
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(line):
        at = 0
        while at < len(sentence):
            end = at + size
            space = sentence.rfind(" ", at + size // 2, end) if end < len(sentence) else -1
            end = space + 1 if space > 0 else end
            parts.append(sentence[at:end])
            at = end
    return [part for part in parts if part.strip()]


def _text(
    pieces: Sequence[_Piece],
    weights: Mapping[str, float],
    room_tokens: int,
    count_tokens: Callable[[str], int],
) -> str:
    """The pieces that the model reads; empty where none fits or tells."""
    alone = [sum(weights.get(word, 0.0) for word in piece.words) for piece in pieces]
    # What others wrote is read only where there is nothing else.
    own = [at for at, piece in enumerate(pieces) if piece.factor >= 1 and alone[at]] or range(len(pieces))
    heaviest = sorted(own, key=lambda at: -alone[at])[:_MAX_PIECES]
    costs = {at: count_tokens(pieces[at].text) + 1 for at in heaviest}
    usual = sum(alone) / max(1, sum(len(piece.words) for piece in pieces))
    covered: set[str] = set()
    chosen: list[int] = []
    left = room_tokens

    def gain(at: int) -> float:
        new = (word for word in pieces[at].words if word not in covered)
        weight = sum(weights.get(word, 0.0) or _UNKNOWN * usual for word in new)
        return weight / costs[at]

    # What a piece adds only shrinks as others are chosen: the one that adds most by what was known of it, and
    # still adds as much, is the best of all.
    known = [(-gain(at), at) for at in heaviest]
    heapify(known)
    while known:
        before, at = heappop(known)
        if costs[at] > left:
            continue
        now = -gain(at)
        if now > before:
            heappush(known, (now, at))
            continue
        if now >= 0:
            break
        chosen.append(at)
        covered |= pieces[at].words
        left -= costs[at]
    return "\n".join(pieces[at].text for at in sorted(chosen))
