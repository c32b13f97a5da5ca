"""PDF: text page by page through PDFium in a process of its own, sections from the bookmarks.

Encrypted, scanned, broken and empty files are told apart. No JavaScript, form, attachment or link of
the file is looked at. `pdf_worker.py` is the other half.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import IO, Any, cast

from indexer.light_dataclasses import dataclass
from indexer.reading.documents.builder import TextBuilder, clean
from indexer.reading.documents.document import Document, DocumentError, Meter
from indexer.reading.documents.plain_headings import Part
from indexer.reading.markup_headings import Heading
from indexer.system import TIME_IS_UP
from indexer.wording import counted

_WORKER = Path(__file__).with_name("pdf_worker.py")
_HYPHENATED = re.compile("(?<=\\w)[\x02\ufffe](?:\r?\n)?(?=\\w)")
_PAGE_NUMBER = re.compile(r"\d+")
_EDGE_LINES = 2
_MIN_REPEATS = 4
_MIN_REPEATED_SHARE = 0.3
_MIN_CHARS_A_PAGE = 10
"""Mean text of a page below which a file with images counts as scanned."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why the worker did not come to its end."""

    reason: str
    """As `DocumentError.reason`."""
    sentence: str


@dataclass(slots=True)
class _Reading:
    """What the worker has told so far."""

    n_pages: int = 0
    outline: list[dict[str, Any]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    n_image_pages: int = 0
    """Pages with images and hardly any text."""
    n_bad_pages: int = 0
    stopped: _Stop | None = None
    """Why not all pages were read; None: they were."""


def read_pdf(data: bytes, path: str, meter: Meter) -> Document:
    """Read a PDF. Pages read before the time limit or a crash are kept, and `problem` says so."""
    if importlib.util.find_spec("pypdfium2") is None:
        raise DocumentError(
            "missing-extra", "PDF files are read with an extra: pip install 'codesearch-local[docs]'"
        )
    reading = _read_pages(data, meter)
    pages = drop_repeated_edges([page.split("\n") for page in reading.pages])
    n_chars = sum(len("".join(page.split())) for page in pages)
    if n_chars < _MIN_CHARS_A_PAGE * len(pages) and reading.n_image_pages:
        raise DocumentError(
            "scanned", f"{reading.n_image_pages} of its {len(pages)} pages are images without text"
        )
    if not n_chars:
        raise DocumentError("empty", f"{counted(len(pages), 'page')} without text")
    builder = TextBuilder(meter.limits.max_text_chars)
    starts: list[int] = []
    for number, page in enumerate(pages, start=1):
        starts.append(builder.position)
        if page:
            builder.write(page + "\n")
            builder.parts.append(Part("page", f"page {number}", starts[-1], builder.position))
            builder.write("\n")
    builder.headings += _outline_headings(reading.outline, pages, starts)
    problems = []
    if reading.stopped is not None:
        read = f"only pages 1 to {len(reading.pages)} of {reading.n_pages}"
        problems.append(f"{read}: {reading.stopped.sentence}")
    if reading.n_image_pages:
        problems.append(f"{reading.n_image_pages} of {reading.n_pages} pages are images without text")
    if reading.n_bad_pages:
        problems.append(f"{reading.n_bad_pages} of {reading.n_pages} pages are damaged")
    return builder.document("pdf", problems)


def drop_repeated_edges(pages: Sequence[Sequence[str]]) -> list[str]:
    """Join each page's lines, without running headers and footers.

    A line among the first or last two of a page goes where it stands on a third of the pages (four at
    least), word for word or with a number that counts along with the pages.
    """
    trimmed = [[line.rstrip() for line in page if line.strip()] for page in pages]
    counts: Counter[str] = Counter()
    for number, lines in enumerate(trimmed):
        edges = [*lines[:_EDGE_LINES], *lines[max(_EDGE_LINES, len(lines) - _EDGE_LINES) :]]
        counts.update({key for line in edges for key in _edge_keys(line, number)})
    needed = max(_MIN_REPEATS, len(pages) * _MIN_REPEATED_SHARE)

    def repeats(line: str, number: int) -> bool:
        return any(counts[key] >= needed for key in _edge_keys(line, number))

    joined: list[str] = []
    for number, lines in enumerate(trimmed):
        last = len(lines) - _EDGE_LINES
        kept = [
            line
            for at, line in enumerate(lines)
            if not ((at < _EDGE_LINES or at >= last) and repeats(line, number))
        ]
        joined.append("\n".join(kept))
    return joined


def _edge_keys(line: str, page: int) -> set[str]:
    """The line as it is, and with its first or its last number counted from the page's."""
    stripped = line.strip()
    keys = {stripped}
    numbers = list(_PAGE_NUMBER.finditer(stripped))
    for found in (numbers[0], numbers[-1]) if numbers else ():
        if len(found[0]) <= 5:
            keys.add(f"{stripped[: found.start()]}#{int(found[0]) - page}{stripped[found.end() :]}")
    return keys


def _read_pages(data: bytes, meter: Meter) -> _Reading:
    reading = _Reading()
    for line in _worker_lines(data, meter):
        if "error" in line:
            raise DocumentError(line["error"], _sentence(line["error"], line["detail"]))
        if "n_pages" in line:
            reading.n_pages, reading.outline = line["n_pages"], line["outline"]
        elif "page" in line:
            text = clean(_HYPHENATED.sub("", line["text"]))
            reading.pages.append(text)
            reading.n_image_pages += bool(line["n_images"]) and len(text.strip()) < _MIN_CHARS_A_PAGE * 2
            reading.n_bad_pages += "problem" in line
            # The time limit ends the worker; what it has read is kept.
            with contextlib.suppress(DocumentError):
                meter.step(len(reading.pages), reading.n_pages)
        elif line.get("stopped") == "memory":
            limit = meter.limits.max_memory_bytes / 1e6
            sentence = f"reading needs more than the memory limit of {limit:,.0f} MB"
            reading.stopped = _Stop("broken", sentence)
        elif "stopped" in line:
            reading.stopped = line["stopped"]
    if reading.stopped is not None and not reading.pages:
        raise DocumentError(reading.stopped.reason, reading.stopped.sentence)
    if not reading.n_pages:
        raise DocumentError("empty", "a PDF without pages")
    return reading


def _worker_lines(data: bytes, meter: Meter) -> Iterator[dict[str, Any]]:
    """The worker's lines; a last `{"stopped": why}` where it did not come to its end."""
    command = [
        sys.executable,
        "-P",
        str(_WORKER),
        str(meter.limits.max_memory_bytes),
        str(meter.limits.seconds),
    ]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # Ctrl-C is the parent's to handle
    )
    stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    timer = threading.Timer(max(0.0, meter.seconds_left), process.kill)
    timer.start()
    ended = False
    try:
        with contextlib.suppress(BrokenPipeError):
            stdin.write(data)
            stdin.close()
        for raw in stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                break
            ended = not line.keys().isdisjoint(("end", "error", "stopped"))
            yield line
        if not ended:
            process.wait()
            yield {"stopped": _why_stopped(process, meter)}
    finally:
        timer.cancel()
        process.kill()
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        stdout.close()
        process.wait()


def _why_stopped(process: subprocess.Popen[bytes], meter: Meter) -> _Stop:
    if meter.seconds_left <= 0 or process.returncode == TIME_IS_UP:
        return _Stop("too-slow", f"reading took longer than the time limit of {meter.limits.seconds:g} s")
    return _Stop("broken", f"the PDF library gave up on it (exit status {process.returncode})")


def _sentence(reason: str, detail: str) -> str:
    if reason == "encrypted":
        return "protected by a password"
    if reason == "missing-extra":
        return "PDF files are read with an extra: pip install 'codesearch-local[docs]'"
    return f"not a PDF that can be opened: {detail}"


def _outline_headings(
    outline: Sequence[dict[str, Any]], pages: Sequence[str], starts: Sequence[int]
) -> list[Heading]:
    """Each bookmark at the line of its page that has its words, else at the page's start."""
    headings: list[Heading] = []
    before = (0, 0)
    for entry in outline:
        number, title = entry["page"], clean(str(entry["title"])).strip()
        if not 0 <= number < len(pages) or not title:
            continue
        page = pages[number]
        words = re.findall(r"\w+", title)[:12]
        from_char = before[1] if before[0] == number else 0
        found = re.compile(r"\W+".join(map(re.escape, words)), re.IGNORECASE).search(page, from_char)
        at = page.rfind("\n", 0, found.start()) + 1 if found and words else 0
        headings.append(Heading(int(entry["level"]), title, starts[number] + at))
        before = (number, found.end() if found else from_char)
    return headings
