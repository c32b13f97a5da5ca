"""What each line of a query is: a title, a frame of a traceback, a line of a diff; and so how much it tells.

By form alone, for every language's tracebacks; no index is asked. `query_digest.py` says what is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TITLE = 1.5
_ERROR = 2.5
"""What a program says of its own failure."""
_FRAME = 1.5
"""What the innermost frame of the tree's own code tells more than a line of prose."""
_NEXT_FRAME = 0.75
"""A frame further out tells this share of that."""
_FOREIGN_FRAME = 0.3
"""A frame of a library or a language's own runtime."""
_CHANGED = 1.2
"""A line that a diff adds or takes out."""

_MIN_LINES = 2
_MIN_WORDS = 20
"""Of a report: fewer are a question, title and all."""
_MIN_TITLE_WORDS = 3
_MIN_PLAIN_WORDS = 2
_MAX_TITLE_CHARS = 200

_PYTHON_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line \d+')
_OTHER_FRAME = re.compile(
    r"\s+at\s+\S.*|\s*at .*[(:]\S+:\d+.*"  # Java, JavaScript, C#, Rust
    r"|\s+from\s+\S+:\d+:in\b.*|\S+:\d+:in [`'].*"  # Ruby
    r"|\t\S+\.go:\d+.*|#\d+\s+.*\bat \S+:\d+.*|#\d+\s.*\(\d+\):.*"  # Go, gdb, PHP
)
_FOREIGN = re.compile(
    r"site-packages|dist-packages|node_modules|<frozen |node:internal|/rustc/|/usr/lib|/lib/python\d"
    r"|/libexec/|/goroot|/usr/local/go/|\bjava\.|\bjdk\.|\bsun\.|\bkotlin\.|\bSystem\.|/gems/"
    r"|\bcore::|\bstd::|\.cargo/registry|\.pub-cache|vendor/"
)
_SAYS_ERROR = re.compile(
    r"\s*(?:E\s+)?(?:[\w.$]+(?:Error|Exception|Warning|Fault|Failure)\b|Caused by: |panic: "
    r"|fatal(?: error)?: |Exception in thread |Uncaught |thread '.*' panicked|error(?:\[\w+\])?: )",
)
_DIFF_FILE = re.compile(r"(?:diff --git a/|--- (?:a/)?|\+\+\+ (?:b/)?|Index: )(?P<path>\S+)")
_DIFF_START = re.compile(r"diff --git |--- \S|Index: ")
_LOCK_FILE = re.compile(
    r"(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|go\.sum|pnpm-lock\.yaml|[\w.-]*\.lock|[\w.-]*\.lockb?"
    r"|packages\.lock\.json|gradle\.lockfile)$"
)


def line_factors(lines: Sequence[str]) -> list[float]:
    """How many times what it tells in prose a word tells in each line; 0 in a lock file's part of a diff."""
    factors = [1.0] * len(lines)
    _weigh_diff(lines, factors)
    _weigh_frames(lines, factors)
    for at, line in enumerate(lines):
        if _SAYS_ERROR.match(line):
            factors[at] = max(factors[at], _ERROR)
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    if first is not None and len(lines) > 1 and factors[first] == 1.0:
        factors[first] = _TITLE
    return factors


def title_of(query: str) -> str | None:
    """The first line of a report, where that is a sentence above others; None for code, a log or a diff.

    It says what the matter is in the reporter's own words; what is below it says many things beside.
    """
    lines = [line.strip() for line in query.splitlines() if line.strip()][: _MIN_LINES + 200]
    if len(lines) < _MIN_LINES or sum(len(line.split()) for line in lines) < _MIN_WORDS:
        return None
    title = lines[0]
    factors = line_factors(lines)
    is_plain = (
        factors[0] in (1.0, _TITLE)
        and not _DIFF_START.match(title)
        and title[-1] not in "{}:;,(="
        and len(title) <= _MAX_TITLE_CHARS
    )
    words = title.split()
    n_plain = sum(word.strip("`'\".,!?()").replace("-", "").isalpha() for word in words)
    return title if is_plain and len(words) >= _MIN_TITLE_WORDS and n_plain >= _MIN_PLAIN_WORDS else None


def _weigh_diff(lines: Sequence[str], factors: list[float]) -> None:
    if not any(line.startswith("@@ ") for line in lines):
        return
    is_lock = False
    for at, line in enumerate(lines):
        if _DIFF_START.match(line) and not line.startswith("--- /dev/null"):
            named = _DIFF_FILE.match(line)
            is_lock = named is not None and _LOCK_FILE.search(named.group("path")) is not None
        if is_lock:
            factors[at] = 0.0
        elif line.startswith(("+", "-")):
            factors[at] = _CHANGED


def _weigh_frames(lines: Sequence[str], factors: list[float]) -> None:
    """Python names the innermost frame last, everyone else first; the line of its code goes with it."""
    runs: list[list[int]] = []
    is_python: list[bool] = []
    last = -3
    for at, line in enumerate(lines):
        of_python = _PYTHON_FRAME.match(line) is not None
        if not of_python and not _OTHER_FRAME.fullmatch(line):
            continue
        if not runs or is_python[-1] != of_python or at - last > 4:
            runs.append([])
            is_python.append(of_python)
        runs[-1].append(at)
        last = at
    for frames, innermost_last in zip(runs, is_python, strict=True):
        distance = 0
        for at in reversed(frames) if innermost_last else frames:
            factor = _FOREIGN_FRAME
            if not _FOREIGN.search(lines[at]):
                factor = 1.0 + _FRAME * _NEXT_FRAME**distance
                distance += 1
            factors[at] = factor
            below = at + 1
            if lines[at].startswith("\t") and at > 0 and ".go:" in lines[at]:
                factors[at - 1] = factor
            if innermost_last and below < len(lines) and lines[below].startswith("    "):
                factors[below] = factor
