"""Text → pieces of syntax, by Pygments: which characters are comments, strings, names. No colours.

Not here: lines, columns, and what a kind looks like.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from indexer.light_dataclasses import dataclass

if TYPE_CHECKING:
    from pygments.lexer import Lexer

KINDS = (
    "comment", "keyword", "string", "number", "function", "class", "builtin", "decorator", "tag",
    "heading", "emphasis", "strong", "operator", "error",
)  # fmt: skip
MAX_CHARS = 300_000
"""Longer texts get no syntax: the lexer needs about a second a megabyte."""

_LEXER_NAMES = {
    "csharp": "csharp", "c_sharp": "csharp", "cpp": "cpp", "tsx": "tsx", "jsx": "jsx", "objc": "objective-c",
    "rst": "restructuredtext", "shell": "bash", "proto": "protobuf", "make": "makefile", "svelte": "html",
    "astro": "html", "assembly": "nasm", "text": "", "csv": "", "asciidoc": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of the text that share a kind."""

    start: int
    end: int
    kind: str


def pieces_of(text: str, language: str, path: str) -> list[Piece]:
    """The pieces of a text that have a kind, in order; none for plain or very long text.

    Arguments:
        text: whole lines of a file.
        language: its name in `indexer.languages`; the file's name decides where that has no lexer.
        path: where it lies, for its name.
    """
    if len(text) > MAX_CHARS:
        return []
    lexer = _lexer(language, path.rsplit("/", 1)[-1])
    if lexer is None:
        return []
    pieces = []
    for start, token_type, value in lexer.get_tokens_unprocessed(text):
        kind = _kind_of(token_type)
        if kind:
            pieces.append(Piece(start, start + len(value), kind))
    # Lexers that embed another language may answer out of order.
    pieces.sort(key=lambda piece: piece.start)
    return pieces


@lru_cache(maxsize=64)
def _lexer(language: str, file_name: str) -> Lexer | None:
    """The lexer of a known language; else that of the file's name, which takes Pygments long to find."""
    from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name
    from pygments.util import ClassNotFound

    name = _LEXER_NAMES.get(language, language)
    if not name:
        return None
    try:
        return get_lexer_by_name(name)
    except ClassNotFound:
        lexer_class = find_lexer_class_for_filename(file_name)
        return lexer_class() if lexer_class is not None else None


_KIND_PREFIXES = (
    ("Token.Comment", "comment"), ("Token.Keyword", "keyword"), ("Token.Operator.Word", "keyword"),
    ("Token.Literal.String", "string"), ("Token.Literal.Number", "number"),
    ("Token.Name.Function", "function"),
    ("Token.Name.Class", "class"), ("Token.Name.Exception", "class"), ("Token.Name.Builtin", "builtin"),
    ("Token.Name.Decorator", "decorator"), ("Token.Name.Attribute", "decorator"), ("Token.Name.Tag", "tag"),
    ("Token.Generic.Heading", "heading"), ("Token.Generic.Subheading", "heading"),
    ("Token.Generic.Emph", "emphasis"), ("Token.Generic.Strong", "strong"), ("Token.Operator", "operator"),
    ("Token.Punctuation", "operator"),
)  # fmt: skip
_kinds_by_type: dict[object, str] = {}


def _kind_of(token_type: object) -> str:
    kind = _kinds_by_type.get(token_type)
    if kind is None:
        name = str(token_type)
        kind = next((kind for prefix, kind in _KIND_PREFIXES if name.startswith(prefix)), "")
        _kinds_by_type[token_type] = kind
    return kind
