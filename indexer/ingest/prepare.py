"""A found file becomes chunks ready for the model: read, parsed, tokenised, cut, and keyed.

Pure and picklable: nothing is stored, and the same file gives the same chunks in any process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import numpy as np

from indexer.chunking.chunks import cut_chunks, first_header
from indexer.chunking.regions import Regions, cut_regions
from indexer.disk.contained import digest_on_disk
from indexer.embeddings.embedding_store import ROW_FORMAT
from indexer.errors import CheckpointError
from indexer.ingest.prefetch import prefetch
from indexer.languages import LANGUAGES, language_of
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.path_roles import is_data
from indexer.reading.grammar_process import start_ahead
from indexer.reading.read_file import ReadFile, read_files
from indexer.records import (
    Chunk,
    FileRow,
    FoundFile,
    Int32Array,
    SkippedFile,
    SourceFile,
    Span,
    TokenizedChunk,
)
from indexer.settings import BuildSettings, WalkSettings
from indexer.storage.manifest import Manifest
from indexer.vectors.cores import beside

Task = tuple[FoundFile, FileRow | None]
"""A file, and what is indexed under its path."""

TokenizedPair = tuple[Chunk, TokenizedChunk]
Read = ReadFile | SkippedFile | None
"""A file as it was read; None: as it is indexed."""

_LOT_BYTES, _LOT_FILES = 300_000, 250


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk ready for the model."""

    chunk: Chunk
    tokenized: TokenizedChunk
    regions: Regions
    key: str
    """Of its vectors; empty where it is to have none."""


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file ready for the store; `skipped` instead where its content ruled it out."""

    found: FoundFile
    source: SourceFile | None = None
    problem: str = ""
    n_redacted: int = 0
    chunks: tuple[PreparedChunk, ...] = ()
    skipped: SkippedFile | None = None
    same_content: bool = False
    """Only the stat figures differ from what is indexed."""


class Preparer:
    """Prepares the files of one tree for one model."""

    def __init__(
        self, root: Path, settings: BuildSettings, checkpoint: Checkpoint, manifest: Manifest
    ) -> None:
        self._root = root
        self._settings = settings
        self._checkpoint = checkpoint
        self._manifest = manifest

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "tokenizer"}

    def facts(self) -> dict[str, Any]:
        """What another process makes the same of, by `from_facts`, as JSON knows it."""
        manifest = replace(self._manifest, files={}, segments={})
        model = str(self._checkpoint.folder)
        settings = asdict(self._settings)
        return {"root": str(self._root), "settings": settings, "model": model, "manifest": asdict(manifest)}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The preparer of another process. Raises CheckpointError where the model is no longer that one."""
        settings = BuildSettings(**facts["settings"] | {"walk": WalkSettings(**facts["settings"]["walk"])})
        manifest, checkpoint = Manifest(**facts["manifest"]), open_checkpoint(facts["model"])
        if checkpoint.fingerprint != manifest.model_fingerprint:
            raise CheckpointError(f"{manifest.model} was replaced during the build; build the index again.")
        return cls(Path(facts["root"]), settings, checkpoint, manifest)

    @cached_property
    def tokenizer(self) -> ChunkTokenizer:
        """The checkpoint's; each process makes its own."""
        return ChunkTokenizer(self._checkpoint)

    def load_ahead(self, files: Sequence[FoundFile]) -> None:
        """Begin what preparing these waits for: a process for grammars, and the tokenizer on another core.

        Raises CheckpointError where there is no other core.
        """
        if any(LANGUAGES[language_of(found.path, "")].grammar for found in files):
            start_ahead()
        beside(lambda: self.tokenizer)

    def prepare(self, found: FoundFile, old: FileRow | None = None) -> PreparedFile:
        """A file's chunks, or why it has none; `old` is what is indexed under its path."""
        tasks = [(found, old)]
        return self.cut(tasks, self.read(tasks))[0]

    def prepare_all(self, tasks: Sequence[Task]) -> Generator[list[PreparedFile], None, None]:
        """Files as `prepare` makes them, in order, lot by lot; a thread reads the next lot meanwhile."""
        lots = lots_of(tasks)
        with closing(prefetch(map(self.read, lots), n_ahead=1)) as reads:
            for lot, read in zip(lots, reads, strict=True):
                yield self.cut(lot, read)

    def read(self, tasks: Sequence[Task]) -> list[Read]:
        """The text and spans of files, why one has none, or None where it is what is indexed already."""
        same = [old is not None and self._has_same_content(found, old) for found, old in tasks]
        wanted = [found for (found, _), is_same in zip(tasks, same, strict=True) if not is_same]
        read = iter(read_files(self._root, wanted, self._settings))
        return [None if is_same else next(read) for is_same in same]

    def cut(self, tasks: Sequence[Task], read: Sequence[Read]) -> list[PreparedFile]:
        """What `read` gave of these files, in chunks."""
        max_tokens = min(self._settings.max_tokens, self._checkpoint.max_tokens)
        texts = [(each.source, each.parsed.spans) for each in read if isinstance(each, ReadFile)]
        chunks = tokenized_chunks(texts, self.tokenizer, max_tokens) if texts else iter(())
        return [
            self._cut(found, each, next(chunks) if isinstance(each, ReadFile) else ())
            for (found, _), each in zip(tasks, read, strict=True)
        ]

    def _cut(self, found: FoundFile, read: Read, pairs: Sequence[TokenizedPair]) -> PreparedFile:
        if read is None:
            return PreparedFile(found, same_content=True)
        if isinstance(read, SkippedFile):
            return PreparedFile(found, skipped=read)
        chunks = tuple(self._prepared(chunk, tokenized) for chunk, tokenized in pairs)
        if is_data(read.source.path, read.source.language):
            chunks = _first_with_vectors(chunks, self._settings.data_file_tokens)
        return PreparedFile(found, read.source, read.parsed.problem, read.n_redacted, chunks)

    def prepare_chunks(self, chunks: Sequence[Chunk]) -> list[PreparedChunk]:
        """Chunks that are stored already, as `prepare` made them."""
        tokenized = self.tokenizer.tokenize(chunks)
        return [self._prepared(*pair) for pair in zip(chunks, tokenized, strict=True)]

    def _prepared(self, chunk: Chunk, tokenized: TokenizedChunk) -> PreparedChunk:
        regions = cut_regions(chunk, tokenized)
        return PreparedChunk(chunk, tokenized, regions, embedding_key(self._manifest, chunk, regions))

    def _has_same_content(self, found: FoundFile, old: FileRow) -> bool:
        return found.n_bytes == old.n_bytes and digest_on_disk(self._root, found.path) == old.sha256


def lots_of(tasks: Sequence[Task]) -> list[list[Task]]:
    """Files that are prepared together, in order: what is done of many at once costs the least of each."""
    lots: list[list[Task]] = []
    n_bytes = _LOT_BYTES
    for task in tasks:
        if n_bytes >= _LOT_BYTES or len(lots[-1]) == _LOT_FILES:
            lots.append([])
            n_bytes = 0
        lots[-1].append(task)
        n_bytes += task[0].n_bytes
    return lots


def tokenized_chunks(
    files: Sequence[tuple[SourceFile, Sequence[Span]]], tokenizer: ChunkTokenizer, max_tokens: int
) -> Iterator[list[TokenizedPair]]:
    """The chunks of each file with their tokens; a text is tokenised once where it is one chunk."""
    counted: dict[str, int] = {}

    def n_header_tokens(header: str) -> int:
        if header not in counted:
            counted[header] = tokenizer.count_header(header)
        return counted[header]

    headers = [first_header(source.path, max_tokens, n_header_tokens) for source, _ in files]
    texts = [source.text for source, _ in files]
    for (source, spans), header, whole in zip(
        files, headers, tokenizer.tokenize_whole(texts, headers), strict=True
    ):
        if whole is None:
            (token_chars,) = tokenizer.file_offsets([source.text])
        else:
            counted[header] = whole.n_header + whole.n_tail
            token_chars = whole.token_chars[whole.n_header : len(whole.token_chars) - whole.n_tail]
        chunks = cut_chunks(source, spans, token_chars, max_tokens, n_header_tokens, 0)
        if whole is None:
            yield list(zip(chunks, tokenizer.tokenize(chunks), strict=True))
        elif len(chunks) == 1:
            yield [(chunks[0], whole)]
        else:
            yield list(zip(chunks, tokenizer.tokenize_parts(whole, chunks), strict=True))


def _first_with_vectors(chunks: Sequence[PreparedChunk], n_tokens: int) -> tuple[PreparedChunk, ...]:
    """The chunks of a file, of which those behind the first `n_tokens` tokens are to have no vectors."""
    ends = accumulate(chunk.chunk.n_tokens for chunk in chunks)
    return tuple(
        chunk if end <= n_tokens else replace(chunk, key="") for chunk, end in zip(chunks, ends, strict=True)
    )


def embedding_key(manifest: Manifest, chunk: Chunk, regions: Regions) -> str:
    """Everything the vectors depend on but the path: a renamed file keeps its vectors."""
    digest = hashlib.sha256()
    for part in (
        manifest.model_fingerprint,
        f"{manifest.window_tokens} {manifest.overlap_tokens} {manifest.codec} {ROW_FORMAT}",
        chunk.header.removeprefix(chunk.path),
        chunk.text,
    ):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little") + raw)
    digest.update(regions.chars.tobytes() + b"|" + regions.wide_chars.tobytes())
    sections = sections_of(chunk)
    if len(sections):
        digest.update(b"|" + (sections - chunk.start_char).tobytes())
    return digest.hexdigest()


def sections_of(chunk: Chunk) -> Int32Array:
    """(S, 2) characters of the file: sections that a chunk's headings begin, outermost first."""
    found = [(span.start_char, span.end_char) for span in chunk.spans if span.kind == "section"]
    return np.array(found, np.int32).reshape(-1, 2)
