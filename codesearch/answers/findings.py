"""What a front end is given for one question: passages, what was left out, and the state of the index.

Values only; `api.py` makes them, `render/` and the terminal application show them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from indexer.light_dataclasses import dataclass
from indexer.records import Mode, Passage, QueryUsed, SearchRequest, SkippedFile


@dataclass(frozen=True, slots=True)
class Omitted:
    """A passage that was found and is not in the answer."""

    path: str
    start_line: int
    end_line: int
    symbol: str
    score: float
    reason: str
    """`budget`: did not fit; `duplicate`: the same lines as a better passage; `seen`: already returned."""
    repository: str = ""
    """Name of the repository, where several were asked; empty for the only one."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which state of the repository an answer speaks of."""

    commit: str | None
    """Git commit at indexing time, or None outside git."""
    n_files: int
    n_chunks: int
    n_encoded: int
    """Chunks that have the vectors they are to have; words alone find the others so far."""
    changed: tuple[str, ...] = ()
    """Indexed files whose content differs on disk now."""
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    n_skipped: int = 0
    complete: bool = True
    """False: the time for looking at the disk ran out, and more files may have changed."""
    has_text: bool = True
    """False: the index was imported without texts."""
    is_encoding: bool = False
    """What has no vectors yet is being encoded: by who was asked, in the background, or by another build."""

    @property
    def n_stale(self) -> int:
        """Files that differ between index and disk."""
        return len(self.changed) + len(self.added) + len(self.deleted)


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer to one question, best passage first."""

    request: SearchRequest
    """What was asked, as it was served."""
    passages: tuple[Passage, ...]
    index: IndexState
    tokenizer: str
    """Name of the counter behind every `n_tokens`."""
    budget_tokens: int | None = None
    omitted: tuple[Omitted, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for a person: why nothing was found, what is stale, what was cut."""
    query_used: QueryUsed | None = None
    """What counted of a query that is too long to count whole; None for all of it."""
    elapsed_seconds: float = 0.0
    root: str = ""
    """Folder of the only index, where paths are not relative to it but to the working directory."""
    roots: tuple[tuple[str, str], ...] = ()
    """(name, folder) of several indexes, where paths are relative to the working directory."""
    is_weak: bool = False
    """Little of the query is in the index: these passages are only the closest that there are."""

    def __iter__(self) -> Iterator[Passage]:
        return iter(self.passages)

    def __len__(self) -> int:
        return len(self.passages)

    @property
    def query(self) -> str:
        """The question."""
        return self.request.query

    @property
    def mode(self) -> Mode:
        """How the passages are ranked."""
        return self.request.mode

    @property
    def n_tokens(self) -> int:
        """Tokens of all passages together."""
        return sum(passage.n_tokens for passage in self.passages)


@dataclass(frozen=True, slots=True)
class RankedFile:
    """A file as an answer."""

    path: str
    score: float
    language: str
    best: Passage
    """Its best passage."""


@dataclass(frozen=True, slots=True)
class RankedFiles:
    """The best files for a question, each once, best first."""

    query: str
    mode: Mode
    files: tuple[RankedFile, ...]
    index: IndexState
    notes: tuple[str, ...] = ()
    root: str = ""
    roots: tuple[tuple[str, str], ...] = ()
    """As of `Findings`."""

    def __iter__(self) -> Iterator[RankedFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Found:
    """What one repository answers."""

    passages: Sequence[Passage]
    notes: tuple[str, ...] = ()
    """Sentences for a person: why nothing was found, what is stale."""


@dataclass(frozen=True, slots=True)
class RepositoryStatus:
    """What an index holds and how it stands to the files on disk."""

    n_files: int
    n_chunks: int
    n_tokens: int = 0
    commit: str = ""
    model: str = ""
    languages: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    """Paths that changed, appeared or went since indexing, each followed by what happened to it."""
    skipped: tuple[SkippedFile, ...] = ()
    n_encoded: int = 0
    """Chunks that have the vectors they are to have."""
    is_encoding: bool = False
    """The others are being encoded."""
