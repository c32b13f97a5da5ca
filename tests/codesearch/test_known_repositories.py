from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from codesearch.known_repositories import forget, known_roots, list_file, remember
from indexer.disk.state_files import write_file
from indexer.errors import StorageError


def test_whoever_adds_at_the_same_moment_loses_nothing(monkeypatch):
    """Between reading and writing each waits until the others had time to read the same list."""
    n_writers = 6
    begun = threading.Barrier(n_writers)
    meeting = threading.Barrier(n_writers)

    def slow(path, content, **how):
        if path == list_file():
            with suppress(threading.BrokenBarrierError):
                meeting.wait(0.2)  # without a lock all meet here, each with a list of its own
        write_file(path, content, **how)

    monkeypatch.setattr("codesearch.known_repositories.write_file", slow)
    roots = [Path(f"/trees/{number}") for number in range(n_writers)]
    failures = []

    def add(root):
        begun.wait(60)
        try:
            remember([root])
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=add, args=(root,)) for root in roots]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert not failures
    assert set(known_roots()) == set(roots)
    assert set(forget(roots[:2])) == set(roots[:2])
    assert set(known_roots()) == set(roots[2:])


def test_a_list_that_somebody_holds_is_a_sentence(monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr("codesearch.known_repositories._LOCK_SECONDS", 0.01)
    remember([Path("/trees/one")])
    with FileLock(f"{list_file()}.lock"), pytest.raises(StorageError, match="Another process is writing"):
        remember([Path("/trees/two")])
    assert known_roots() == (Path("/trees/one"),)
    assert remember([Path("/trees/one")]) == ()  # what is known needs no lock
    assert list_file().stat().st_mode & 0o077 == 0
