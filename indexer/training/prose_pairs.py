"""Pairs from one file of prose: heading to section, question to answer, sentence to its paragraph.

The last is the inverse cloze task of Lee, Chang and Toutanova (2019, arXiv:1906.00300).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from indexer.records import SourceFile, Span
from indexer.training.pair import Pair, PairKind, clean_query, draw

_PARAGRAPH = re.compile(r"(?:^(?![ \t]*$)[^\n]*(?:\n|\Z))+", re.MULTILINE)
_NO_PROSE = re.compile(r"[ \t]*(?:[#|>=~`+]|[-*_]{3}|\.\. |    |\t|\$ |:\w+:|<)")
_SENTENCE_END = re.compile(r"[.!?](?=[ \n]|\Z)")
_QUESTION_LINE = re.compile(
    r"[ \t]*(?:\*\*|Q(?:uestion)?[:.)]\s*|\d+[.)]\s*|[-*]\s+)?"
    r"(?P<asked>[A-Z][^\n?]{10,200}\?)(?:\*\*)?[ \t]*\n"
)
_ASKS = re.compile(r"(?:how|why|what|when|where|which|who|can|does|do|is|are|should)\b", re.IGNORECASE)
_MARKS = re.compile(r"[`*_]+|\[([^\]\n]*)\]\([^)\n]*\)|:\w+:`~?([^`<\n]*)[^`\n]*`")
_ADORNMENT = frozenset("=-~^\"'#*+`:._")
_MIN_SECTION_CHARS = 120
_MIN_PARAGRAPH_WORDS = 40
_MIN_SENTENCE_WORDS, _MAX_SENTENCE_WORDS = 6, 40


def prose_pairs(source: SourceFile, spans: Sequence[Span], seed: int) -> Iterator[Pair]:
    """The pairs of one file of prose; `spans` are its sections."""
    text = source.text
    for span in spans:
        pair = _section_pair(source, span) if span.kind == "section" else None
        if pair is not None:
            yield pair
    for paragraph in _PARAGRAPH.finditer(text):
        start, end = paragraph.span()
        asked = _QUESTION_LINE.match(text, start)
        if asked is not None and end - asked.end() >= _MIN_SECTION_CHARS // 2:
            query = clean_query(_plain(asked["asked"]))
            if query:
                yield Pair(source.path, PairKind.QUESTION, query, asked.end(), end, (start, asked.end()))
                continue
        pair = _sentence_pair(source, start, end, seed)
        if pair is not None:
            yield pair


def _section_pair(source: SourceFile, span: Span) -> Pair | None:
    """A heading names what stands below it; one that says little is read with the one above it."""
    chain = [_plain(name) for name in span.name.split(" > ")]
    query = clean_query(chain[-1]) or (clean_query(" ".join(chain[-2:])) if len(chain) > 1 else "")
    body = _behind_heading(source.text, span.start_char)
    if not query or not span.start_char < body < span.end_char - _MIN_SECTION_CHARS:
        return None
    asks = chain[-1].endswith("?") or _ASKS.match(chain[-1]) is not None
    kind = PairKind.QUESTION if asks else PairKind.HEADING
    return Pair(source.path, kind, query, body, span.end_char, (span.start_char, body))


def _behind_heading(text: str, start: int) -> int:
    """Where the line behind a heading begins: its title, with lines above and below that mark it as one."""
    has_title = False
    end = start
    while end < len(text):
        line_end = text.find("\n", end) + 1 or len(text)
        is_adornment = not set(text[end:line_end].strip()) - _ADORNMENT
        if has_title and not (is_adornment and text[end:line_end].strip()):
            break
        has_title = has_title or not is_adornment
        end = line_end
    return end


def _sentence_pair(source: SourceFile, start: int, end: int, seed: int) -> Pair | None:
    text = source.text[start:end]
    if _NO_PROSE.match(text) or len(text.split()) < _MIN_PARAGRAPH_WORDS:
        return None
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    sentences = [
        (first, last)
        for first, last in pairwise([0, *ends])
        if _MIN_SENTENCE_WORDS <= len(text[first:last].split()) <= _MAX_SENTENCE_WORDS
    ]
    if len(sentences) < 2:
        return None
    first, last = sentences[int(draw(seed, "sentence", source.path, start) * len(sentences))]
    query = clean_query(_plain(text[first:last]))
    return (
        Pair(source.path, PairKind.SENTENCE, query, start, end, (start + first, start + last))
        if query
        else None
    )


def _plain(text: str) -> str:
    return _MARKS.sub(lambda match: match[1] or match[2] or "", text).strip()
