"""Search without an index: the words of the query in the files themselves, until there is one.

No vectors, no ranking worth the name: windows of lines that hold most of the query's rarer words. Files
come from the indexer's walk, so that what is ignored there is ignored here. An `Engine` opens one of
these where a folder has no index.
"""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

from codesearch.answers.findings import Found, RepositoryStatus
from codesearch.request import make_request, own_globs
from indexer.errors import NothingToIndexError
from indexer.light_dataclasses import dataclass
from indexer.reading.source_file import read_source
from indexer.records import (
    ComponentScores,
    Evidence,
    Mode,
    Passage,
    SearchRequest,
    SkippedFile,
    SourceFile,
    WordMatch,
)
from indexer.retrieve.expressions import MATCH_SECONDS, compile_expression
from indexer.retrieve.globs import PathGlobs
from indexer.settings import WalkSettings
from indexer.stop_words import FUNCTION_WORDS
from indexer.tree.walk import walk
from indexer.words import identifiers, normalised, split_identifier

MAX_BYTES = 64_000_000
"""Text kept in memory; what lies beyond is not searched, and the notes say so."""
CONTEXT_LINES = 4
_CHARS_PER_TOKEN = 4
NOTE = "There is no index yet: these are plain word matches. F9 builds the index."
READING_NOTE = "The files are being read for the index: until then these are plain word matches."
"""The same where it is being made."""


@dataclass(slots=True)
class PlainText:
    """The text files of a folder."""

    root: Path
    note: str = NOTE
    """What is to be said of its answers."""
    _files: list[SourceFile] | None = None
    _is_cut: bool = False

    def search(self, request: SearchRequest) -> Found:
        """Windows of lines with the query's words, best first; filters on language, path and regex hold."""
        request = make_request(request)
        words = _query_words(request.query)
        globs = PathGlobs(own_globs(request.paths, self.root.absolute()))
        files = [
            file
            for file in self._read()
            if globs.passes(file.path) and (not request.languages or file.language in request.languages)
        ]
        lowered = [normalised(f"{file.path}\n{file.text}").lower() for file in files]
        n_with = {word: sum(word in text for text in lowered) for word in words}
        weights = {word: math.log(1 + len(files) / n) for word, n in n_with.items() if n}
        pattern = compile_expression(request.regex or "")
        deadline = time.monotonic() + MATCH_SECONDS
        is_slow = False
        passages = []
        for file, text in zip(files, lowered, strict=True):
            present = [word for word in weights if word in text]
            try:
                if present and pattern.search(file.text, timeout=max(deadline - time.monotonic(), 1e-3)):
                    passages.append(_best_window(file, {word: weights[word] for word in present}))
            except (TimeoutError, MemoryError):  # `regex` gives up at a gigabyte of places to go back to
                is_slow = True
                break
        passages.sort(key=lambda passage: (-passage.score, passage.path))
        notes = [self.note] if passages else ["No file holds these words.", self.note]
        if self._is_cut:
            notes.append(f"Only the first {MAX_BYTES // 1_000_000} MB of text were searched.")
        if is_slow:
            notes.append("The regular expression took too long; files after its time limit were left out.")
        if request.mode not in (Mode.HYBRID, Mode.LEXICAL):
            notes.append(f"The mode {request.mode} needs an index.")
        return Found(passages[: request.k], tuple(notes))

    def similar(self, passage: Passage, k: int) -> Found:
        """Nothing: likeness needs vectors."""
        return Found((), ("Similar code needs an index; F9 builds it.",))

    def definitions(self, word: str, k: int) -> Found:
        """Lines that look like a definition of the word in most languages."""
        pattern = re.compile(
            rf"^[^\n]*\b(?:def|class|func|fn|function|struct|enum|trait|interface|type|const|module)\s+(?:\([^)]*\)\s*)?"
            rf"{re.escape(word)}\b",
            re.MULTILINE,
        )
        passages = []
        for file in self._read():
            for match in pattern.finditer(file.text):
                line = file.text.count("\n", 0, match.start())
                passages.append(_window(file, line, 1.0, ()))
        return Found(passages[:k], (self.note,))

    def status(self, looks_at_disk: bool) -> RepositoryStatus:
        """How many files there are."""
        return RepositoryStatus(n_files=len(self._read()), n_chunks=0)

    def with_vectors(self, status: RepositoryStatus) -> RepositoryStatus:
        """There are none."""
        return status

    def close(self) -> None:
        """Forget the text."""
        self._files = None

    def _read(self) -> list[SourceFile]:
        if self._files is None:
            settings = WalkSettings()
            files: list[SourceFile] = []
            n_bytes = 0
            for found in walk(self.root, settings):
                if isinstance(found, SkippedFile):
                    continue
                if n_bytes + found.n_bytes > MAX_BYTES:
                    self._is_cut = True
                    break
                source = read_source(self.root, found, settings)
                if isinstance(source, SourceFile):
                    files.append(source)
                    n_bytes += source.n_bytes
            if not files:
                raise NothingToIndexError(f"There is no text in {self.root} that could be searched.")
            self._files = files
        return self._files


def _query_words(query: str) -> list[str]:
    parts = [part for name in identifiers(query) for part in split_identifier(name)]
    telling = [part for part in parts if part not in FUNCTION_WORDS and (len(part) > 1 or not part.isascii())]
    return list(dict.fromkeys(telling or parts))


def _best_window(file: SourceFile, weights: dict[str, float]) -> Passage:
    lines = normalised(file.text).lower().split("\n")
    found = [frozenset(word for word in weights if word in line) for line in lines]
    best_line, best_score = 0, -1.0
    for i, here in enumerate(found):
        if here:
            around = frozenset().union(*found[max(0, i - 2) : i + CONTEXT_LINES + 1])
            score = sum(weights[word] for word in around) + 0.1 * sum(weights[word] for word in here)
            if score > best_score:
                best_line, best_score = i, score
    in_path = sum(weight for word, weight in weights.items() if word in normalised(file.path).lower())
    score = (max(best_score, 0.0) + in_path) / (2.1 * sum(weights.values()))
    return _window(file, best_line, score, tuple(weights))


def _window(file: SourceFile, line: int, score: float, words: tuple[str, ...]) -> Passage:
    lines = file.text.split("\n")
    first, last = max(0, line - 2), min(len(lines), line + 3 * CONTEXT_LINES)
    while last > line + 1 and not lines[last - 1].strip():
        last -= 1
    text = "\n".join(lines[first:last]) + "\n"
    start_char = sum(len(other) + 1 for other in lines[:first])
    pieces = [normalised(character).lower() for character in text]
    origin = [at for at, piece in enumerate(pieces) for _ in piece]
    folded = "".join(pieces)
    matches = []
    for word in words:
        at = folded.find(word)
        if at >= 0:
            start, end = origin[at], origin[at + len(word) - 1] + 1
            matches.append(WordMatch(word, text[start:end], start_char + start, start_char + end, 1.0))
    return Passage(
        path=file.path,
        start_line=first + 1,
        end_line=last,
        text=text,
        language=file.language,
        symbol="",
        kind="",
        score=score,
        n_tokens=len(text) // _CHARS_PER_TOKEN,
        evidence=Evidence(ComponentScores(lexical=score), tuple(matches), ()),
        start_char=start_char,
    )
