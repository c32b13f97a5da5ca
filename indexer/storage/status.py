"""What an index holds and how it was made, as `codesearch status` tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from indexer.light_dataclasses import dataclass
from indexer.reading.decode import GUESSED
from indexer.records import SkippedFile, StaleFiles
from indexer.storage.database import StoreReader, WordsOnly
from indexer.storage.facts import build_facts, recorded_settings
from indexer.storage.manifest import Manifest


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index holds and how it was made."""

    root: Path
    model: str
    commit: str
    """Git commit at indexing time; empty outside a repository."""
    branch: str
    n_files: int
    n_chunks: int
    n_encoded: int
    """Chunks that have the vectors they are to have; words alone find the others so far."""
    n_words_only: int
    """Those of them that are to have none: of data files, what lies behind their first tokens."""
    n_spans: int
    n_tokens: int
    n_rows: int
    """Token rows."""
    n_bytes_on_disk: int
    built_at: float
    """Seconds since 1970."""
    skipped: tuple[SkippedFile, ...]
    problems: tuple[SkippedFile, ...]
    """Files that are indexed, but without spans (`no-spans`) or without all vectors (`words-only`)."""
    stale: StaleFiles
    settings: dict[str, str]
    """What it was built with, to be shown."""
    languages: dict[str, int]
    """Files by language, most first."""
    n_redacted: int = 0
    """Credentials that are covered in the indexed text."""
    has_text: bool = True
    """False: it was imported without the texts of its files."""
    covers_secrets: bool = True
    """False: credentials are indexed as they are."""


def read_status(
    root: Path,
    manifest: Manifest,
    store: StoreReader,
    *,
    n_encoded: int,
    n_rows: int,
    n_bytes_on_disk: int,
    stale: StaleFiles,
) -> IndexStatus:
    """The status of one open generation, from its database and what only its reader knows.

    Raises IndexCorruptError where the database lacks a fact.
    """
    noted = store.facts()
    facts, settings = build_facts(noted), recorded_settings(manifest, noted)
    languages = store.query(
        "SELECT language, count(*) AS n FROM files GROUP BY language ORDER BY n DESC, language"
    )
    problems = store.query("SELECT path, problem FROM files WHERE problem != '' ORDER BY path")
    words_only = store.words_only()
    shown = {
        "model_fingerprint": manifest.model_fingerprint,
        "max_tokens": settings.max_tokens,
        "window_tokens": manifest.window_tokens,
        "codec": manifest.codec,
        **asdict(settings.walk),
        "vectors": settings.vectors,
        "data_file_tokens": settings.data_file_tokens,
    }
    return IndexStatus(
        root=root,
        model=manifest.model,
        commit=facts.commit,
        branch=facts.branch,
        n_files=facts.n_files,
        n_chunks=facts.n_chunks,
        n_spans=facts.n_spans,
        n_tokens=facts.n_tokens,
        n_encoded=n_encoded,
        n_words_only=sum(file.n_chunks for file in words_only),
        n_rows=n_rows,
        n_bytes_on_disk=n_bytes_on_disk,
        built_at=facts.built_at_ns / 1e9,
        skipped=tuple(row.file for row in store.skipped().values()),
        problems=(
            *(SkippedFile(path, _reason(problem), problem) for path, problem in problems),
            *(SkippedFile(file.path, "words-only", _words_only_detail(file)) for file in words_only),
        ),
        stale=stale,
        settings={name: str(value) for name, value in shown.items()},
        languages=dict(languages),
        n_redacted=facts.n_redacted,
        has_text=facts.has_text,
        covers_secrets=not settings.walk.include_secrets,
    )


def _words_only_detail(file: WordsOnly) -> str:
    first = f"the first {file.n_encoded_tokens:,}" if file.n_encoded_tokens else "none"
    return f"data: words find all of it, {first} of its {file.n_tokens:,} tokens have vectors"


def n_bytes_below(state: Path) -> int:
    """Bytes of all files below a state folder; a build may remove some meanwhile."""
    n_bytes = 0
    for folder, _, names in os.walk(state):
        for name in names:
            with suppress(FileNotFoundError):
                n_bytes += Path(folder, name).lstat().st_size
    return n_bytes


def _reason(problem: str) -> str:
    return "encoding" if problem.startswith(GUESSED) else "no-spans"
