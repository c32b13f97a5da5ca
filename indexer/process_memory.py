"""What memory this process takes, in bytes, as the system counts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from indexer.system import peak_memory


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
