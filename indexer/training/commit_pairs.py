"""Pairs from a repository's history: what a commit says, and the functions that still hold what it wrote.

Lines move, so that a change is found by its words: a line that a commit added and that stands once in the
file of now is where the commit's change is. Git runs no program of the repository's own for this.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import IO

from indexer.light_dataclasses import dataclass
from indexer.records import Span
from indexer.training.pair import Pair, PairKind, clean_query
from indexer.tree.git_runner import GitError, Repository, find_repository, piped_git

MAX_COMMITS = 3_000
_MAX_BYTES = 100_000_000
"""Of what git prints that is looked at."""
_MAX_LINE_BYTES = 2_000
_MAX_FILES, _MAX_LINES = 6, 400
"""A commit that touches more is about no one function."""
_MAX_PLACES, _MAX_COMMITS_OF_PLACE = 2, 3
_MIN_LINE_CHARS = 12
_LOG = (
    "log", "--no-merges", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv",
    "--no-show-signature", "--diff-filter=AM", "--unified=0", "--src-prefix=a/", "--dst-prefix=b/",
    "--format=%x00%s",
)  # fmt: skip
_CLUTTER = re.compile(
    r"^(?:\[[^\]]*\]\s*|\w+(?:\([^)]*\))?!?:\s+|[A-Z]+-\d+[: ]+)+|\s*\(?(?:#|GH-)\d+\)?"
    r"|^(?:fix(?:es|ed)?|closes?)\s+#\d+\W*",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"(?:merge|revert|bump|release|version|wip\b|typo|lint|format|black\b|isort|update dep|pre-commit|"
    r"changelog|prepar|initial|cleanup|clean up|minor|misc|fix(?:ed|es)? (?:tests?|build|ci|typo|flake)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of now that commits may have changed."""

    path: str
    text: str
    spans: Sequence[Span]


@dataclass(slots=True)
class _Commit:
    subject: str
    lines: dict[str, list[str]] = field(default_factory=dict)
    """Path → lines it added."""
    n_lines: int = 0


def commit_pairs(
    root: Path, files: Mapping[str, Candidate], max_commits: int = MAX_COMMITS
) -> Iterator[Pair]:
    """Pairs from the newest commits of the repository that `root` is in; none where there is no history."""
    repository = find_repository(root)
    if repository is None:
        return
    prefix = root.resolve().relative_to(repository.top).as_posix()
    prefix = "" if prefix == "." else prefix + "/"
    places: dict[str, _Places] = {}
    n_of_place: Counter[tuple[str, int]] = Counter()
    for commit in _commits(repository, prefix, max_commits):
        query = _query(commit.subject)
        if not query or len(commit.lines) > _MAX_FILES or commit.n_lines > _MAX_LINES:
            continue
        votes: Counter[tuple[str, int]] = Counter()
        for path, lines in commit.lines.items():
            own = path.removeprefix(prefix)
            if own in files:
                where = places.setdefault(own, _Places(files[own]))
                votes.update((own, number) for line in lines if (number := where.span_of(line)) >= 0)
        for (path, number), count in votes.most_common(_MAX_PLACES):
            span = files[path].spans[number]
            if count * 4 >= commit.n_lines and n_of_place[path, number] < _MAX_COMMITS_OF_PLACE:
                n_of_place[path, number] += 1
                yield Pair(path, PairKind.COMMIT, query, span.start_char, span.end_char)


class _Places:
    """Where each line of a file that stands in it once is."""

    def __init__(self, file: Candidate) -> None:
        self._at: dict[str, int] = {}
        self._spans = file.spans
        position = 0
        for line in file.text.splitlines(keepends=True):
            said = line.strip()
            if len(said) >= _MIN_LINE_CHARS:
                self._at[said] = -1 if said in self._at else position
            position += len(line)

    def span_of(self, line: str) -> int:
        """The innermost function that holds a line; -1 where there is none."""
        position = self._at.get(line.strip(), -1)
        found = -1
        for number, span in enumerate(self._spans) if position >= 0 else ():
            if span.start_char > position:
                break
            if position < span.end_char and span.kind in ("function", "method", "macro"):
                found = number
        return found


def _query(subject: str) -> str:
    said = _CLUTTER.sub("", subject).strip()
    return "" if _SAYS_NOTHING.match(said) else clean_query(said)


def _commits(repository: Repository, prefix: str, max_commits: int) -> Iterator[_Commit]:
    arguments = (*_LOG, f"--max-count={max_commits}", "--patch", "HEAD", "--", prefix or ".")
    try:
        with tempfile.TemporaryFile() as nothing, piped_git(repository, nothing, *arguments) as printed:
            yield from _parse(printed)
    except GitError:
        return


def _parse(printed: IO[bytes]) -> Iterator[_Commit]:
    commit: _Commit | None = None
    path, n_bytes = "", 0
    while n_bytes < _MAX_BYTES and (raw := printed.readline(_MAX_LINE_BYTES)):
        n_bytes += len(raw)
        line = os.fsdecode(raw).rstrip("\n")
        if line.startswith("\0"):
            if commit is not None:
                yield commit
            commit, path = _Commit(line[1:]), ""
        elif commit is None:
            continue
        elif line.startswith("diff --git "):
            path = ""
        elif line.startswith("+++ b/") and not path:
            path = line[6:].removesuffix("\t")
            commit.lines[path] = []
        elif line.startswith("+") and path:
            commit.n_lines += 1
            if commit.n_lines <= _MAX_LINES:
                commit.lines[path].append(line[1:])
    if commit is not None:
        yield commit
