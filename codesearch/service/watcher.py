"""Following the files: what is saved is in the index two seconds later.

The system tells that something below a folder changed, never reliably what: each batch of changes leads to
one comparison of the tree, which knows what git ignores and opens no link. So an event that got lost costs
nothing, and a branch switch is one change.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from codesearch.api import ENCODE_QUIET_SECONDS, CodeIndex
from codesearch.locate import manifest_mark
from codesearch.workspace import Workspace
from indexer.errors import CodesearchError, IndexBusyError, MissingExtraError
from indexer.settings import STATE_FOLDER
from indexer.wording import counted

try:
    from watchfiles import Change, awatch
except ImportError as error:
    raise MissingExtraError("Watching needs a package: pip install 'codesearch-local[serve]'.") from error

QUIET_MS = 200
"""Silence after which a batch of changes ends."""
MOST_MS = 1000
"""Time after which it ends without silence."""
_GIT_SECONDS = 10.0
"""Time that git is given to finish a checkout."""
_BUSY_SECONDS = 1.0
_BUSY_TRIES = 30
_NEVER_INDEXED = frozenset({STATE_FOLDER, ".git", "node_modules", "__pycache__", ".venv"})
"""Folders whose changes are not looked at, unless it is git's HEAD."""


class Watcher:
    """Keeps every index of a workspace up to date for as long as it runs."""

    def __init__(self, workspace: Workspace, say: Callable[[str], None]) -> None:
        """`say` takes a sentence about each update and each problem."""
        self._workspace = workspace
        self._say = say
        self._encoding_later: dict[str, asyncio.Task[None]] = {}
        self.n_updates = 0

    async def run(self) -> None:
        """Watch until cancelled. A folder that cannot be watched is followed by searches alone."""
        async with asyncio.TaskGroup() as group:
            for name, root in self._workspace.roots.items():
                turn = asyncio.Lock()
                group.create_task(self._catch_up(group, name, turn))
                group.create_task(self._follow(group, name, root, turn))

    async def _catch_up(self, group: asyncio.TaskGroup, name: str, turn: asyncio.Lock) -> None:
        """Read what changed while nobody watched, once the watch is set up."""
        await asyncio.sleep(MOST_MS / 1000)
        await self._read(group, name, turn)

    async def _read(self, group: asyncio.TaskGroup, name: str, turn: asyncio.Lock) -> None:
        """Read what changed, and have it encoded once nothing more changes."""
        async with turn:
            await _git_is_done(self._workspace.roots[name])
            await asyncio.to_thread(self._bring_up_to_date, name)
        if earlier := self._encoding_later.get(name):
            earlier.cancel()
        self._encoding_later[name] = group.create_task(self._encode_later(name))

    async def _encode_later(self, name: str) -> None:
        await asyncio.sleep(ENCODE_QUIET_SECONDS + QUIET_MS / 1000)
        await asyncio.to_thread(self._encode, name)

    async def _follow(self, group: asyncio.TaskGroup, name: str, root: Path, turn: asyncio.Lock) -> None:
        def wanted(_: Change, path: str) -> bool:
            return concerns(root, path)

        watching = awatch(
            root, watch_filter=wanted, debounce=MOST_MS, step=QUIET_MS, ignore_permission_denied=True
        )
        try:
            async for _ in watching:
                await self._read(group, name, turn)
        except (OSError, RuntimeError) as error:
            self._say(
                f"{name} cannot be watched ({error}); searches look for changed files themselves. On Linux,"
                " sysctl fs.inotify.max_user_watches raises the limit of folders."
            )

    def _bring_up_to_date(self, name: str) -> None:
        root, started_at = self._workspace.roots[name], time.monotonic()
        mark = manifest_mark(root, self._workspace.state)
        try:
            with self._workspace.opened(name) as index:
                n_files = read_changes(index)
        except CodesearchError as error:
            self._say(f"{name} could not be brought up to date: {error}")
            return
        if manifest_mark(root, self._workspace.state) != mark:
            self.n_updates += 1
            self._say(f"{name}: {counted(n_files, 'file')}, read in {time.monotonic() - started_at:.1f} s.")

    def _encode(self, name: str) -> None:
        try:
            with self._workspace.opened(name) as index:
                index.encode_in_background()
        except CodesearchError as error:
            self._say(f"{name} could not be encoded: {error}")


def read_changes(index: CodeIndex) -> int:
    """Bring an index up to date without encoding, also while it is being encoded; its number of files.

    Raises what `CodeIndex.update` raises; IndexBusyError after other processes had their time.
    """
    for tries_left in reversed(range(_BUSY_TRIES)):
        try:
            return index.update(encode=False).n_files
        except IndexBusyError:
            if not tries_left:
                raise
            if not index.stop_encoding():  # some other process writes
                time.sleep(_BUSY_SECONDS)
    raise AssertionError("unreachable")


def concerns(root: Path, path: str) -> bool:
    """Whether a change of a path may change what is indexed: a quick look, for the comparison knows."""
    parts = Path(path).relative_to(root).parts
    if ".git" in parts:
        return parts[-2:] == (".git", "HEAD")
    return not _NEVER_INDEXED.intersection(parts)


async def _git_is_done(root: Path) -> None:
    """Wait while git writes the tree, so that a checkout is one change."""
    until = time.monotonic() + _GIT_SECONDS
    while os.path.lexists(root / ".git" / "index.lock") and time.monotonic() < until:
        await asyncio.sleep(QUIET_MS / 1000)
