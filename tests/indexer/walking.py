"""Writing a tree and walking it: shared by the tests of the walk."""

from __future__ import annotations

import subprocess
from pathlib import Path

from indexer.reading.source_file import read_source
from indexer.records import FoundFile, SkippedFile, SourceFile
from indexer.settings import WalkSettings
from indexer.tree.walk import walk

DEFAULT = WalkSettings()


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def put(root: Path, *paths: str, text: str = "x = 1\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found(root: Path, settings: WalkSettings = DEFAULT) -> list[str]:
    return [entry.path for entry in walk(root, settings) if isinstance(entry, FoundFile)]


def skipped(root: Path, settings: WalkSettings = DEFAULT) -> dict[str, str]:
    return {entry.path: entry.reason for entry in walk(root, settings) if isinstance(entry, SkippedFile)}


def read(root: Path, path: str, settings: WalkSettings = DEFAULT) -> SourceFile | SkippedFile:
    return read_source(root, FoundFile(path, 0, 0), settings)
