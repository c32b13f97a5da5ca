"""The index of a commit that nobody has checked out, asked as the index of a folder is.

with RevisionIndex.open_revision("repo", "v1.2") as index:
    index.search("how are routes registered")            # paths end with @v1.2
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, Self

from codesearch.api import LOOK_SECONDS, CodeIndex
from codesearch.asking import Asking
from codesearch.known_repositories import known_roots_if_readable
from codesearch.request import Place
from codesearch.workspace import Workspace
from indexer.disk.user_folders import expand_user
from indexer.errors import InputError
from indexer.records import BuildReport, ProgressCallback
from indexer.settings import BuildSettings


class RevisionIndex(CodeIndex):
    """An open index of a branch, a tag or a commit. It never is stale."""

    @classmethod
    def open_revision(cls, root: str | Path, name: str, *, state: str | Path | None = None) -> Self:
        """Open the index of a revision of the repository that holds `root`.

        `name` is what it was indexed as, or another name of the same commit. `state` is the folder that keeps
        the tree's index outside it. Raises IndexMissingError where the revision was not indexed, and what
        `CodeIndex.open` raises.
        """
        from indexer.revisions import (
            RevisionSearcher,
            find_indexed,
            find_root_with_revisions,
            place_of_revision,
        )

        outside = None if state is None else expand_user(state).resolve()
        folder = find_root_with_revisions(expand_user(root), outside)
        place = place_of_revision(folder, find_indexed(folder, name, outside), outside)
        return cls(folder, RevisionSearcher.open(folder, place), place)

    @property
    def name(self) -> str:
        """What the revision was indexed as."""
        return self._engine.facts.branch

    @property
    def commit(self) -> str:
        """The full hash of what was indexed."""
        return self._engine.facts.commit

    def place(self, text: str) -> Place:
        """As of any index; the revision may stand behind the path, as an answer writes it."""
        found = super().place(text)
        return replace(found, path=found.path.removesuffix(f"@{self.name}"))

    def update(self, progress: ProgressCallback | None = None, *, encode: bool = True) -> NoReturn:
        """Raises InputError: a commit does not change."""
        raise InputError(
            f"A revision is not updated; `codesearch index --rev {self.name}` indexes what it stands for now."
        )

    def follow(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Nothing is followed: the commit that was opened stays."""

    def encode_in_background(self) -> None:
        """Nothing is encoded beside it: `codesearch index --rev` encodes all."""


@contextmanager
def asked(workspace: Workspace, names: Sequence[str], revision: str) -> Iterator[Asking]:
    """What answers for some repositories of a workspace, or for an indexed revision of the one that is named.

    Raises InputError for a revision of several, and what `RevisionIndex.open_revision` raises.
    """
    if not revision:
        yield workspace.among(names)
        return
    if len(names) != 1:
        raise InputError("A revision is asked of one repository; name it in `repo`.")
    root = workspace.roots[workspace.name_of(names[0])]
    with RevisionIndex.open_revision(root, revision, state=workspace.state) as index:
        yield index


def index_revision(
    root: Path,
    name: str,
    settings: BuildSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    state: Path | None = None,
) -> BuildReport:
    """Index a revision of the repository that holds `root`; see `indexer.revisions.index_revision`."""
    from indexer import revisions

    others = known_roots_if_readable()
    return revisions.index_revision(root, name, settings, progress, outside=state, others=others)


def moved_on(index: RevisionIndex) -> bool:
    """Whether the name of an indexed revision stands for another commit by now, as a branch's does."""
    from indexer import revisions

    return revisions.moved_on(index.root, index.name, index.commit)


def changed_since(index: CodeIndex, name: str) -> tuple[str, ...]:
    """The indexed files that differ from those of a revision, sorted. Raises InputError."""
    from indexer import revisions

    with index.asked() as searcher:
        return tuple(sorted(revisions.changed_since(searcher, name)))
