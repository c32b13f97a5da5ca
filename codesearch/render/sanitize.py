"""Indexed text made safe to show: nothing in a file can act on a terminal or leave its delimiters.

Control characters become visible pictures, and invisible characters that can hide or reorder text
(bidirectional controls, tag characters, zero-width space) become escapes. Nothing is removed, so a reader
sees that something was there. JSON stays verbatim: there the same characters are written as `\\uXXXX`.
"""

from __future__ import annotations

import json
import re

_INVISIBLE = (
    *(range(0x80, 0xA0), range(0x61C, 0x61D), range(0x180E, 0x180F), range(0x200B, 0x200C)),
    *(range(0x200E, 0x2010), range(0x2028, 0x202F), range(0x2060, 0x2070), range(0xD800, 0xE000)),
    *(range(0xFEFF, 0xFF00), range(0xFFF9, 0xFFFC), range(0xFFFE, 0x10000), range(0xE0000, 0xE0080)),
)
_CONTROL = (range(0x00, 0x09), range(0x0B, 0x20), range(0x7F, 0x80))


def _any_of(*ranges: range) -> re.Pattern[str]:
    return re.compile("[" + "".join(f"\\U{r.start:08x}-\\U{r.stop - 1:08x}" for r in ranges) + "]")


_PICTURES = {code: chr(0x2400 + code) for r in _CONTROL for code in r} | {0x7F: "␡"}


def _shown(text: str) -> str:
    if text.isascii():  # the common case, ten times faster
        return text.translate(_PICTURES)
    return UNSAFE.sub(lambda match: _sign(ord(match.group())), text)


def _sign(code: int) -> str:
    return _PICTURES.get(code) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


UNSAFE = _any_of(*_CONTROL, *_INVISIBLE)
"""A character that a terminal would obey, or that hides or reorders its neighbours; not tab and line feed."""
_UNSAFE_IN_JSON = _any_of(range(0x7F, 0x80), *_INVISIBLE)
_BACKTICKS = re.compile("`+")
_MAX_LABEL_CHARS = 300


def visible(text: str) -> str:
    """Text without working control characters; CRLF becomes LF, tabs and line feeds stay."""
    return _shown(text.replace("\r\n", "\n"))


def label(text: str) -> str:
    """A path, symbol or sentence on one line: as `visible`, with tabs and line feeds shown too."""
    shown = _shown(text).replace("\n", "\\n").replace("\t", "\\t")
    return shown if len(shown) <= _MAX_LABEL_CHARS else shown[: _MAX_LABEL_CHARS - 1] + "…"


def fence_for(text: str) -> str:
    """Backticks that no run of backticks in the text can close."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(3, longest + 1)


def code_span(text: str) -> str:
    """One-line Markdown code that its content cannot end."""
    shown = label(text)
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    if not longest:
        return f"`{shown}`"
    ticks = "`" * (longest + 1)
    return f"{ticks} {shown} {ticks}"


def xml_text(text: str) -> str:
    """Character data of an element: escaped, and free of what XML 1.0 cannot hold."""
    return _escaped(visible(text))


def xml_attribute(text: str) -> str:
    """An attribute's value, without its quotes."""
    return _escaped(label(text)).replace('"', "&quot;")


def _escaped(text: str) -> str:
    """What `xml.sax.saxutils.escape` does, without importing an HTTP client on the way."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON whose strings are the exact text, with control and invisible characters escaped."""
    separators = (",", ": ") if indent else (",", ":")
    dumped = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    if dumped.isascii():  # the common case, a hundred times faster
        return dumped.replace("\x7f", "\\u007f")
    return _UNSAFE_IN_JSON.sub(lambda match: _json_escape(ord(match.group())), dumped)


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
