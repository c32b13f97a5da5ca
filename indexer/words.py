"""Text as the lexical side reads it: identifiers split into words, lower-cased, kept whole as well.

`getUserName`, `get_user_name` and "get user name" share the words get, user, name; the first two
also keep `getusername`, so that a pasted identifier outranks its parts. Stemming is FTS5's own
(Porter), applied to documents and queries alike. Used for the FTS5 tables, and by ranking to
compare queries with paths and symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

_IDENTIFIER = re.compile(r"[^\W_]+(?:_+[^\W_]+)*", re.UNICODE)
# Acronyms before a hump (HTTPServer), camel humps, digit runs.
_ASCII_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DIGITS_OR_NOT = re.compile(r"\d+|[^\d_]+")

MAX_WORD_CHARS = 64
"""Longer runs (hashes, base64) are no words; they would only swell the index."""


def identifiers(text: str) -> Iterator[str]:
    """Each identifier or word of the text as written, in order."""
    return (match.group() for match in _IDENTIFIER.finditer(text))


def split_identifier(identifier: str) -> list[str]:
    """The lower-cased parts of one identifier: `HTTPServer2` gives http, server, 2."""
    if identifier.islower() and identifier.isascii() and identifier.isalpha():
        return [identifier]
    if identifier.isascii():
        return [part.lower() for part in _ASCII_PART.findall(identifier)]
    return [hump.lower() for part in _DIGITS_OR_NOT.findall(identifier) for hump in _humps(part)]


def _humps(text: str) -> list[str]:
    """Camel humps of text in any script: a border before each upper-case letter after a lower-case one."""
    borders = [i for i in range(1, len(text)) if text[i].isupper() and text[i - 1].islower()]
    return [text[start:end] for start, end in zip([0, *borders], [*borders, len(text)], strict=True)]


def joined(identifier: str) -> str:
    """The identifier as one lower-case word without underscores: the key symbols are compared by."""
    return identifier.replace("_", "").lower()


def last_name(name: str) -> str:
    """A symbol's own name: `Router.add_route` gives `add_route`, `Guide > Install` gives `Install`."""
    last = name.rsplit(" > ", 1)[-1]
    # What holds a space is a heading, whose dots are a version's or a section number's.
    return last if " " in name else last.rsplit(".", 1)[-1]


def words(text: str) -> list[str]:
    """Split words of the text in order; an identifier of several parts is followed by its whole."""
    short = (found for found in _IDENTIFIER.findall(text) if len(found) <= MAX_WORD_CHARS)
    return list(chain.from_iterable(map(_words_of, short)))


@lru_cache(maxsize=32_768)
def _words_of(identifier: str) -> tuple[str, ...]:
    """Remembered, because code repeats its names: 300 bytes each."""
    parts = split_identifier(identifier)
    return (*parts, joined(identifier)) if len(parts) > 1 else tuple(parts)


STOP_WORDS = frozenset(
    """a about all also am an and any are as at be been being but by can could did do does doing for
    from get gets had has have having he her here him his how i if in into is it its just like make
    makes me my no not of on or our out over she should so some such than that the their them then
    there these they this those through to up us use used uses using via was we were what when where
    which while who whom whose why will with within would you your code find show implement
    implemented implementation handle handled handles
    """.split()
)
"""Words that ask rather than tell. Dropped from a query only while other words are left."""


def query_words(query: str) -> list[str]:
    """Distinct words of a query, in order, stop words dropped unless nothing else is left."""
    every = list(dict.fromkeys(words(query)))
    telling = [word for word in every if word not in STOP_WORDS]
    return telling or every
