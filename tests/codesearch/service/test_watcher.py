"""What is saved is found soon, a checkout is one change, and what is ignored changes nothing."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress

import pytest

from codesearch.api import CodeIndex
from codesearch.locate import manifest_mark
from codesearch.service import watcher as watcher_module
from codesearch.service.watcher import Watcher, concerns, read_changes
from codesearch.workspace import Workspace
from indexer.errors import IndexBusyError

SECONDS = 60.0
"""How long a loaded machine may take for what takes one second."""


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "shop"
    root.mkdir()
    (root / ".gitignore").write_text("built/\n")
    (root / "retry.py").write_text("def pause(attempt):\n    return 2**attempt\n")
    with CodeIndex.build(root) as index:
        settle(index)
    return root


def settle(index):
    """Files as young as the index are read once more by the next build; then nothing is left to do."""
    for mark in iter(lambda: manifest_mark(index.root), None):
        index.update(encode=False)
        if manifest_mark(index.root) == mark:
            return


class Noted(Watcher):
    """Counts how often it has read the tree."""

    n_reads = 0

    def _bring_up_to_date(self, name):
        super()._bring_up_to_date(name)
        self.n_reads += 1


@asynccontextmanager
async def watched(root, monkeypatch):
    """A watcher at work, in steps of a quarter of their time."""
    monkeypatch.setattr(CodeIndex, "encode_in_background", lambda self: None)
    for name in ("QUIET_MS", "MOST_MS"):
        monkeypatch.setattr(watcher_module, name, getattr(watcher_module, name) // 4)
    with Workspace([root]) as workspace:
        watcher = Noted(workspace, lambda sentence: None)
        task = asyncio.create_task(watcher.run())
        await until(lambda: watcher.n_reads)  # it has caught up
        head = root / ".git" / "HEAD"
        head.parent.mkdir()
        while watcher.n_reads == 1:  # the system's watch is being set up
            head.write_text("ref: refs/heads/main\n")
            await asyncio.sleep(0.1)
        await at_rest(watcher)
        yield watcher
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def at_rest(watcher):
    """Until it has read nothing for longer than it lets changes gather."""
    n_reads = -1
    while n_reads != watcher.n_reads:
        n_reads = watcher.n_reads
        await asyncio.sleep(2 * watcher_module.MOST_MS / 1000)


async def until(condition):
    limit = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.02)


async def test_what_is_saved_is_found_by_every_reader_and_many_changes_are_one(tree, monkeypatch):
    async with watched(tree, monkeypatch) as watcher:
        with CodeIndex.open(tree) as index:
            assert "new.py" not in index.paths()
        lock = tree / ".git" / "index.lock"
        lock.touch()  # git is at work
        for n in range(60):
            path = tree / f"new{n}.py"
            path.write_text(f"def fresh{n}():\n    pass\n")
            os.utime(path, (1_600_000_000, 1_600_000_000))  # what is as young as the index is read twice
        await at_rest(watcher)
        assert watcher.n_updates == 0
        lock.unlink()
        await until(lambda: watcher.n_updates)
        with CodeIndex.open(tree) as index:
            assert {f"new{n}.py" for n in range(60)} <= set(index.paths())
        await at_rest(watcher)
        assert watcher.n_updates == 1

        with CodeIndex.open(tree) as index:
            settle(index)
        mark, n_reads = manifest_mark(tree), watcher.n_reads
        (tree / "built").mkdir()
        (tree / "built" / "x.py").write_text("def built():\n    pass\n")
        await until(lambda: watcher.n_reads > n_reads)
        await at_rest(watcher)
        assert manifest_mark(tree) == mark

        (tree / "retry.py").unlink()
        (tree / "retry.py").symlink_to(tree.parent)  # swapped for a link out of the tree
        await until(lambda: watcher.n_updates >= 2)
        with CodeIndex.open(tree) as index:
            assert "retry.py" not in index.paths()


async def test_what_was_read_is_encoded_once_nothing_more_is_saved(tree, monkeypatch):
    monkeypatch.setattr(watcher_module, "ENCODE_QUIET_SECONDS", 0.1)
    async with watched(tree, monkeypatch) as watcher:
        encoded_after = []
        monkeypatch.setattr(
            CodeIndex, "encode_in_background", lambda self: encoded_after.append(watcher.n_updates)
        )
        (tree / "new.py").write_text("def fresh():\n    pass\n")
        await until(lambda: any(encoded_after))


def test_folders_that_are_never_indexed_do_not_wake_it(tmp_path):
    for path in (".codesearch/manifest.json", ".git/index", "a/node_modules/b.js", ".git/refs/HEAD"):
        assert not concerns(tmp_path, str(tmp_path / path))
    for path in ("a.py", ".git/HEAD", "sub/.git/HEAD", "git/a.py"):
        assert concerns(tmp_path, str(tmp_path / path))


def test_an_own_background_build_makes_way_and_others_are_waited_for(monkeypatch):
    monkeypatch.setattr(watcher_module, "_BUSY_SECONDS", 0.0)

    class Busy:
        def __init__(self, n_busy):
            self.n_busy, self.n_stopped = n_busy, 0

        def update(self, encode):
            assert not encode
            if self.n_busy:
                self.n_busy -= 1
                raise IndexBusyError("busy")
            return type("Report", (), {"n_files": 3})

        def stop_encoding(self):
            self.n_stopped += 1
            return self.n_stopped == 1

    index = Busy(2)
    assert read_changes(index) == 3
    assert index.n_stopped == 2
    with pytest.raises(IndexBusyError):
        read_changes(Busy(1000))
