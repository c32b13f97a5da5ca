from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer import process_memory
from indexer.process_memory import peak_bytes, resident_bytes, share_one_heap


@pytest.mark.parametrize(("platform", "expected"), [("linux", 3_072_000), ("darwin", 3_000)])
def test_the_peak_is_in_bytes_where_the_system_counts_in_kilobytes_and_where_it_does_not(
    monkeypatch, platform, expected
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3_000))
    assert peak_bytes() == expected


def test_pages_are_as_large_as_the_system_says(monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 65_536}.__getitem__)
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "100 7 3 1 0 2 0")
    assert resident_bytes() == 7 * 65_536


def test_without_proc_the_peak_is_told(monkeypatch):
    def missing(path: Path, encoding: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert resident_bytes() == peak_bytes()


def test_this_process():
    assert 10_000_000 < resident_bytes() <= process_memory.peak_bytes() * 1.01 < 64_000_000_000


THREADS = """
import ctypes, sys, threading
from indexer.process_memory import share_one_heap
if sys.argv[1] == "shared":
    assert share_one_heap()
together = threading.Barrier(4)
def allocate():
    kept = bytes(10_000)
    together.wait(30)
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_threads_share_one_heap():
    n_heaps = {}
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    for heap in ("own", "shared"):
        command = [sys.executable, "-c", THREADS, heap]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        n_heaps[heap] = done.stderr.count("Arena ")
    assert n_heaps["shared"] == 1 < n_heaps["own"]


def test_where_the_library_cannot_heaps_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(process_memory.ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not share_one_heap()
