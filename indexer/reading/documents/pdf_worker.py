"""Reads one PDF from standard input and writes it, a JSON object a line, to standard output.

A program of its own, started by `pdf.py`: PDFium is native code, and a file made to crash it or to
use up memory must not take an index build along. It runs under limits on memory and processor time,
may not write files, and imports nothing of this project.

Lines: `{"n_pages", "title", "outline"}`, then `{"page", "text", "n_images"}` for each page as it is
read, then `{"end": true}`; or `{"error", "detail"}`, or `{"stopped": "memory"}`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_PASSWORD_ERROR = 4
_SECURITY_ERROR = 5
_FEW_CHARS = 20
_MAX_OUTLINE = 20_000
_MAX_OUTLINE_DEPTH = 8
_IMAGE = 3


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
    _send({"n_pages": len(document), "title": _title(document), "outline": _outline(document)})
    for number in range(len(document)):
        _send(_page(document, number))
    _send({"end": True})


def _page(document: Any, number: int) -> dict[str, Any]:
    text, n_images = "", 0
    try:
        page = document[number]
        text_page = page.get_textpage()
        text = text_page.get_text_range()
        text_page.close()
        if len(text.strip()) < _FEW_CHARS:
            n_images = sum(1 for _ in page.get_objects(filter=[_IMAGE], max_depth=3))
        page.close()
    except MemoryError:
        raise
    except Exception as error:
        return {"page": number, "text": text, "n_images": n_images, "problem": str(error)}
    return {"page": number, "text": text, "n_images": n_images}


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


def _title(document: Any) -> str:
    try:
        return str(document.get_metadata_value("Title"))
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
