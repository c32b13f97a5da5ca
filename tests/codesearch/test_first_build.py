"""A first build that several wait for: what they hear of it, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time

from codesearch.first_build import FirstBuild
from codesearch.workspace import Workspace
from indexer.disk.write_lock import write_lock
from indexer.errors import NothingToIndexError
from indexer.records import BuildProgress
from indexer.storage.generations import prepare_state


def wait_for(what):
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_it_goes_on_until_it_is_stopped():
    """Its newest event is there for everybody, and what the stop raises in it is nobody's problem."""
    ended = threading.Event()

    def make(progress):
        try:
            for n in itertools.count():
                progress(BuildProgress("read", n, 1000, 0.0))
                time.sleep(0.001)
        finally:
            ended.set()

    build = FirstBuild(make)
    wait_for(lambda: build.latest is not None and build.latest.done > 2)
    assert not build.is_done
    build.stop()
    assert (build.is_done, ended.is_set(), build.problem) == (True, True, None)


def test_who_waits_for_another_process_hears_how_far_it_is_and_may_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.disk.write_lock.NOTE_SECONDS", 0.0)
    monkeypatch.setattr("codesearch.workspace._LOOK_SECONDS", 0.002)
    (tmp_path / "a.py").write_text("def first_answer():\n    return 1\n")
    with write_lock(prepare_state(tmp_path)) as note, Workspace([tmp_path], build=True) as workspace:
        build = workspace.first_build(workspace.names[0])
        wait_for(lambda: build.latest is not None)
        assert (build.latest.stage, build.latest.total) == ("wait", 0)
        note.tell("read", 3, 4)
        wait_for(lambda: (build.latest.done, build.latest.total) == (3, 4))
        workspace.close()
        assert build.is_done
        assert build.problem is None


def test_why_there_is_no_index_is_kept():
    def make(progress):
        raise NothingToIndexError("There is no text.")

    build = FirstBuild(make)
    wait_for(lambda: build.is_done)
    assert isinstance(build.problem, NothingToIndexError)
