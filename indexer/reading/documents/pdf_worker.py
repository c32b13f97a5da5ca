"""Reads one PDF from standard input and writes it, a JSON object a line, to standard output.

A program of its own, started by `pdf.py`: PDFium is native code, and a file made to crash it or to
use up memory must not take an index build along. It runs under limits on memory and processor time,
may not write files, and imports nothing of this project.

Lines: `{"n_pages", "title", "outline"}`, then `{"page", "text", "n_images"}` for each page as it is
read, then `{"end": true}`; or `{"error", "detail"}`, or `{"stopped": "memory"}`.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from collections import Counter
from typing import Any

from indexer.light_dataclasses import dataclass

_PASSWORD_ERROR = 4
_SECURITY_ERROR = 5
_FEW_CHARS = 20
_MAX_OUTLINE = 20_000
_MAX_OUTLINE_DEPTH = 8
_IMAGE = 3
_TOUCHING_EM = (-0.2, 0.05)
"""A glyph that begins here, from the end of the one before, stands beside it without a space."""
_SPACE_EM = (0.15, 0.75)
"""How wide a lost space may be, as justified lines stretch it."""
_MIN_JUSTIFIED_LINES = 5


def main() -> None:
    """Run with two arguments: memory in bytes and processor time in seconds."""
    _limit(int(sys.argv[1]), int(float(sys.argv[2])) + 1)
    try:
        _read(sys.stdin.buffer.read())
    except MemoryError:
        _send({"stopped": "memory"})


def _read(data: bytes) -> None:
    try:
        import pypdfium2  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        _send({"error": "missing-extra", "detail": "pypdfium2"})
        return
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = pypdfium2.raw.FPDF_GetLastError() in (_PASSWORD_ERROR, _SECURITY_ERROR)
        _send({"error": "encrypted" if locked else "broken", "detail": str(error)})
        return
    _send({"n_pages": len(document), "title": _metadata(document, "Title"), "outline": _outline(document)})
    loses_spaces = _metadata(document, "Producer").startswith("gropdf")
    for number in range(len(document)):
        _send(_page(document, number, loses_spaces))
    _send({"end": True})


def _page(document: Any, number: int, loses_spaces: bool) -> dict[str, Any]:
    text, n_images = "", 0
    try:
        page = document[number]
        text_page = page.get_textpage()
        text = text_page.get_text_range()
        if loses_spaces:
            text = with_lost_spaces(text, _glyphs(text_page, len(text)))
        text_page.close()
        if len(text.strip()) < _FEW_CHARS:
            n_images = sum(1 for _ in page.get_objects(filter=[_IMAGE], max_depth=3))
        page.close()
    except MemoryError:
        raise
    except Exception as error:
        return {"page": number, "text": text, "n_images": n_images, "problem": str(error)}
    return {"page": number, "text": text, "n_images": n_images}


@dataclass(frozen=True, slots=True)
class Glyph:
    """Where a character of a page stands, in points, and what drew it."""

    x: float
    right: float
    size: float
    part: int
    """The piece of the line that was placed at once."""
    font: int
    is_made_up: bool
    """A space or line end that PDFium puts where there is a gap."""


def with_lost_spaces(text: str, glyphs: list[Glyph]) -> str:
    """The text of a page that gropdf wrote, with the word spaces that PDFium passes over.

    gropdf writes the space before a change of font as a shift of an empty string. PDFium does not shift, so
    that words are glued and all up to the next part that has a place of its own stands too far left: there
    it sees a gap, in the middle of a word (`usinggr ep` for `using grep`). The space goes from there to the
    change of font; where no such part follows, a justified line that ends too early tells.

    Arguments:
        text: as PDFium gives it, one character a glyph.
        glyphs: one a character; fewer leave the text as it is.
    """
    if len(glyphs) != len(text):
        return text
    ends = Counter(round(glyphs[k].right) for k in range(len(text) - 1) if _ends_line(text, k))
    margin, n_lines = ends.most_common(1)[0] if ends else (0, 0)
    removed: set[int] = set()
    added: set[int] = set()
    changes: list[int] = []
    """Where the font changes without a space, since the last part that had a place."""
    for k in range(1, len(text)):
        before, here = glyphs[k - 1], glyphs[k]
        if _ends_line(text, k - 1) and changes and n_lines >= _MIN_JUSTIFIED_LINES:
            added |= _lost_at(changes, text, (margin - before.right) / before.size)
        if text[k] in "\r\n" or _ends_line(text, k - 1):
            changes = []
        elif text[k] == " " and here.is_made_up and k + 1 < len(text):
            after = glyphs[k + 1]
            lost = _lost_at(changes, text, (after.x - before.right) / after.size)
            is_in_word = text[k - 1].isalnum() and text[k + 1].isalnum()
            if lost and is_in_word and before.font == after.font and before.part != after.part:
                removed.add(k)
                added |= lost
                changes = []
        elif text[k] != " " and text[k - 1] not in " \n" and before.part != here.part:
            touches = _TOUCHING_EM[0] < (here.x - before.right) / here.size < _TOUCHING_EM[1]
            if before.font == here.font:
                changes = []
            elif touches and re.fullmatch(r"[\w.,;:)!?][\w(/$-]", text[k - 1 : k + 1]):
                changes.append(k)
    return "".join(
        (" " if k in added else "") + ("" if k in removed else character) for k, character in enumerate(text)
    )


def _ends_line(text: str, k: int) -> bool:
    """Whether the character at `k` is the last of a line; a hyphen that ends one is marked as such."""
    return text[k] in "\x02\ufffe" or text[k + 1 : k + 2] == "\r"


def _lost_at(changes: list[int], text: str, gap_em: float) -> set[int]:
    """Which changes of font lost their spaces, when together they are so wide."""
    least, most = _SPACE_EM
    if not changes or gap_em < least:
        return set()
    if least + _TOUCHING_EM[1] <= gap_em / len(changes) <= most:
        return set(changes)
    if gap_em > most:
        return set()
    after_words = [k for k in changes if re.search(r"(?:^|[\s(])\w+[.,;:)!?]*$", text[max(0, k - 40) : k])]
    return set((after_words or changes)[-1:])


def _glyphs(text_page: Any, n_chars: int) -> list[Glyph]:
    """Of all characters; none where their number is not that of the text."""
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if text_page.count_chars() != n_chars:
        return []
    glyphs = []
    x, y = ctypes.c_double(), ctypes.c_double()
    for k in range(n_chars):
        pdfium.FPDFText_GetCharOrigin(text_page, k, x, y)
        part = pdfium.FPDFText_GetTextObject(text_page, k)
        glyphs.append(
            Glyph(
                x.value,
                text_page.get_charbox(k, loose=True)[2],
                pdfium.FPDFText_GetFontSize(text_page, k) or 1.0,
                _address(part),
                _address(pdfium.FPDFTextObj_GetFont(part)) if part else 0,
                pdfium.FPDFText_IsGenerated(text_page, k) == 1,
            )
        )
    return glyphs


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _outline(document: Any) -> list[dict[str, Any]]:
    """The bookmarks that lead to a page, in the file's order."""
    found: list[dict[str, Any]] = []
    try:
        for bookmark in document.get_toc(max_depth=_MAX_OUTLINE_DEPTH):
            destination = bookmark.get_dest()
            page = destination.get_index() if destination is not None else None
            if page is not None:
                found.append({"level": bookmark.level, "title": bookmark.get_title(), "page": page})
            if len(found) >= _MAX_OUTLINE:
                break
    except MemoryError:
        raise
    except Exception:
        return found
    return found


def _metadata(document: Any, key: str) -> str:
    try:
        return str(document.get_metadata_value(key))
    except Exception:
        return ""


def _limit(memory_bytes: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:
        return
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            # A lower limit is already in force, or the system has no such limit.
            continue


def _send(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
