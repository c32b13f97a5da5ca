"""A repository of a cluster, read: its files, symbols and state, from whichever shards hold it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.cluster.layout import Cluster, Piece
from indexer.cluster.shard_answers import ShardFacts
from indexer.errors import InputError
from indexer.records import OutlineEntry, StaleFiles
from indexer.settings import BuildSettings
from indexer.storage.facts import BuildFacts
from indexer.storage.status import IndexStatus


class RemoteSearcher:
    """What `CodeIndex` reads of one repository beside its questions."""

    lacks_vectors = False
    """Shards are published with all of theirs."""
    is_being_written = False
    """What is written becomes another catalogue."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.name = name

    @property
    def _pieces(self) -> tuple[Piece, ...]:
        try:
            return self._cluster.layout.repositories[self.name]
        except KeyError:
            raise InputError(f"{self.name} is not in the catalogue that is served now.") from None

    @property
    def _facts(self) -> ShardFacts:
        return self._cluster.layout.facts[self._pieces[0].shard]

    @property
    def root(self) -> Path:
        """The repository by its name: its folder is on other machines."""
        return Path("/") / self.name

    @property
    def facts(self) -> BuildFacts:
        """Of the shards that hold it, together."""
        every = [self._cluster.layout.facts[piece.shard].build for piece in self._pieces]
        return replace(
            every[0],
            **{
                name: sum(getattr(each, name) for each in every)
                for name in ("n_files", "n_chunks", "n_spans", "n_tokens", "n_redacted")
            },
        )

    @property
    def settings(self) -> BuildSettings:
        """That its shards were built with."""
        return self._facts.settings

    @property
    def n_encoded(self) -> int:
        """All of its chunks."""
        return self.facts.n_chunks

    @property
    def n_skipped(self) -> int:
        """Files that are not indexed."""
        return sum(self._cluster.layout.facts[piece.shard].n_skipped for piece in self._pieces)

    def freshness(self, budget_seconds: float = 0.0) -> StaleFiles:
        """Nothing is stale: shards are what the catalogue says."""
        return StaleFiles()

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        """None."""
        return frozenset()

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, or None."""
        return file_text(self._cluster.call, self._pieces, path)

    def has_text(self, path: str) -> bool:
        """Yes: a job's shards travel with their texts."""
        return True

    def paths(self) -> tuple[str, ...]:
        """Every indexed file."""
        return paths(self._cluster.call, self._pieces)

    def outline(self, path_prefix: str = "") -> tuple[OutlineEntry, ...]:
        """Symbols of files."""
        return outline(self._cluster.call, self._pieces, path_prefix)

    def status(self, budget_seconds: float = 0.0) -> IndexStatus:
        """Of all shards that hold it."""
        return _together([self._cluster.call(piece.shard, "status") for piece in self._pieces])

    def close(self) -> None:
        """Nothing is held."""


def _together(parts: Sequence[IndexStatus]) -> IndexStatus:
    """The status of a repository by those of its parts, which have no file in common."""
    names = (
        "n_files n_chunks n_encoded n_words_only n_spans n_tokens n_rows n_bytes_on_disk n_redacted".split()
    )
    languages: Counter[str] = Counter()
    for part in parts:
        languages.update(part.languages)
    return replace(
        parts[0],
        **{name: sum(getattr(part, name) for part in parts) for name in names},
        built_at=max(part.built_at for part in parts),
        skipped=tuple(sorted((each for part in parts for each in part.skipped), key=lambda each: each.path)),
        problems=tuple(
            sorted((each for part in parts for each in part.problems), key=lambda each: each.path)
        ),
        languages=dict(sorted(languages.items(), key=lambda pair: (-pair[1], pair[0]))),
        has_text=all(part.has_text for part in parts),
        covers_secrets=all(part.covers_secrets for part in parts),
    )


Call = Callable[..., Any]


def file_text(call: Call, pieces: Sequence[Piece], path: str) -> str | None:
    """The text of a file of a repository, from whichever shard has it."""
    for piece in pieces:
        text: str | None = call(piece.shard, "file_text", piece.prefix + path)
        if text is not None:
            return text
    return None


def paths(call: Call, pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Every indexed file of a repository."""
    found = [
        path.removeprefix(piece.prefix)
        for piece in pieces
        for path in call(piece.shard, "paths")
        if path.startswith(piece.prefix)
    ]
    return tuple(sorted(found))


def outline(call: Call, pieces: Sequence[Piece], prefix: str) -> tuple[OutlineEntry, ...]:
    """Symbols of a repository's files, in order of path."""
    found = [
        replace(entry, path=entry.path.removeprefix(piece.prefix))
        for piece in pieces
        for entry in call(piece.shard, "outline", (piece.prefix + prefix).rstrip("/"))
        if entry.path.startswith(piece.prefix)
    ]
    return tuple(sorted(found, key=lambda entry: entry.path))
