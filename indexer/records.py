"""The values that stages hand to each other: frozen, slotted, free of behaviour and of storage.

Letters in shapes: B sequences in a batch, T tokens in a batch, H hidden size, D stored size of a
token row, V rows of a chunk, Q query rows. Characters are 0-based and half-open, lines 1-based and
inclusive, paths repo-relative POSIX strings. A higher score is better.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from indexer.light_dataclasses import dataclass
from indexer.search_defaults import DEFAULT_K, DEFAULT_MODE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int32Array = NDArray[np.int32]
    Int64Array = NDArray[np.int64]
    Float32Array = NDArray[np.float32]
else:  # help, and a search that a server answers, do not wait for NumPy
    Int32Array = Int64Array = Float32Array = Any


# --- files -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that the walk offers for reading; its content has not been looked at yet."""

    path: str
    n_bytes: int
    mtime_ns: int
    is_wanted: bool = False
    """A `!` line of the ignore file names it: that a program wrote it does not count."""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not indexed, and why; `codesearch status --skipped` lists these."""

    path: str
    reason: str
    """A short stable word: `too-large`, `binary`, `minified`, `unreadable`, ..."""
    detail: str = ""
    """One sentence for a person, with the figure that decided (a size, an encoding, an error)."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's decoded text. Line ends are kept as they are on disk; a BOM is not part of the text."""

    path: str
    text: str
    language: str
    """A name from `languages.py`; `text` where nothing better is known."""
    sha256: str
    """Hex digest of the bytes on disk."""
    n_bytes: int
    problem: str = ""
    """Empty, or one sentence: why the text may not be what was written."""


@dataclass(frozen=True, slots=True)
class Span:
    """What the grammar knows: a function, class, method or heading section, exact to the character."""

    kind: str
    """`function`, `method`, `class`, `interface`, `struct`, `trait`, `impl`, `enum`, `module`,
    `constant`, `type`, `macro`, `section`, `page`, `cell`, `table`, `code`."""
    name: str
    """Dotted from the outermost symbol (`Router.add_route`); ` > ` joins headings."""
    start_char: int
    end_char: int
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The spans of one file, outermost first, and what went wrong if anything did."""

    spans: tuple[Span, ...]
    problem: str = ""
    """Empty, or one sentence: the file is indexed as text, and status says why."""


# --- chunks and tokens -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the model sees in one piece: a whole file, or a part cut at span borders.

    The chunks of a file tile it exactly: their texts joined are the file's text. All positions
    count from the start of the file, those of `spans` too.
    """

    chunk_id: int
    path: str
    file_sha256: str
    language: str
    text: str
    start_char: int
    end_char: int
    start_line: int
    end_line: int
    n_tokens: int
    """Tokens of header and text, with specials."""
    spans: tuple[Span, ...]
    """The spans that begin in this chunk, clipped to it."""
    header: str
    """What the model reads before the text: the path, and for a later chunk the enclosing symbols."""
    has_text: bool = True
    """False: the index was imported without texts and its tree has another file; `text` has the length and
    the lines of the text, and none of its letters."""


@dataclass(frozen=True, slots=True)
class TokenizedChunk:
    """A chunk as the model reads it: specials, header, text."""

    chunk_id: int
    input_ids: Int32Array
    """(n_tokens,)"""
    token_chars: Int32Array
    """(n_tokens, 2): characters of the file that a token covers; (-1, -1) for specials and header."""
    n_header: int
    """Leading tokens that belong to specials and header; every window of the chunk repeats them."""
    n_tail: int = 1
    """Trailing specials; every window ends with them too."""


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens of one forward pass: a whole tokenized chunk, or a stride of it behind its header."""

    window_id: int
    """Position in the caller's list; `unpack` restores the order by it."""
    input_ids: Int32Array
    """(n,)"""
    kept_start: int
    """Within `input_ids`: the first token whose vector is kept from this pass."""
    kept_end: int
    """Within `input_ids`, half-open. Over a chunk's windows the kept tokens tile the chunk."""


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Sequences laid end to end: no padding token exists."""

    input_ids: Int64Array
    """(T,)"""
    position_ids: Int64Array
    """(T,): 0, 1, 2, ... from the start of each sequence."""
    cu_seqlens: Int32Array
    """(B + 1,): sequence b is tokens cu_seqlens[b] to cu_seqlens[b + 1]."""
    max_seqlen: int
    sequence_ids: Int64Array
    """(B,): the `window_id` of each sequence."""
    cu_lanes: Int32Array
    """(L + 1,): lane l is sequences cu_lanes[l] to cu_lanes[l + 1], a row where batches are rectangles."""


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """What one batch comes out as; the same borders as the batch it came from."""

    hidden: Float32Array
    """(T, H): the backbone's last hidden state, after its final norm."""
    rows: Float32Array | None
    """(T, D): unit-norm multi-vector rows; None where the checkpoint has no such head."""
    cu_seqlens: Int32Array
    """(B + 1,)"""
    sequence_ids: Int64Array
    """(B,)"""


@dataclass(frozen=True, slots=True)
class SequenceVectors:
    """The token vectors of one window, or of one chunk after its windows are joined."""

    sequence_id: int
    """A `window_id` or a `chunk_id`."""
    hidden: Float32Array
    """(n, H)"""
    rows: Float32Array | None
    """(n, D), or None as in `TokenVectors`."""


@dataclass(frozen=True, slots=True)
class QueryToken:
    """One query row's token: for evidence, which word of the query it came from."""

    text: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class TokenizedQuery:
    """A query as the model reads it."""

    input_ids: Int32Array
    """(n,)"""
    n_seen: int
    """Tokens that others attend to; the ones behind are expansion (mask tokens that get a row)."""
    n_prompt: int
    """Leading tokens of specials and prompt, for models that leave the prompt out of the mean."""
    tokens: tuple[QueryToken, ...]
    """n entries."""


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """A query as the model sees it."""

    single: Float32Array | None
    """(H,), unit norm."""
    rows: Float32Array | None
    """(Q, D), unit norm."""
    tokens: tuple[QueryToken, ...]
    """Q entries, one a row; specials have empty text and start_char == end_char == 0."""


# --- answers ---------------------------------------------------------------------------------


class Mode(StrEnum):
    """Which evidence ranks: all three together, or one alone."""

    HYBRID = "hybrid"
    SINGLE = "single"
    COLBERT = "colbert"
    LEXICAL = "lexical"


_DEFAULT_MODE = Mode(DEFAULT_MODE)


@dataclass(frozen=True, slots=True)
class QueryUsed:
    """What counted of a query that is too long to count whole."""

    text: str | None
    """What the model read; None where it read all of the query, or no model was asked."""
    words: tuple[str, ...]
    """The words that were looked up."""
    n_words: int
    """Distinct words of the query."""
    n_tokens: int
    """Tokens of the query; 0 where no model was asked."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question and what may answer it. Filters are conjunctive; an empty filter lets all pass."""

    query: str
    k: int = DEFAULT_K
    """Hits wanted; at least 1."""
    mode: Mode = _DEFAULT_MODE
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Globs in .gitignore syntax over repo-relative paths; a leading `!` excludes."""
    regex: str | None = None
    """A chunk must match it somewhere; a hit's match is moved to where it does."""
    kinds: tuple[str, ...] = ()
    """Span kinds; `code` and `docs` stand for their languages."""
    encode_seconds: float = 0.0
    """How long chunks that words name and that have no vectors yet may be encoded for before they rank."""
    files: tuple[str, ...] | None = None
    """Only these, by their repo-relative paths; None lets all pass."""
    threshold: float = 0.0
    """Only passages of at least this confidence, 0 to 1; 0 for all."""


@dataclass(frozen=True, slots=True)
class ComponentScores:
    """What each ranker said, before fusion; None where it did not run or did not find the hit."""

    lexical: float | None = None
    single: float | None = None
    colbert: float | None = None


@dataclass(frozen=True, slots=True)
class WordMatch:
    """One query word and the code that answers it best within a hit."""

    query_word: str
    code_word: str
    start_char: int
    """In the file."""
    end_char: int
    similarity: float
    """Cosine of the two token rows, -1 to 1."""
    line: int = 0
    """The file's line that start_char is on; 0 until a passage has been cut."""
    is_literal: bool = False
    """The regular expression or quoted phrase of the question itself stands here, as `code_word`."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that answers: a chunk, where in it, and why."""

    chunk_id: int
    score: float
    start_char: int
    """Best-matching part, in file characters."""
    end_char: int
    scores: ComponentScores
    matches: tuple[WordMatch, ...] = ()
    """Empty until `Searcher.explain` has filled it: it costs about as much as finding the hit."""
    repository: str = ""
    """Name of the index that holds the chunk, where several were asked; empty for the only one."""
    confidence: float = 0.0
    """The chance that its file is one that is meant, 0 to 1; see `indexer.retrieve.confidence`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a passage is an answer."""

    scores: ComponentScores
    matches: tuple[WordMatch, ...]
    symbols: tuple[str, ...]
    """Those that hold the best line, outermost first, then the others that the passage shows."""


def full_path(repository: str, path: str) -> str:
    """A path below the name of its repository, which is empty for the only one."""
    return f"{repository}/{path}" if repository else path


@dataclass(frozen=True, slots=True)
class Passage:
    """Verbatim lines of a file, snapped to what the grammar knows."""

    path: str
    start_line: int
    end_line: int
    text: str
    """The file's lines start_line to end_line, line ends included; see `omitted_lines`."""
    language: str
    symbol: str
    """Dotted name of the innermost span that the passage shows, or empty."""
    kind: str
    """That span's kind, or empty."""
    score: float
    n_tokens: int
    """By the counter in use (see `codesearch.answers.passages`)."""
    evidence: Evidence
    omitted_lines: tuple[tuple[int, int], ...] = ()
    """Line ranges inside start_line..end_line left out of `text`, each marked there by one line."""
    stale: bool = False
    """True: the file changed since it was indexed and the text is the indexed one."""
    start_char: int = -1
    """File character at which line start_line begins, so that evidence can be placed; -1: unknown."""
    best_line: int = 0
    """The line shown that answers best, within `symbol` where there is one; 0: unknown."""
    repository: str = ""
    """Name of the repository, where several were asked; empty for the only one."""
    confidence: float = 0.0
    """The chance that its file is one that is meant, 0 to 1, whatever the query: unlike `score`, it can be
    compared from one answer to the next."""
    page: int = 0
    """The document's page that best_line is on, from 1; 0: it has none."""
    anchor: str = ""
    """What leads to its section in a browser, behind a `#`; empty: nothing does."""
    is_extracted: bool = False
    """True: the lines are of text taken out of the file, which has no such lines."""
    has_text: bool = True
    """False: the index was imported without texts and its folder has another file; `text` says so."""

    @property
    def full_path(self) -> str:
        """The path, below the repository's name where several were asked."""
        return full_path(self.repository, self.path)


@dataclass(frozen=True, slots=True)
class MissingVectors:
    """Chunks that have no vectors yet, as the index counts them."""

    n_chunks: int
    n_tokens: int
    tokens_per_second: float
    """As this process encodes; 0 where it has not yet."""
    n_by_words: int
    """How many words alone can find: of others this process has vectors that it could not store."""
    load_seconds: float = 0.0
    """How long the search waited for its model, of its time for encoding."""


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """One symbol or heading of a file."""

    path: str
    span: Span
    language: str = ""
    """Of the file, as `SourceFile.language`."""


# --- progress --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """One event of a build; the CLI's bar and the TUI's screen read the same."""

    stage: str
    """`walk`, `read`, `encode`, `write`; `wait`: for another build, whose files and time these are."""
    done: int
    total: int
    """0 while unknown."""
    elapsed_seconds: float
    n_tokens: int = 0
    """Tokens encoded so far, this build."""
    path: str = ""
    """The file at hand, where one is."""


ProgressCallback = Callable[[BuildProgress], None]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did."""

    n_files: int
    n_chunks: int
    n_spans: int
    n_tokens: int
    """Tokens in the index."""
    n_encoded_chunks: int
    """Chunks the model ran on in this build; the rest came from stored embeddings."""
    n_encoded_tokens: int
    n_skipped: int
    elapsed_seconds: float
    peak_memory_bytes: int
    n_taken_chunks: int = 0
    """Chunks whose vectors other indexes of this user held."""
    utilisation: float = 1.0
    """Tokens over the slots of the packed rows that the model computed; 1 where it computed none."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as the index knows it."""

    file_id: int
    path: str
    language: str
    sha256: str
    n_bytes: int
    mtime_ns: int
    problem: str


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A skipped file with the stat figures it had; (-1, -1) where the walk itself skipped it."""

    file: SkippedFile
    n_bytes: int = -1
    mtime_ns: int = -1


@dataclass(frozen=True, slots=True)
class StaleFiles:
    """Files whose indexed text is not what is on disk."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    complete: bool = True
    """False where the time budget ended the comparison early."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.deleted)

    @property
    def count(self) -> int:
        """How many files are stale."""
        return len(self.changed) + len(self.added) + len(self.deleted)
