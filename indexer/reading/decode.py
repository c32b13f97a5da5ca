"""Bytes of a file → text, or why they are none.

In this order: a byte order mark; UTF-8; what the text declares of itself; what the tree or the settings
state; and what chardetng, the detector of Firefox, makes of the bytes that are not ASCII.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable

from indexer.light_dataclasses import dataclass

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
"""Western text has accents in at most every eighth character or so; what has far more is no text."""
GUESSED = "its encoding is a guess"
"""How the doubt of a detected encoding begins."""
_SURE_BYTES = 8
"""Four characters of two bytes: what is detected from fewer is said to be a guess."""
_MAX_BROKEN_SHARE = 0.02
"""UTF-8 with fewer broken places (a share of its non-ASCII bytes) than this is UTF-8 all the same."""


_PYTHON_NAMES = {
    "gbk": "gb18030", "gb2312": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "euc-kr": "cp949", "big5": "big5hkscs", "windows-874": "cp874", "ibm866": "cp866",
    "iso-8859-8-i": "iso8859-8", "latin1": "cp1252", "iso-8859-1": "cp1252",
}  # fmt: skip
"""What Python calls the encodings that others mean by these names: supersets, as browsers read them."""
_ENCODINGS = frozenset(
    """
    utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be gb18030 gbk gb2312 big5 big5hkscs cp950 cp932
    shift_jis shift_jis_2004 euc_jp euc_jis_2004 euc_jisx0213 iso2022_jp iso2022_jp_1 iso2022_jp_2
    iso2022_jp_3 iso2022_jp_2004 iso2022_jp_ext iso2022_kr cp949 euc_kr johab hz ascii koi8-r koi8-u koi8-t
    kz1048 ptcp154 mac-roman mac-cyrillic mac-greek mac-latin2 mac-turkish mac-iceland tis-620 iso8859-1
    """.split()
    + [f"iso8859-{part}" for part in range(2, 17)]
    + [f"cp{page}" for page in (*range(1250, 1259), 437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862)]
    + [f"cp{page}" for page in (863, 864, 865, 866, 869, 874, 1006, 1125)]
)
"""Python's names of the encodings that a file may be said to be in: of text, and harmless to decode."""
_ODD = frozenset({"Cn", "Co", "Cc"})


class UndecodableError(Exception):
    """The bytes are not text that is read here; `reason` is `binary` or `encoding`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text."""

    text: str
    doubt: str = ""
    """Empty, or one sentence: why the text may not be what was written."""


def decode(content: bytes, stated: Callable[[], Iterable[str]] = tuple) -> str:
    """The text alone of `decode_file`."""
    return decode_file(content, stated).text


def decode_file(content: bytes, stated: Callable[[], Iterable[str]] = tuple) -> Decoded:
    """Decode a whole file; a byte order mark is left out, line ends stay. Raises UndecodableError.

    `stated` gives the encodings that the file is said to be in, the most trusted first; it is asked only
    where the bytes do not say it themselves, and an encoding that does not fit is passed over.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                detail = f"begins like {encoding} but is not: {error.reason}"
                raise UndecodableError("encoding", detail) from error
            return Decoded(_without_nul(text))
    has_nul = b"\0" in content
    if not has_nul and b"\x1b" not in content:
        try:
            return Decoded(content.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    declared = _DECLARED.search(content, 0, _DECLARED_WITHIN_BYTES)
    for encoding in ([declared[1].decode("ascii")] if declared else []) + list(stated()):
        by_name = _decoded(content, encoding)
        if by_name is not None and "\0" not in by_name:
            return Decoded(by_name)
    if has_nul:
        raise UndecodableError("binary", "holds NUL bytes")
    try:
        return Decoded(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _detected(content, error)


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        python_name = codecs.lookup(_PYTHON_NAMES.get(encoding.lower(), encoding)).name
        if python_name == "utf-8" or python_name not in _ENCODINGS:
            return None
        return content.decode(python_name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _detected(content: bytes, utf8_error: UnicodeDecodeError) -> Decoded:
    n_high = len(content) - len(content.translate(None, _HIGH))
    n_controls = len(content) - len(content.translate(None, _CONTROLS))
    if n_controls > max(1, len(content) // 2000):
        raise UndecodableError("binary", "not UTF-8, and holds control characters")
    replaced = content.decode("utf-8", "replace")
    if replaced.count("\ufffd") <= max(1, int(n_high * _MAX_BROKEN_SHARE)) and n_high > 50:
        return Decoded(replaced)
    from chardetng_py import EncodingDetector

    detector = EncodingDetector()
    detector.feed(content, last=True)
    encoding = detector.guess(tld=None, allow_utf8=False)
    text = _decoded(content, encoding)
    if text is not None and encoding != "windows-1252" and _is_likely(text):
        return Decoded(text, _doubt(n_high, encoding))
    if n_high > len(content) * _MAX_HIGH_SHARE:
        raise UndecodableError(
            "encoding",
            f"not UTF-8 at byte {utf8_error.start:,}, and no other encoding fits for sure; where you know it,"
            " name it with --encoding or in .editorconfig",
        )
    try:
        return Decoded(content.decode("cp1252"), _doubt(n_high, "windows-1252"))
    except UnicodeDecodeError:
        return Decoded(content.decode("latin-1"), _doubt(n_high, "latin-1"))


def _doubt(n_high: int, encoding: str) -> str:
    if n_high >= _SURE_BYTES:
        return ""
    what = "one byte that is" if n_high == 1 else f"{n_high} bytes that are"
    return (
        f"{GUESSED} ({encoding}, from {what} not ASCII): where you know better, name it with --encoding or in"
        " .editorconfig"
    )


_LETTERS_IN_A_ROW = re.compile(r"[^\W\d_\x00-\x7f]{2}")


def _is_likely(text: str) -> bool:
    """Tell whether a text in a detected encoding reads like a language: words of letters, nothing unassigned.

    `5 µs` and `20 °C` in Latin-1 look like single characters of Big5 to a detector made for web pages.
    """
    n_odd = sum(unicodedata.category(char) in _ODD for char in text if char > "\x7f")
    n_wide = sum(char > "\x7f" for char in text)
    return n_odd <= n_wide * _MAX_BROKEN_SHARE and _LETTERS_IN_A_ROW.search(text) is not None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise UndecodableError("binary", "holds NUL characters")
    return text
