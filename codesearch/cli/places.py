"""Paths of answers as the person who asked can give them to the next command: relative to where one stands.

What an index holds is relative to its root; the library, MCP and HTTP speak so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.disk.user_folders import expand_user

if TYPE_CHECKING:
    from codesearch.answers.findings import Findings, RankedFiles


@dataclass(frozen=True, slots=True)
class Places:
    """Where the indexes of an answer lie, and how the person named them."""

    roots: Mapping[str, Path]
    """By the name of the repository, which is empty for the only one."""
    is_absolute: bool
    """The person gave absolute paths, and is given such for what does not lie below where one stands."""

    @classmethod
    def of(cls, roots: Mapping[str, Path], named: Sequence[str]) -> Places:
        """The places of indexes that were asked for by some paths."""
        roots = {"": next(iter(roots.values()))} if len(roots) == 1 else roots
        return cls(roots, any(expand_user(path).is_absolute() for path in named))

    def shown(self, path: str, repository: str = "") -> str:
        """A path of the only index, from where one stands; one of several stays below its repository."""
        here = Path.cwd()
        root = self.roots.get(repository)
        if repository or root is None or root == here:
            return path
        full = root / path
        if full.is_relative_to(here):
            return full.relative_to(here).as_posix()
        if self.is_absolute:
            return full.as_posix()
        return Path(os.path.relpath(full, here)).as_posix()

    @property
    def root(self) -> str:
        """The only root; empty for several."""
        return self.roots[""].as_posix() if set(self.roots) == {""} else ""

    def findings(self, findings: Findings) -> Findings:
        """The same answer with such paths."""
        passages = [replace(p, path=self.shown(p.path, p.repository)) for p in findings.passages]
        omitted = [replace(o, path=self.shown(o.path, o.repository)) for o in findings.omitted]
        return replace(findings, passages=tuple(passages), omitted=tuple(omitted), root=self.root)

    def files(self, ranked: RankedFiles) -> RankedFiles:
        """The same files with such paths."""
        files = []
        for file in ranked.files:
            path = self.shown(file.path, file.best.repository)
            files.append(replace(file, path=path, best=replace(file.best, path=path)))
        return replace(ranked, files=tuple(files), root=self.root)
