from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer import process_memory
from indexer.process_memory import peak_bytes, resident_bytes


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
