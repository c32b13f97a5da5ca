"""Bytes of a file → text, or why they are none.

UTF-8, UTF-16 and UTF-32 with a byte order mark, the encoding that the text declares of itself, and
Latin-1 (with Windows' characters in the gap) where the bytes look like a Western text. Not a guesser
of encodings: anything else is refused.
"""

from __future__ import annotations

import codecs
import re

_BOMS = (
    # UTF-32 LE begins with UTF-16 LE's mark, so that it is asked first.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""(?:coding[:=]|charset=|encoding=)[ \t]*["']?"""
    rb"(gbk|gb2312|gb18030|big5|euc-jp|euc-kr|cp949|shift[_-]jis|sjis|koi8-[ru]|(?:cp|windows-)125[0-8]|iso-8859-\d{1,2})",
    re.IGNORECASE,
)
_DECLARED_WITHIN_BYTES = 1024
_TEXT_CONTROLS = b"\t\n\r\f\v\b\x1b\x1a"
_CONTROLS = bytes(set(range(32)) - set(_TEXT_CONTROLS)) + b"\x7f"
_HIGH = bytes(range(128, 256))
_MAX_HIGH_SHARE = 0.25
"""Western text has accents in at most every eighth character or so; other encodings have far more."""
_MAX_BROKEN_SHARE = 0.02
"""UTF-8 with fewer broken places (a share of its non-ASCII bytes) than this is UTF-8 all the same."""


class UndecodableError(Exception):
    """The bytes are not text that is read here; `reason` is `binary` or `encoding`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def decode(content: bytes) -> str:
    """Decode a whole file; a byte order mark is left out, line ends stay. Raises UndecodableError."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                detail = f"begins like {encoding} but is not: {error.reason}"
                raise UndecodableError("encoding", detail) from error
            return _without_nul(text)
    if b"\0" in content:
        raise UndecodableError("binary", "holds NUL bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        declared = _DECLARED.search(content, 0, _DECLARED_WITHIN_BYTES)
        if declared:
            try:
                return content.decode(declared[1].decode("ascii"))
            except (UnicodeDecodeError, LookupError):
                pass
        return _decode_western(content, error)


def _decode_western(content: bytes, utf8_error: UnicodeDecodeError) -> str:
    n_high = len(content) - len(content.translate(None, _HIGH))
    n_controls = len(content) - len(content.translate(None, _CONTROLS))
    if n_controls > max(1, len(content) // 2000):
        raise UndecodableError("binary", "not UTF-8, and holds control characters")
    replaced = content.decode("utf-8", "replace")
    if replaced.count("\ufffd") <= max(1, int(n_high * _MAX_BROKEN_SHARE)) and n_high > 50:
        return replaced
    if n_high > len(content) * _MAX_HIGH_SHARE:
        detail = f"not UTF-8 at byte {utf8_error.start:,}, and not Western text either"
        raise UndecodableError("encoding", detail)
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise UndecodableError("binary", "holds NUL characters")
    return text
