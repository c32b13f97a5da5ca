"""Text as the lexical side reads it: identifiers split into words, lower-cased, kept whole as well.

`getUserName`, `get_user_name` and "get user name" share the words get, user, name; the first two
also keep `getusername`, so that a pasted identifier outranks its parts. Stemming is FTS5's own
(Porter), applied to documents and queries alike. Used for the FTS5 tables, and by ranking to
compare queries with paths and symbols.

Scripts that put no spaces between words (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese) are read
as pairs of neighbouring characters, which need no dictionary; a border is also where such a script meets
any other, so that `parse_config` is a word of `调用parse_config函数`. Both spellings that Unicode has for
an accented letter, and full-width letters, are one: text is compared in form NFKC without accents, ß as ss.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain

from indexer.stop_words import STOP_WORDS

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff"  # Thai, Lao
    "\u1000-\u1049\u104c-\u109f\u1780-\u17d3\ua9e0-\ua9fe\uaa60-\uaa7f"  # Burmese, Khmer
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb\uffa0-\uffdc"  # Korean
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3005-\u3007\u3021-\u3029\u3105-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"  # Chinese
)
_MARKS = (  # of letters that carry vowels and accents as characters of their own; `\w` has none of them
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0963\u0966-\u0df3"
    "\u0f18\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0fbc"
)
_LETTER = rf"[^\W_{_UNSPACED}]"
_LETTERS = rf"{_LETTER}(?:{_LETTER}|[{_MARKS}])*"
_WORD = rf"[{_UNSPACED}]+|{_LETTERS}(?:_+{_LETTERS})*"
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)*")
_ASCII_RUNS = bytes(
    code if chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(128)
).ljust(256)
"""What each ASCII character is to be for `str.split` to cut as `_ASCII_WORD`, but for outer underscores."""
_NAME = rf"[{_UNSPACED}]+|[^\W\d{_UNSPACED}](?:[^\W{_UNSPACED}]|[{_MARKS}])*"
_ASCII_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_WORD = re.compile(rf"[\w{_MARKS}]")
_ASCII_IN_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_SPELLINGS = dict(zip("ßẞæÆœŒøØłŁđĐðÐþÞı", "ss SS ae AE oe OE o O l L d D d D th TH i".split(), strict=True))
_SPELT = re.compile(f"[{''.join(_SPELLINGS)}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
# Acronyms before a hump (HTTPServer), camel humps, digit runs.
_ASCII_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_OTHER_PART = re.compile(rf"\d+|[{_LATIN}]+|[^\d_{_LATIN}]+")

MAX_WORD_CHARS = 64
"""Longer runs (hashes, base64) are no words; they would only swell the index."""


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    """Compiled where such text is met: expressions with all those scripts take 40 ms, of every start."""
    return re.compile(expression)


def normalised(text: str) -> str:
    """Text as it is compared: in Unicode form NFKC, Latin letters without what is added to them."""
    if text.isascii():
        return text
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return _SPELT.sub(lambda match: _SPELLINGS[match.group()], unicodedata.normalize("NFC", bare))


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script without spaces, and so a piece of a run rather than a word."""
    return word[:1] > "\x7f" and _pattern(f"[{_UNSPACED}]").match(word) is not None


def _found(text: str) -> list[str]:
    return _ASCII_WORD.findall(text) if text.isascii() else _pattern(_WORD).findall(normalised(text))


def identifiers(text: str) -> Iterator[str]:
    """Each identifier, word, or run of a script without spaces, in order; as written, but normalised."""
    return iter(_found(text))


def names(line: str) -> Iterator[re.Match[str]]:
    """Each name of a line of code, in place: as `identifiers`, but none that begins with a digit."""
    return (_ASCII_NAME if line.isascii() else _pattern(_NAME)).finditer(line)


def word_at(text: str, at: int) -> tuple[int, int]:
    """Start and end of the identifier that has the character at `at`; empty where it is in none.

    In a script without spaces that is the character and its neighbour.
    """
    if text.isascii():
        return _ascii_word_at(text, at)
    if at >= len(text) or _IN_WORD.match(text, at) is None:
        return at, at
    if is_unspaced(text[at]):
        is_last = not is_unspaced(text[at + 1 : at + 2])
        has_before = at > 0 and is_unspaced(text[at - 1])
        start = at - 1 if is_last and has_before else at
        return start, min(start + 2, at + 1 if is_last else len(text))
    start, end = at, at + 1
    while start > 0 and _is_spaced(text, start - 1):
        start -= 1
    while end < len(text) and _is_spaced(text, end):
        end += 1
    return start, end


def _ascii_word_at(text: str, at: int) -> tuple[int, int]:
    end = len(text) - len(text[at:].lstrip(_ASCII_IN_WORD))
    return (len(text[:at].rstrip(_ASCII_IN_WORD)), end) if at < end else (at, at)


def _is_spaced(text: str, at: int) -> bool:
    return _IN_WORD.match(text, at) is not None and not is_unspaced(text[at])


def split_identifier(identifier: str) -> list[str]:
    """The lower-cased parts of one identifier: `HTTPServer2` gives http, server, 2.

    A run of a script without spaces gives its pairs of neighbours: 端口被占 gives 端口, 口被, 被占.
    """
    if identifier.isascii():
        if identifier.islower() and identifier.isalpha():
            return [identifier]
        return [part.lower() for part in _ASCII_PART.findall(identifier)]
    if is_unspaced(identifier):
        return _pairs(identifier)
    return [hump.lower() for part in _OTHER_PART.findall(identifier) for hump in _humps(part)]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]


def _humps(text: str) -> list[str]:
    """Camel humps of text in any script: a border before each upper-case letter after a lower-case one."""
    borders = [i for i in range(1, len(text)) if text[i].isupper() and text[i - 1].islower()]
    return [text[start:end] for start, end in zip([0, *borders], [*borders, len(text)], strict=True)]


def joined(identifier: str) -> str:
    """The identifier as one lower-case word without underscores: the key symbols are compared by."""
    return normalised(identifier).replace("_", "").lower()


def last_name(name: str) -> str:
    """A symbol's own name: `Router.add_route` gives `add_route`, `Guide > Install` gives `Install`."""
    last = name.rsplit(" > ", 1)[-1]
    # What holds a space is a heading, whose dots are a version's or a section number's.
    return last if " " in name else last.rsplit(".", 1)[-1]


def words(text: str) -> list[str]:
    """Words of a text to be found, in order; an identifier of several parts is followed by its whole.

    A run of a script without spaces is followed by its last character, so that each of its characters
    begins a word: one character alone is asked for as the beginning of one.
    """
    return list(chain.from_iterable(map(_words_of, _short(text))))


def spelled_out(text: str) -> str:
    """The words of a text with spaces between them, as the full-text tables take them."""
    if text.isascii():
        found = text.encode("ascii").translate(_ASCII_RUNS).decode("ascii").split()
    else:
        found = _found(text)
    if max(map(len, found), default=0) > MAX_WORD_CHARS:
        bare = (each.strip("_") for each in found)
        found = [each for each in bare if len(each) <= MAX_WORD_CHARS or is_unspaced(each)]
    return " ".join(filter(None, map(_spelled_out, found)))


@lru_cache(maxsize=32_768)
def _spelled_out(identifier: str) -> str:
    """Remembered, because code repeats its names: 300 bytes each."""
    return " ".join(_words_of(identifier.strip("_")))


def _short(text: str) -> Iterator[str]:
    return (found for found in _found(text) if len(found) <= MAX_WORD_CHARS or is_unspaced(found))


def _words_of(identifier: str) -> tuple[str, ...]:
    if not is_unspaced(identifier):
        return _parts_and_whole(identifier)
    return (*_pairs(identifier), identifier[-1]) if len(identifier) > 1 else (identifier,)


@lru_cache(maxsize=32_768)
def _parts_and_whole(identifier: str) -> tuple[str, ...]:
    """Remembered, because code repeats its names: 300 bytes each."""
    parts = split_identifier(identifier)
    return (*parts, joined(identifier)) if len(parts) > 1 else tuple(parts)


def query_words(query: str) -> list[str]:
    """Distinct words of a query, in order, stop words dropped unless nothing else is left."""
    found = (_pairs(name) if is_unspaced(name) else _parts_and_whole(name) for name in _short(query))
    every = list(dict.fromkeys(chain.from_iterable(found)))
    telling = [word for word in every if word not in STOP_WORDS]
    return telling or every
