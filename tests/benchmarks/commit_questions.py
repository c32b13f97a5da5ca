"""Questions from a repository's own history: which files did the commit of this subject change?

No setting was chosen on them, there are as many as one likes, and most are to the files that are worked on
most, which are the large ones. Subjects of the commits before the revision that is indexed: of those that
changed one or two files of code, which are still there and are no tests, and that say what about them.
At most a sixth of a repository's questions are to one file. Seeded.

History is read from bare mirrors in `$CODESEARCH_BENCH_MIRRORS/<owner>+<name>/repo`.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bench_data import (
    BenchQuery,
    Collection,
    DataMissingError,
    data_folder,
    load_repositories,
    mirrors_folder,
)
from metrics import Target

N_QUESTIONS = 50
"""Of a repository, at most."""
MAX_FILES = 2
_FEWEST_WORDS = 5
_SUFFIXES = frozenset(
    ".c .cc .cpp .cs .ex .exs .go .h .hpp .hs .java .js .jsx .kt .lua .php .py .rb .rs .scala .sh .swift .ts"
    " .tsx .zig".split()
)
_NO_CODE = re.compile(
    r"(^|/)(tests?|specs?|__tests__|testing|testdata|_?examples?|benchmarks?|docs?)/"
    r"|(^|/)(test_|conftest)|[._-](test|spec)s?\.|(Test|Tests|Spec)\.\w+$"
)
_UPKEEP = re.compile(
    r"\b(backport|black|bump|changelog|checkstyle|chore|ci|clean ?up|comments?|copyright|dependenc\w+|deps?"
    r"|docs?|format(ting)?|imports?|internal|javadoc|license|lint(er)?|merge|mypy|nits?|phpstan|pmd|prettier"
    r"|psalm|pyright|readme|refactor\w*|release|rename|revert|rubocop|ruff|scalafmt|spelling|spotbugs|style"
    r"|swiftformat|tests?|translations?|typos?|update|upgrade|v?\d+\.\d+(\.\d+)?|version|warnings?"
    r"|whitespace|wip)\b",
    re.IGNORECASE,
)
_FORMALITIES = (
    re.compile(r"\b(close[sd]?|fix(e[sd])?)\s+(#|gh-)\d+", re.IGNORECASE),
    re.compile(r"\s*\(?(#|gh-)\d+\)?", re.IGNORECASE),
    re.compile(r"^(\[[^\]]*\]\s*)+"),
    re.compile(r"^(build|chore|ci|docs|feat|fix|perf|refactor|style|test)(\([^)]*\))?!?:\s*", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True)
class Commit:
    """What the log says of one commit."""

    subject: str
    changed: tuple[str, ...]
    """Paths from the repository's root."""


def load_commits(names: list[str]) -> list[Collection]:
    """The repositories, all or those named, and what their history asks. Raises DataMissingError."""
    entries = json.loads((data_folder() / "repo_queries" / "repos.json").read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in entries}
    found = []
    for collection in load_repositories(names):
        entry = by_name[collection.name]
        name = entry["url"].removesuffix(".git").rpartition("/")[2]
        commits = _commits(name, collection.revision)
        queries = commit_questions(name, commits, entry.get("benchmark_root") or "", collection.source)
        found.append(replace(collection, set_name="commits", queries=queries))
    return found


def commit_questions(
    name: str, commits: Iterable[Commit], inner: str, source: Path
) -> tuple[BenchQuery, ...]:
    """Questions to the folder `inner` of a repository, which lies in `source`."""
    found: dict[str, tuple[str, ...]] = {}
    for commit in commits:
        files = tuple(path for path in _below(inner, commit.changed) if is_code(path))
        text = said(commit.subject)
        if text and 1 <= len(files) <= MAX_FILES and all((source / path).is_file() for path in files):
            found.setdefault(text, files)
    shuffled = list(found.items())
    random.Random(name).shuffle(shuffled)
    questions: list[BenchQuery] = []
    n_to: Counter[str] = Counter()
    for text, files in shuffled:
        if len(questions) < N_QUESTIONS and all(n_to[path] < N_QUESTIONS // 6 for path in files):
            n_to.update(files)
            targets = tuple(Target(path) for path in files)
            questions.append(BenchQuery(f"{name}/commit-{len(questions)}", text, "commit", targets))
    return tuple(questions)


def said(subject: str) -> str:
    """A commit's subject without what only its authors read; empty where little is left or it is upkeep."""
    for formality in _FORMALITIES:
        subject = formality.sub("", subject)
    subject = re.sub(r"[^\x20-\x7e]+", " ", subject).strip(" .")
    is_question = len(subject.split()) >= _FEWEST_WORDS and subject[0].isalnum()
    return subject if is_question and not _UPKEEP.search(subject) else ""


def is_code(path: str) -> bool:
    """Whether a file may be an answer: code, and neither a test nor an example."""
    return PurePosixPath(path).suffix in _SUFFIXES and not _NO_CODE.search(path)


def _below(inner: str, paths: Sequence[str]) -> list[str]:
    start = f"{inner}/" if inner else ""
    return [path.removeprefix(start) for path in paths if path.startswith(start)]


def _commits(name: str, revision: str) -> Iterator[Commit]:
    """Every commit up to a revision, newest first. Raises DataMissingError where no mirror has it."""
    for mirror in sorted(mirrors_folder().glob(f"*+{name}/repo")):
        git = ["git", f"--git-dir={mirror}", "log", "--no-merges", "--no-renames", "--name-only"]
        log = subprocess.run([*git, "--format=%x00%s", revision], capture_output=True, check=False)
        if log.returncode == 0:
            for commit in log.stdout.decode("utf-8", "replace").split("\0")[1:]:
                subject, *files = commit.splitlines()
                yield Commit(subject, tuple(path for path in files if path))
            return
    raise DataMissingError(
        f"No mirror of {name} with its revision {revision[:12]} in {mirrors_folder()}: set "
        "CODESEARCH_BENCH_MIRRORS to the folder of mirrors."
    )
