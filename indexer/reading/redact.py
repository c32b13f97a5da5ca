"""Credentials in a text, found before anything is stored, and covered with asterisks.

    redact(source) -> Redacted(source, secrets)

A covered text has the same characters in the same lines, so that every position in it is still a
position in the file. What is covered is neither embedded nor stored, so that nothing can return it.
Precision comes first: hashes, identifiers and placeholders are code that people search for. Nothing
is ever sent anywhere to see whether a credential is valid.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from indexer.light_dataclasses import dataclass
from indexer.reading.literals import Literals
from indexer.reading.secret_rules import (
    BARE,
    BARE_LANGUAGES,
    KEY_BLOCK,
    KEY_BODY,
    KEY_LITERAL,
    NAME_STARTS,
    NAMES,
    PLACEHOLDER,
    QUOTED,
    RULES,
)
from indexer.records import SourceFile

_METHOD_VERSION = "1"
"""Changed where this module covers other texts by the same rules."""
_MIN_ENTROPY_BITS = 3.0
"""Of a character, in a value that nothing but its name or place gives away."""
_WORDS = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a credential stands."""

    kind: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class Redacted:
    """A file whose credentials are covered."""

    source: SourceFile
    secrets: tuple[Secret, ...]


def rules_version() -> str:
    """Which rules there are: an index that was made by others is read anew. 16 hex digits."""
    rules = [
        (rule.name, rule.literals, rule.pattern.pattern, rule.pattern.flags, rule.ignore_case,
         rule.needs_randomness)
        for rule in RULES
    ]  # fmt: skip
    patterns = [(p.pattern, p.flags) for p in (KEY_BLOCK, KEY_BODY, QUOTED, BARE, PLACEHOLDER)]
    words = (KEY_LITERAL, NAMES, sorted(BARE_LANGUAGES))
    return hashlib.sha256(repr((_METHOD_VERSION, rules, patterns, words)).encode()).hexdigest()[:16]


def redact(source: SourceFile) -> Redacted:
    """Cover the credentials of a file; sha256 and n_bytes stay those of the file on disk."""
    secrets = find_secrets(source.text, source.language)
    return Redacted(
        replace(source, text=_covered(source.text, secrets)) if secrets else source, tuple(secrets)
    )


def cover(text: str) -> str:
    """A text with its credentials covered."""
    return _covered(text, find_secrets(text))


def _covered(text: str, secrets: list[Secret]) -> str:
    parts, at = [], 0
    for secret in secrets:
        parts += [
            text[at : secret.start_char],
            _NOT_SPACE.sub("*", text[secret.start_char : secret.end_char]),
        ]
        at = secret.end_char
    return "".join([*parts, text[at:]])


def find_secrets(text: str, language: str = "text") -> list[Secret]:
    """The credentials of a text, in order, none overlapping another. Time is linear in the text."""
    lower = text.lower()
    held, held_in_any_case = _CASED.within(text), _LOWER.within(lower)
    found = list(_key_blocks(text)) if KEY_LITERAL in held else []
    found += _issued(text, held, held_in_any_case)
    if not held_in_any_case.isdisjoint(NAMES):
        found += _assigned(text, language)
    found.sort(key=lambda secret: (secret.start_char, -secret.end_char))
    kept: list[Secret] = []
    for secret in found:
        if kept and secret.start_char < kept[-1].end_char:
            if secret.end_char > kept[-1].end_char:
                kept[-1] = replace(kept[-1], end_char=secret.end_char)
        else:
            kept.append(secret)
    return kept


_CASED = Literals([KEY_LITERAL, *(each for rule in RULES if not rule.ignore_case for each in rule.literals)])
_LOWER = Literals([*NAMES, *(each for rule in RULES if rule.ignore_case for each in rule.literals)])


def _key_blocks(text: str) -> Iterator[Secret]:
    """The bodies of private keys; the lines around them stay, and say what was there."""
    marks = list(KEY_BLOCK.finditer(text))
    for at, mark in enumerate(marks):
        if mark[1] != "BEGIN":
            continue
        end = marks[at + 1].start() if at + 1 < len(marks) else min(len(text), mark.end() + 8000)
        bodies = list(KEY_BODY.finditer(text, mark.end(), end))
        if sum(body.end() - body.start() for body in bodies) >= 40:
            yield Secret("private key", bodies[0].start(), bodies[-1].end())


def _issued(text: str, held: set[str], held_in_any_case: set[str]) -> Iterator[Secret]:
    """Credentials that are known by their shape."""
    for rule in RULES:
        if (held_in_any_case if rule.ignore_case else held).isdisjoint(rule.literals):
            continue
        for match in rule.pattern.finditer(text):
            group = 1 if rule.pattern.groups else 0
            value = match[group]
            if PLACEHOLDER.search(value) or (rule.needs_randomness and not _is_random(value, 16)):
                continue
            yield Secret(rule.name, *match.span(group))


def _assigned(text: str, language: str) -> Iterator[Secret]:
    """Values of variables, keys and parameters that are named as credentials are."""
    for match in quoted_values(text):
        if _is_credential(match["value"]):
            yield Secret("assigned credential", *match.span("value"))
    if language in BARE_LANGUAGES:
        for match in BARE.finditer(text):
            if _is_credential(match["value"]):
                yield Secret("assigned credential", *match.span("value"))


def quoted_values(text: str) -> Iterator[re.Match[str]]:
    """What `QUOTED.finditer` gives, for a quarter of the time: tried only where a name begins."""
    if not text.isascii():  # the pattern ignores more than case there, and lower case may be longer
        yield from QUOTED.finditer(text)
        return
    lower, end = text.lower(), 0
    for start in sorted({at for name in NAME_STARTS for at in _places_of(name, lower)}):
        if start >= end and (match := QUOTED.match(text, start)):
            end = match.end()
            yield match


def _places_of(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _is_credential(value: str) -> bool:
    """Tell a credential from a word, an identifier, a path or a template that stands in its place."""
    if PLACEHOLDER.search(value):
        return False
    return _is_random(value, 8)


def _is_random(value: str, min_chars: int) -> bool:
    """Tell made-up from meant: digits among letters, many different characters, few whole words."""
    if len(value) < min_chars or not any(char.isdigit() for char in value):
        return False
    if not any(char.isalpha() for char in value):
        return False
    if _entropy_bits(value) < min(_MIN_ENTROPY_BITS, math.log2(len(value)) - 0.6):
        return False
    n_in_words = sum(len(word) for word in _WORDS.findall(value) if _is_word(word))
    return n_in_words < 0.6 * len(value)


def _is_word(run: str) -> bool:
    """Vowels as words have them."""
    n_vowels = sum(char in "aeiouyAEIOUY" for char in run)
    return len(run) >= 4 and 0.2 <= n_vowels / len(run) <= 0.7


def _entropy_bits(value: str) -> float:
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())
