"""What a question asks for to the letter: a regular expression, a quoted phrase, an error's last line.

Where a passage's chunk holds it, the passage shows it, marked: `passages.py` moves there, whatever the
ranking found beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.light_dataclasses import dataclass
from indexer.records import SearchRequest, WordMatch
from indexer.retrieve.expressions import compile_expression

_MOST_MATCHES = 1000
"""In a chunk; nobody looks at more, and an expression can match at every character."""
_MATCH_SECONDS = 0.5
"""For one chunk; the filter has tried the expression on it before."""
_LEAST_PHRASE_CHARS = 4
_OTHER_CASES = "\u017f\u0130"
"""What an expression takes for an s or an i in any case, and `lower` leaves or makes something else."""
_QUOTED = re.compile(r"\"([^\"\n]+)\"|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_ERROR_NAME = re.compile(r"^[\w.]*(?:Error|Exception|Warning|error|panic)\w*: +")


@dataclass(frozen=True, slots=True)
class Literal:
    """One text or expression that is found as it is written."""

    shown: str
    """As it was asked for."""
    pattern: str
    needle: str = ""
    """The longest word of a phrase in ASCII, in small letters; empty where there is none."""
    before: tuple[str, ...] = ()
    """The words before that one in the phrase, in small letters, the nearest first."""
    after: tuple[str, ...] = ()
    """The words behind it."""

    def matches(self, text: str, offset: int) -> list[WordMatch]:
        """Its places in a text that begins at the file's character `offset`; what is blank is no place."""
        found: list[WordMatch] = []
        is_plain = text.isascii() or not any(char in text for char in _OTHER_CASES)
        if self.needle and is_plain and not self._may_match(text.lower()):
            return found
        try:
            for match in compile_expression(self.pattern).finditer(text, timeout=_MATCH_SECONDS):
                part = match.group()
                if not part.strip():
                    continue
                start, end = offset + match.start(), offset + match.end()
                found.append(WordMatch(self.shown, part, start, end, 1.0, is_literal=True))
                if len(found) == _MOST_MATCHES:
                    break
        except (TimeoutError, MemoryError):  # what was found until then is right
            pass
        return found

    def _may_match(self, lowered: str) -> bool:
        """Whether its words stand where its longest one does; to compile the pattern takes longer."""
        at = lowered.find(self.needle)
        while at >= 0:
            if self._stands_around(lowered[:at], lowered[at + len(self.needle) :]):
                return True
            at = lowered.find(self.needle, at + 1)
        return False

    def _stands_around(self, head: str, tail: str) -> bool:
        for word in self.before:
            head = head.rstrip()
            if not head.endswith(word):
                return False
            head = head[: -len(word)]
        for word in self.after:
            tail = tail.lstrip()
            if not tail.startswith(word):
                return False
            tail = tail[len(word) :]
        return True


def literals_of(request: SearchRequest) -> tuple[Literal, ...]:
    """What a request asks for to the letter; empty for most questions."""
    found = [Literal(request.regex, request.regex)] if request.regex else []
    found.extend(map(_phrase, _phrases(request.query)))
    return tuple(found)


def literal_matches(literals: Sequence[Literal], text: str, offset: int) -> tuple[WordMatch, ...]:
    """The places of all of them in a text, in its order."""
    found = [match for literal in literals for match in literal.matches(text, offset)]
    return tuple(sorted(found, key=lambda match: (match.start_char, match.end_char)))


def _phrases(query: str) -> list[str]:
    """Quoted parts of a question, the message of an error, and a question of several words as a whole."""
    lines = [line.strip() for line in query.splitlines() if line.strip()]
    if not lines:
        return []
    last = lines[-1]
    phrases = [next(filter(None, groups)) for groups in _QUOTED.findall(query)] if len(lines) == 1 else []
    message = _ERROR_NAME.sub("", last)
    if len(lines) > 1 or message != last or len(last.split()) > 1:
        phrases.append(message)
    return list(dict.fromkeys(p.strip() for p in phrases if len(p.strip()) >= _LEAST_PHRASE_CHARS))


def _phrase(phrase: str) -> Literal:
    if not phrase.isascii():
        return Literal(phrase, _spaced(phrase))
    words = phrase.lower().split()
    longest = max(words, key=len)
    at = words.index(longest)
    return Literal(phrase, _spaced(phrase), longest, tuple(words[:at][::-1]), tuple(words[at + 1 :]))


def _spaced(phrase: str) -> str:
    """A pattern for a phrase whose white space may be any, whose case does not count, and that ends words."""
    body = r"\s+".join(map(re.escape, phrase.split()))
    return rf"(?i)(?<!\w){body}(?!\w)" if phrase[0].isalnum() and phrase[-1].isalnum() else rf"(?i){body}"
