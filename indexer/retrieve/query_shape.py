"""What a query is made of: its words, the identifiers in it, and what it asks to see."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from itertools import groupby

import Stemmer

from indexer.light_dataclasses import dataclass
from indexer.retrieve.named_paths import paths_named
from indexer.stop_words import STOP_WORDS, topic_words
from indexer.words import identifiers, joined, query_words, split_identifier

# Each word is begun at once only: a pasted key of 100,000 letters costs no more than its length.
CODE = re.compile(
    r"`[^`]+`|(?<!\w)(?:\w+(?:(?:::|\.|->|#)\w+)+|[A-Za-z0-9]+_\w+|[a-z]+[A-Z]\w*|[A-Z]+[a-z]+[A-Z]\w*)"
)
_MIXED = re.compile(r"\w+")
_CAPITALISED = re.compile(r"[A-Z][a-z]\w*")
_TEST_WORDS = frozenset({"test", "mock", "benchmark", "spec", "fixtur"})
_DOCUMENT_WORDS = frozenset({"doc", "document", "readm", "guid", "exampl", "tutori", "changelog", "handbook"})
_STEMMER = Stemmer.Stemmer("porter")
_MAX_GRAM = 4


@dataclass(frozen=True, slots=True)
class QueryShape:
    """A query taken apart."""

    words: tuple[str, ...]
    """Distinct lower-case words for full-text search, in order."""
    stems: frozenset[str]
    """Stemmed parts of its telling words, without the name of the repository searched."""
    identifiers: frozenset[str]
    """What looks like code in it, as `words.joined` writes it."""
    grams: frozenset[str]
    """Two to four neighbouring words run together: an identifier asked for in plain words."""
    is_identifier: bool
    """The query is one identifier and nothing else."""
    wants_tests: bool
    wants_documents: bool
    paths: tuple[tuple[str, float], ...] = ()
    """Files' paths in it, see `named_paths`."""


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Porter's stem, as FTS5 makes it: words of fewer than 3 bytes or more than 64 stay as they are."""
    return str(_STEMMER.stemWord(word)) if 3 <= len(word.encode("utf-8", "surrogatepass")) <= 64 else word


@lru_cache(maxsize=65_536)
def stems_of(text: str) -> frozenset[str]:
    """Stemmed parts of every identifier of a short text."""
    return frozenset(stem(part) for name in identifiers(text) for part in split_identifier(name))


def query_shape(query: str, repository: str, words: Sequence[str] | None = None) -> QueryShape:
    """Take a query apart; `repository` is the name of the searched folder, which tells nothing within it.

    `words` are those of its `query_words` that count; all of them by default.
    """
    every = query_words(query) if words is None else list(words)
    asked = topic_words(every)
    form = {stem(word) for word in every} - {stem(word) for word in asked}
    every = asked
    counted = None if words is None else {stem(word) for word in every}
    parts = [part for name in identifiers(query) for part in split_identifier(name)]
    telling = {stem(part) for part in parts if part not in STOP_WORDS} or {stem(part) for part in parts}
    telling = telling - form or telling
    own = stems_of(repository)
    tokens = query.split()
    named = {name for match in CODE.finditer(query) for name in _joined_names(match.group())}
    is_identifier = len(tokens) == 1
    if is_identifier:
        named |= _joined_names(query)
    else:
        named |= {joined(token) for token in tokens[1:] if _CAPITALISED.fullmatch(token)}
    if counted is not None:
        telling &= counted
        named = {name for name in named if stem(name) in counted}
    grams = {
        "".join(run[start : start + n])
        for run in _runs(parts, counted)
        for n in range(2, _MAX_GRAM + 1)
        for start in range(len(run) - n + 1)
    }
    return QueryShape(
        words=tuple([word for word in every if stem(word) not in own] or every),
        stems=frozenset(telling - own or telling),
        identifiers=frozenset(named - {joined(repository)}),
        grams=frozenset(grams),
        is_identifier=is_identifier,
        wants_tests=bool(telling & _TEST_WORDS),
        wants_documents=bool(telling & _DOCUMENT_WORDS),
        paths=paths_named(query),
    )


def _runs(parts: Sequence[str], counted: Set[str] | None) -> list[list[str]]:
    """The parts, without those whose stems do not count: what is between two of these is a run."""
    if counted is None:
        return [list(parts)]
    groups = groupby(parts, lambda part: stem(part) in counted)
    return [list(run) for counts, run in groups if counts]


def _joined_names(text: str) -> set[str]:
    """The identifiers of a text, and its whole words where these mix scripts, as names do too."""
    return {joined(name) for name in identifiers(text)} | {
        joined(word) for word in _MIXED.findall(text) if not word.isascii()
    }
