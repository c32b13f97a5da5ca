"""Any bytes under any name through reading, parsing, chunks, regions, windows and passages.

`read_any` raises AssertionError where one of the promises between these stages is broken. Hypothesis calls
it in test_fuzz.py, a coverage-guided fuzzer in tests/benchmarks/fuzz.py; what either finds goes to corpus/.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from codesearch.answers.lines import numbered_lines, split_lines
from codesearch.answers.passages import draft_passages
from indexer.chunking.chunks import cut_chunks
from indexer.chunking.regions import cut_regions
from indexer.chunking.windows import cut_windows
from indexer.errors import InputError
from indexer.models.checkpoint import open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.reading.read_file import ReadFile, read_file
from indexer.records import Chunk, ComponentScores, FoundFile, Hit, OutlineEntry, Span
from indexer.settings import BuildSettings

CORPUS = Path(__file__).parent / "corpus"
NAMES = (
    "a.py", "a.js", "a.tsx", "a.ts", "a.go", "a.java", "a.rs", "a.c", "a.cpp", "a.cs", "a.rb", "a.php",
    "a.kt",
    "a.scala", "a.swift", "a.ex", "a.hs", "a.lua", "a.zig", "a.sh", "a.sql", "a.R", "a.md", "a.rst", "a.txt",
    "a.html", "a.ipynb", "a.yaml", "a.json", "a.toml", "a.css", "Makefile",
)  # fmt: skip
_MAX_TOKENS = 128
"""Small, so that small texts have several chunks."""


@lru_cache(maxsize=1)
def bundled() -> ChunkTokenizer:
    return ChunkTokenizer(open_checkpoint("codesearch-edge"))


@lru_cache(maxsize=1)
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzzing-"))


@dataclass(frozen=True, slots=True)
class OneFile:
    """What passages are cut from."""

    path: str
    text: str
    chunks: Sequence[Chunk]

    def chunk(self, chunk_id: int) -> Chunk:
        return self.chunks[chunk_id]

    def file_text(self, path: str) -> str:
        return self.text

    def outline(self, path_prefix: str) -> list[OutlineEntry]:
        return [OutlineEntry(self.path, span) for chunk in self.chunks for span in chunk.spans]


class Lines:
    """Counts lines in place of tokens."""

    @staticmethod
    def count(text: str) -> int:
        return text.count("\n")


def read_any(name: str, content: bytes) -> bool:
    """Whether the file was indexed; AssertionError, or whatever the product raised, where it broke."""
    path = _folder() / name
    path.write_bytes(content)
    settings = BuildSettings(parse_seconds=2.0)
    read = read_file(_folder(), FoundFile(name, len(content), 1), settings)
    if not isinstance(read, ReadFile):
        assert read.reason
        assert read.detail
        return False
    text = read.source.text
    for span in read.parsed.spans:
        check_span(span, text)
    chunks = check_chunks(read)
    check_passages(OneFile(name, text, chunks))
    return True


def check_span(span: Span, text: str) -> None:
    assert 0 <= span.start_char < span.end_char <= len(text), span
    assert text.count("\n", 0, span.start_char) + 1 == span.start_line, span
    assert text.count("\n", 0, span.end_char - 1) + 1 == span.end_line, span
    assert span.name.strip() or not span.name


def check_chunks(read: ReadFile) -> list[Chunk]:
    """Chunks tile the file, regions tile chunks, windows tile tokens."""
    source = read.source
    tokenizer = bundled()
    (token_chars,) = tokenizer.file_offsets([source.text])
    try:
        chunks = cut_chunks(source, read.parsed.spans, token_chars, _MAX_TOKENS, tokenizer.count_header, 0)
    except InputError:
        return []
    assert "".join(chunk.text for chunk in chunks) == source.text
    assert [chunk.start_char for chunk in chunks] == [0, *(chunk.end_char for chunk in chunks[:-1])]
    for chunk, tokenized in zip(chunks, tokenizer.tokenize(chunks), strict=True):
        regions = cut_regions(chunk, tokenized)
        borders = regions.chars.tolist()
        assert borders[0][0] == 0
        assert borders[-1][1] == len(chunk.text)
        assert all(first[1] == second[0] for first, second in pairwise(borders))
        windows = cut_windows(tokenized, 64, 8, 0)
        assert all(len(window.input_ids) <= 64 for window in windows)
    return chunks


def check_passages(file: OneFile) -> None:
    """Hits at both ends and in the middle; every line that is shown is the file's."""
    if not file.chunks:
        return
    lines = split_lines(file.text)
    places = {0, len(file.text) // 2, len(file.text) - 1}
    hits = []
    for place in sorted(places):
        chunk = next(chunk for chunk in file.chunks if chunk.start_char <= place < chunk.end_char)
        end = min(place + 40, chunk.end_char)
        hits.append(Hit(chunk.chunk_id, 1.0 - place / 1e9, place, end, ComponentScores()))
    drafts = draft_passages(hits, file, k=5)
    assert drafts.kept
    for draft in drafts.kept:
        passage = draft.passage(Lines())
        for number, line in numbered_lines(passage):
            if number is not None and len(lines[number - 1]) < 300:
                assert line == lines[number - 1]
