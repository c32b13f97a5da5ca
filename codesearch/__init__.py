"""The public package: build an index of a repository, ask it, get passages.

    from codesearch import CodeIndex
    index = CodeIndex.build("repo")
    for passage in index.search("how are routes registered"):
        print(passage.path, passage.start_line, passage.symbol)

Importing it loads the standard library alone; the engine is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codesearch.answers.counting import Tokenizer
    from codesearch.answers.findings import Findings, IndexState, Omitted, RankedFile, RankedFiles
    from codesearch.answers.seen import Seen
    from codesearch.api import CodeIndex
    from codesearch.context import Context
    from codesearch.workspace import Workspace
    from indexer.errors import (
        BuildInterruptedError,
        ChatError,
        CheckpointError,
        CodesearchError,
        IndexBusyError,
        IndexCorruptError,
        IndexMismatchError,
        IndexMissingError,
        InputError,
        MissingExtraError,
        NothingToIndexError,
        StorageError,
    )
    from indexer.records import (
        BuildProgress,
        BuildReport,
        Evidence,
        Mode,
        OutlineEntry,
        Passage,
        ProgressCallback,
        SearchRequest,
    )
    from indexer.settings import BuildSettings, WalkSettings
    from indexer.storage.status import IndexStatus

__version__ = "0.1.0"

_HOMES = {
    "CodeIndex": "codesearch.api",
    "Context": "codesearch.context",
    "Findings": "codesearch.answers.findings",
    "IndexState": "codesearch.answers.findings",
    "Omitted": "codesearch.answers.findings",
    "RankedFile": "codesearch.answers.findings",
    "RankedFiles": "codesearch.answers.findings",
    "Seen": "codesearch.answers.seen",
    "Tokenizer": "codesearch.answers.counting",
    "Workspace": "codesearch.workspace",
    "BuildProgress": "indexer.records",
    "BuildReport": "indexer.records",
    "Evidence": "indexer.records",
    "Mode": "indexer.records",
    "Passage": "indexer.records",
    "ProgressCallback": "indexer.records",
    "SearchRequest": "indexer.records",
    "OutlineEntry": "indexer.records",
    "IndexStatus": "indexer.storage.status",
    "BuildSettings": "indexer.settings",
    "WalkSettings": "indexer.settings",
    "BuildInterruptedError": "indexer.errors",
    "ChatError": "indexer.errors",
    "CheckpointError": "indexer.errors",
    "CodesearchError": "indexer.errors",
    "IndexBusyError": "indexer.errors",
    "IndexCorruptError": "indexer.errors",
    "IndexMismatchError": "indexer.errors",
    "IndexMissingError": "indexer.errors",
    "InputError": "indexer.errors",
    "MissingExtraError": "indexer.errors",
    "NothingToIndexError": "indexer.errors",
    "StorageError": "indexer.errors",
}

__all__ = [
    "BuildInterruptedError",
    "BuildProgress",
    "BuildReport",
    "BuildSettings",
    "ChatError",
    "CheckpointError",
    "CodeIndex",
    "CodesearchError",
    "Context",
    "Evidence",
    "Findings",
    "IndexBusyError",
    "IndexCorruptError",
    "IndexMismatchError",
    "IndexMissingError",
    "IndexState",
    "IndexStatus",
    "InputError",
    "MissingExtraError",
    "Mode",
    "NothingToIndexError",
    "Omitted",
    "OutlineEntry",
    "Passage",
    "ProgressCallback",
    "RankedFile",
    "RankedFiles",
    "SearchRequest",
    "Seen",
    "StorageError",
    "Tokenizer",
    "WalkSettings",
    "Workspace",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import the module that holds a public name, at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
