"""Pairs from tests: what a test's name says, and the function that it tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from indexer.light_dataclasses import dataclass
from indexer.path_roles import is_test
from indexer.records import Span
from indexer.training.code_pairs import name_words
from indexer.training.pair import Pair, PairKind, clean_query

_MIN_NAME_CHARS = 6
"""Of a tested function's name of one word."""
_CALLABLE = frozenset({"function", "method"})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file's symbols."""

    path: str
    spans: tuple[Span, ...]


def tested_pairs(files: Iterable[NamedFile]) -> Iterator[Pair]:
    """A pair for each test whose name begins with that of one function, and says more."""
    functions: dict[tuple[str, ...], list[tuple[str, Span]]] = {}
    tests: list[tuple[str, ...]] = []
    for file in files:
        for span in file.spans:
            if span.kind not in _CALLABLE:
                continue
            words = tuple(name_words(span.name.rsplit(".", 1)[-1]).split())
            if not is_test(file.path):
                functions.setdefault(words, []).append((file.path, span))
            elif words[:1] == ("test",):
                tests.append(words[1:])
    for words in dict.fromkeys(tests):
        for n in range(len(words) - 1, 0, -1):
            found = functions.get(words[:n], [])
            if len(found) == 1 and (n > 1 or len(words[0]) >= _MIN_NAME_CHARS):
                path, span = found[0]
                query = clean_query(" ".join(words))
                if query:
                    yield Pair(path, PairKind.TEST, query, span.start_char, span.end_char)
                break
