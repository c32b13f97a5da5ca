"""What memory this process takes, in bytes, as the system counts it."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from indexer.system import peak_memory

_M_ARENA_MAX = -8
"""Of glibc's `mallopt`."""


def share_one_heap() -> bool:
    """Have the threads of this process allocate from one heap, where the C library can be told to.

    To be called before there are threads. Each has one of its own else, and keeps what its largest search
    took: two that search and one that updates held 200 MB where one heap holds 130. False where it cannot.
    """
    with suppress(AttributeError, OSError):  # of glibc alone
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1))
    return False


def resident_bytes() -> int:
    """Memory that this process holds now; where the system does not tell, the most that it held."""
    try:
        n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return n_pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process ever held; 0 where the system does not tell."""
    peak = peak_memory()
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kilobytes elsewhere
