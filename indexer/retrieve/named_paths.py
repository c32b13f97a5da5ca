"""Files that a query names by their path: in a traceback, in a diff, in a sentence.

A path in a report is often not the tree's own: it begins in another folder or on another system. So it means
the files that end as it does, for as many parts as any file has in common with it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from indexer.records import Float32Array

# Each run of a path's letters is tried once, so that a pasted key costs no more than its length.
_PATH = re.compile(r"(?<![\w.@/\\-])[\w.@/\\-]*\w\.[A-Za-z]\w{0,9}(?![\w/\\])")
_FRAME = re.compile(r'File "$')
_MAX_PATHS = 64
_OUTER_FRAME = 0.85
"""A frame of a Python traceback says this share of the next one in: most only lead to where it failed."""


def paths_named(query: str) -> tuple[tuple[str, float], ...]:
    """What in a query looks like a file's path, with `/` between its parts, and how much it says."""
    found: dict[str, float] = {}
    frames: list[str] = []
    for match in _PATH.finditer(query):
        path = match.group().replace("\\", "/").lstrip("./")
        if _FRAME.search(query, max(0, match.start() - 6), match.start()):
            frames.append(path)
        else:
            found[path] = 1.0
        if len(found) + len(frames) == _MAX_PATHS:
            break
    for distance, path in enumerate(reversed(frames)):
        found.setdefault(path, _OUTER_FRAME**distance)
    return tuple(found.items())


def named_files(named: Sequence[tuple[str, float]], paths: Sequence[str]) -> Float32Array:
    """(F,) 0..1: how surely a query with these paths means each file; shared where several end alike."""
    meant = np.zeros(len(paths), np.float32)
    by_name: dict[str, list[int]] = defaultdict(list)
    for at, path in enumerate(paths if named else ()):
        by_name[path.rpartition("/")[2]].append(at)
    for path, weight in named:
        places = by_name.get(path.rpartition("/")[2], [])
        common = [_n_common(path, paths[at]) for at in places]
        best = [at for at, n in zip(places, common, strict=True) if n == max(common)]
        for at in best:
            meant[at] = max(meant[at], weight / len(best))
    return meant


def _n_common(one: str, other: str) -> int:
    """Parts, from the last, that two paths share."""
    n = 0
    for mine, theirs in zip(reversed(one.split("/")), reversed(other.split("/")), strict=False):
        if mine != theirs:
            break
        n += 1
    return n
