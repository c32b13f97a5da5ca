"""Paths of answers as the person who asked can give them to the next command: relative to where one stands.

What an index holds is relative to its root; the library, MCP and HTTP speak so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.disk.user_folders import expand_user
from indexer.light_dataclasses import dataclass

if TYPE_CHECKING:
    from codesearch.answers.findings import Findings, RankedFiles
    from indexer.records import Passage


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
        """A path of an index, from where one stands."""
        here = Path.cwd()
        root = self.roots.get(repository)
        if root is None or root == here:
            return path
        full = root / path
        if full.is_relative_to(here):
            return full.relative_to(here).as_posix()
        if self.is_absolute:
            return full.as_posix()
        return Path(os.path.relpath(full, here)).as_posix()

    def full(self, passage: Passage) -> Path:
        """Where the file of a passage that is shown lies."""
        return Path(os.path.abspath(passage.path))  # noqa: PTH100 - links stay as they are

    @property
    def root(self) -> str:
        """The only root; empty for several."""
        return self.roots[""].as_posix() if set(self.roots) == {""} else ""

    def findings(self, findings: Findings, *, named: bool = True) -> Findings:
        """The same answer with such paths; unless `named`, without the names of several repositories."""
        return replace(
            findings,
            passages=tuple(self._passage(passage, named) for passage in findings.passages),
            omitted=tuple(replace(o, path=self.shown(o.path, o.repository)) for o in findings.omitted),
            root=self.root,
            roots=self._several,
        )

    def files(self, ranked: RankedFiles, *, named: bool = True) -> RankedFiles:
        """The same files with such paths, as of `findings`."""
        files = []
        for file in ranked.files:
            best = self._passage(file.best, named)
            files.append(replace(file, path=best.path, best=best))
        return replace(ranked, files=tuple(files), root=self.root, roots=self._several)

    def passage_shown(self, *, named: bool) -> Callable[[Passage], Passage] | None:
        """What gives a passage such a path, as of `findings`; None where it has it."""
        if self.roots.get("") == Path.cwd():
            return None
        return lambda passage: self._passage(passage, named)

    @property
    def _several(self) -> tuple[tuple[str, str], ...]:
        return () if self.root else tuple((name, root.as_posix()) for name, root in self.roots.items())

    def _passage(self, passage: Passage, named: bool) -> Passage:
        path = self.shown(passage.path, passage.repository)
        return replace(passage, path=path, repository=passage.repository if named else "")
