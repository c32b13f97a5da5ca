"""A first build that several wait for: what they hear of it, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time

from codesearch.first_build import FirstBuild
from indexer.errors import NothingToIndexError
from indexer.records import BuildProgress


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


def test_why_there_is_no_index_is_kept():
    def make(progress):
        raise NothingToIndexError("There is no text.")

    build = FirstBuild(make)
    wait_for(lambda: build.is_done)
    assert isinstance(build.problem, NothingToIndexError)
