"""What every document reader takes and gives: a document, its limits at work, and why there is none.

Not a reader: the formats are in the modules beside this one, `read_document.py` chooses among them.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from indexer.light_dataclasses import dataclass
from indexer.records import Span
from indexer.settings import DocumentLimits

DocumentProgress = Callable[[int, int], None]
"""Called with (done, total) pages, cells or characters while one document is read; total 0: unknown."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as text, so that everything behind it is the same as for code.

    Positions count in this text, which for AsciiDoc and plain text is the file's own text and for
    the other formats what was taken out of the file; its line ends are then `\\n`.
    """

    text: str
    spans: tuple[Span, ...]
    """Outermost first. `section` names are heading chains joined by ` > `; `page 12`, `cell 3 (code)`.
    Sections may cross pages and cells, everything else nests."""
    language: str
    """A name of `document_formats.DOCUMENT_LANGUAGES`."""
    problem: str = ""
    """Empty, or one sentence: what of the document is not in the text, and why."""


class DocumentError(Exception):
    """A document that is not read; becomes a `SkippedFile`.

    `reason` is one of `broken`, `encrypted`, `scanned`, `empty`, `binary`, `encoding`, `too-large`,
    `too-slow`, `unsafe`, `missing-extra`; `detail` is one sentence for a person. Where `as_source` is
    true the file is no document but a program's text (a template): it should be indexed as source.
    """

    def __init__(self, reason: str, detail: str, *, as_source: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.as_source = as_source


class CallbackError(Exception):
    """Carries what the progress callback raised past the readers; never leaves the registry."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Meter:
    """The clock and the progress of one reading; every reader calls `step` as it goes."""

    def __init__(
        self,
        limits: DocumentLimits,
        progress: DocumentProgress | None = None,
        stated: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.limits = limits
        self.stated = stated
        """The encodings that the file is said to be in, as `decode` takes them."""
        self._progress = progress
        self._deadline = time.monotonic() + limits.seconds

    @property
    def seconds_left(self) -> float:
        """Until the time limit; negative behind it."""
        return self._deadline - time.monotonic()

    def step(self, done: int, total: int) -> None:
        """Report progress; raises DocumentError `too-slow` behind the time limit."""
        if self.seconds_left < 0:
            raise DocumentError("too-slow", f"reading it took longer than {self.limits.seconds:g} s")
        if self._progress is not None:
            try:
                self._progress(done, total)
            except Exception as error:
                raise CallbackError(error) from error


def import_extra(module: str, what: str) -> Any:
    """Import an optional package; DocumentError `missing-extra` says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DocumentError(
            "missing-extra", f"{what} files are read with an extra: pip install 'codesearch-local[docs]'"
        ) from error
