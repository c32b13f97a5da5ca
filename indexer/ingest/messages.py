"""What a build and the processes that prepare its files say to each other.

A message is a line with two sizes, a text in JSON, and numbers as they lie in memory: nothing in it can run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, NamedTuple

import numpy as np

from indexer.chunking.regions import Regions
from indexer.ingest.prepare import PreparedChunk, PreparedFile
from indexer.records import Chunk, FoundFile, Int32Array, SkippedFile, SourceFile, Span, TokenizedChunk


class Message(NamedTuple):
    """Facts as JSON knows them, and the numbers of all arrays, one behind the other."""

    facts: Any
    numbers: Int32Array


def write_message(stream: IO[bytes], facts: Any, arrays: Sequence[Int32Array] = ()) -> None:
    """Write a message, whole."""
    text = json.dumps(facts, ensure_ascii=False).encode("utf-8", "surrogatepass")
    numbers = np.concatenate([array.ravel() for array in arrays]) if arrays else np.empty(0, np.int32)
    stream.write(f"{len(text)} {len(numbers)}\n".encode() + text + numbers.astype(np.int32).tobytes())
    stream.flush()


def read_message(stream: IO[bytes]) -> Message:
    """Read a message. Raises EOFError where the other side has ended."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    n_bytes, n_numbers = map(int, line.split())
    text, raw = stream.read(n_bytes), stream.read(4 * n_numbers)
    if len(text) < n_bytes or len(raw) < 4 * n_numbers:
        raise EOFError
    return Message(json.loads(text.decode("utf-8", "surrogatepass")), np.frombuffer(raw, np.int32))


def write_files(stream: IO[bytes], files: Sequence[PreparedFile], *, with_tokens: bool = True) -> None:
    """Write prepared files, with their chunks' tokens or none; which they are the reader knows."""
    if not with_tokens:
        files = [replace(file, chunks=tuple(map(_without_tokens, file.chunks))) for file in files]
    chunks = [chunk for file in files for chunk in file.chunks]
    arrays = [array for chunk in chunks for array in _arrays(chunk)]
    write_message(stream, [_facts(file) for file in files], arrays)


def read_files(stream: IO[bytes], found: Sequence[FoundFile]) -> list[PreparedFile]:
    """Read what was prepared of these files; none of them where that failed. Raises EOFError."""
    facts, numbers = read_message(stream)
    runs = _Runs(numbers)
    return [_file(each, of_file, runs) for each, of_file in zip(found, facts, strict=False)]


def _facts(file: PreparedFile) -> list[Any]:
    source, skipped = file.source, file.skipped
    return [
        source and [source.path, source.text, source.language, source.sha256, source.n_bytes, source.problem],
        skipped and [skipped.path, skipped.reason, skipped.detail],
        file.problem,
        file.n_redacted,
        file.same_content,
        [_chunk_facts(chunk) for chunk in file.chunks],
    ]


def _chunk_facts(prepared: PreparedChunk) -> list[Any]:
    chunk, tokenized = prepared.chunk, prepared.tokenized
    spans = [[s.kind, s.name, s.start_char, s.end_char, s.start_line, s.end_line] for s in chunk.spans]
    return [
        [chunk.chunk_id, chunk.start_char, chunk.end_char, chunk.start_line, chunk.end_line, chunk.n_tokens],
        spans,
        chunk.header,
        [tokenized.chunk_id, tokenized.n_header, tokenized.n_tail],
        prepared.key,
        [array.size for array in _arrays(prepared)],
    ]


def _without_tokens(prepared: PreparedChunk) -> PreparedChunk:
    nothing = np.empty(0, np.int32)
    return replace(prepared, tokenized=replace(prepared.tokenized, input_ids=nothing, token_chars=nothing))


def _arrays(prepared: PreparedChunk) -> tuple[Int32Array, ...]:
    tokenized, regions = prepared.tokenized, prepared.regions
    return tokenized.input_ids, tokenized.token_chars, regions.chars, regions.wide_chars


class _Runs:
    """Numbers taken from the front, as many as are asked for."""

    def __init__(self, numbers: Int32Array) -> None:
        self._numbers = numbers
        self._at = 0

    def take(self, sizes: Sequence[int]) -> Iterator[Int32Array]:
        """The next arrays of these sizes."""
        for size in sizes:
            yield self._numbers[self._at : self._at + size]
            self._at += size


def _file(found: FoundFile, facts: Sequence[Any], runs: _Runs) -> PreparedFile:
    of_source, of_skipped, problem, n_redacted, same_content, of_chunks = facts
    source = SourceFile(*of_source) if of_source else None
    chunks = tuple(_chunk(source, each, runs) for each in of_chunks) if source else ()
    skipped = SkippedFile(*of_skipped) if of_skipped else None
    return PreparedFile(found, source, problem, n_redacted, chunks, skipped, same_content)


def _chunk(source: SourceFile, facts: Sequence[Any], runs: _Runs) -> PreparedChunk:
    (chunk_id, start, end, start_line, end_line, n_tokens), spans, header, of_tokens, key, sizes = facts
    chunk = Chunk(
        chunk_id=chunk_id,
        path=source.path,
        file_sha256=source.sha256,
        language=source.language,
        text=source.text[start:end],
        start_char=start,
        end_char=end,
        start_line=start_line,
        end_line=end_line,
        n_tokens=n_tokens,
        spans=tuple(Span(*span) for span in spans),
        header=header,
    )
    ids, chars, regions, wide = runs.take(sizes)
    tokens_id, n_header, n_tail = of_tokens
    tokenized = TokenizedChunk(tokens_id, ids, chars.reshape(-1, 2), n_header, n_tail)
    return PreparedChunk(chunk, tokenized, Regions(regions.reshape(-1, 2), wide.reshape(-1, 2)), key)
