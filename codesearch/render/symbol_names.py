"""Names of symbols as users of a language write them: the index joins all parts by dots.

For people to read and to give back; the index, the ranking and JSON have the dotted name alone.
"""

from __future__ import annotations

import re

_DOT = re.compile(r"(?<=[\w>)\]])\.(?=[^\W\d]|[~<(*&])")
"""Between two names, and not of `Ts...` or `1.5`."""
_DOT_BEFORE_CONSTANT = re.compile(r"(?<=\w)\.(?=[A-Z])")
_SPELLINGS = {
    "cpp": _DOT,
    "rust": _DOT,
    "php": _DOT,
    "ruby": _DOT_BEFORE_CONSTANT,  # a method is sent to its class: `Net::HTTP.get`
}
_SEPARATOR = re.compile(r"\s*(?:::|->|#|\\)\s*")


def spelled(name: str, language: str) -> str:
    """`Router.add` as the language has it: `Router::add` in C++, Rust and PHP; else as it is."""
    dot = _SPELLINGS.get(language)
    return name if dot is None or "." not in name else dot.sub("::", name)


def is_named(name: str, asked: str) -> bool:
    """Whether a symbol of this dotted name is asked for, in dots or as its language spells it."""
    return name == asked or name == _SEPARATOR.sub(".", asked.strip()).strip(".")
