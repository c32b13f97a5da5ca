"""One training pair: a text that a person might ask with, and the place of a file that answers it."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

from indexer.light_dataclasses import dataclass

MIN_WORDS, MAX_WORDS = 3, 60
"""Of a query; a longer one is cut."""
_WORD = re.compile(r"[^\W_]{2,}")


class PairKind(StrEnum):
    """Where a pair's query comes from."""

    DOC = "documentation"
    """The docstring or comment in front of a symbol or file, which the document then lacks."""
    COMMENT = "comment"
    """A comment within code, about the lines below it."""
    NAME = "name"
    """The words of a symbol's name."""
    PATH = "file name"
    COMMIT = "commit message"
    """About what it changed."""
    TEST = "test name"
    """About the function that is tested."""
    HEADING = "heading"
    QUESTION = "question"
    """A heading that asks, or a line that does before its answer."""
    SENTENCE = "sentence"
    """About the paragraph that it was taken out of (inverse cloze)."""


PROSE_KINDS = frozenset({PairKind.HEADING, PairKind.QUESTION, PairKind.SENTENCE})


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and its answer in a file as it lies on disk; positions are the file's characters."""

    path: str
    kind: PairKind
    query: str
    start_char: int
    end_char: int
    removed: tuple[int, int] | None = None
    """What the document must lack, for it holds the query: half-open, within the file."""


def clean_query(text: str) -> str:
    """A query in one line, cut to MAX_WORDS; empty where it says too little to ask with."""
    words = text.split()
    if len(words) > MAX_WORDS:
        words = words[:MAX_WORDS]
    query = " ".join(words)
    return query if len(_WORD.findall(query)) >= MIN_WORDS else ""


def draw(seed: int, *facts: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: the same in any process and order."""
    digest = hashlib.blake2b(
        "\0".join(map(str, (seed, *facts))).encode("utf-8", "surrogatepass"), digest_size=8
    )
    return int.from_bytes(digest.digest(), "big") / 2**64
