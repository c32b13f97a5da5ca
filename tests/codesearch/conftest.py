"""A small engine in memory, so that front ends are tested without a model; for the commands, the real one."""

from __future__ import annotations

import ast
import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from indexer.errors import InputError
from indexer.records import (
    Chunk,
    ComponentScores,
    Hit,
    OutlineEntry,
    SearchRequest,
    SkippedFile,
    Span,
    StaleFiles,
    WordMatch,
)
from indexer.search_steps import SearchResult
from indexer.storage.facts import BuildFacts
from indexer.storage.status import IndexStatus


def python_spans(text: str) -> tuple[Span, ...]:
    """Functions and classes of a Python file, as the engine's parser would name them."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def visit(node: ast.AST, outer: str, in_class: bool) -> list[Span]:
        found = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                is_class = isinstance(child, ast.ClassDef)
                kind = "class" if is_class else "method" if in_class else "function"
                name = f"{outer}.{child.name}" if outer else child.name
                first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                start = starts[first - 1] + child.col_offset
                end = starts[child.end_lineno - 1] + child.end_col_offset
                found.append(Span(kind, name, start, end, first, child.end_lineno))
                found.extend(visit(child, name, is_class))
        return found

    return tuple(visit(ast.parse(text), "", False))


@dataclass
class FakeSearcher:
    """Answers with one hit for each symbol, or line where none is, that has a word of the query."""

    files: Mapping[str, str]
    languages: Mapping[str, str] = field(default_factory=dict)
    hits: tuple[Hit, ...] | None = None
    """Given: the answer to everything."""
    stale: StaleFiles = field(default_factory=StaleFiles)
    requests: list[SearchRequest] = field(default_factory=list)
    closed: bool = False

    def language(self, path: str) -> str:
        return self.languages.get(path, "python" if path.endswith(".py") else "text")

    def spans(self, path: str) -> tuple[Span, ...]:
        return python_spans(self.files[path]) if path.endswith(".py") else ()

    def search(self, request: SearchRequest) -> SearchResult:
        self.requests.append(request)
        hits = self.hits if self.hits is not None else self._matching(request)
        return SearchResult(tuple(hits[: request.k]), lambda n: tuple(hits[:n]), len(hits), 0.0, False)

    def explain(self, result: SearchResult, hit: Hit) -> Hit:
        return hit

    def _matching(self, request: SearchRequest) -> tuple[Hit, ...]:
        words = request.query.lower().split()
        found: dict[tuple[int, int, int], Hit] = {}
        for chunk_id, (path, text) in enumerate(self.files.items()):
            if request.languages and self.language(path) not in request.languages:
                continue
            at = 0
            for number, line in enumerate(text.split("\n"), 1):
                places = {word: at + line.lower().index(word) for word in words if word in line.lower()}
                matches = tuple(WordMatch(w, w, start, start + len(w), 1.0) for w, start in places.items())
                if matches:
                    spans = [s for s in self.spans(path) if s.start_line <= number <= s.end_line]
                    inner = min(spans, key=lambda s: s.end_char - s.start_char, default=None)
                    start, end = (inner.start_char, inner.end_char) if inner else (at, at + len(line))
                    old = found.get((chunk_id, start, end))
                    score = len(matches) + (old.score if old else 0.0)
                    both = (*(old.matches if old else ()), *matches)
                    scores = ComponentScores(score)
                    found[chunk_id, start, end] = Hit(chunk_id, score, start, end, scores, both)
                at += len(line) + 1
        return tuple(sorted(found.values(), key=lambda hit: (-hit.score, hit.chunk_id, hit.start_char)))

    def similar(self, path: str, line: int | None, k: int = 10, encode_seconds: float = 0.0) -> SearchResult:
        if path not in self.files:
            raise InputError(f"{path} is not in the index.")
        return self.search(SearchRequest(query="def", k=k))

    def chunk(self, chunk_id: int) -> Chunk:
        path = list(self.files)[chunk_id]
        text = self.files[path]
        n_lines = text.count("\n") + (not text.endswith("\n"))
        language, spans = self.language(path), self.spans(path)
        return Chunk(chunk_id, path, "0" * 64, language, text, 0, len(text), 1, n_lines, 10, spans, path)

    def file_text(self, path: str) -> str | None:
        return self.files.get(path)

    def has_text(self, path: str) -> bool:
        return True

    def outline(self, path_prefix: str = "") -> tuple[OutlineEntry, ...]:
        return tuple(
            OutlineEntry(path, span)
            for path in sorted(self.files)
            if path.startswith(path_prefix)
            for span in self.spans(path)
        )

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def freshness(self, budget_seconds: float = 0.5) -> StaleFiles:
        return self.stale

    def stale_among(self, paths: Iterable[str]) -> frozenset[str]:
        return frozenset(paths) & {*self.stale.changed, *self.stale.deleted}

    @property
    def facts(self) -> BuildFacts:
        status = self.status()
        return BuildFacts(
            n_files=status.n_files,
            n_chunks=status.n_chunks,
            n_spans=status.n_spans,
            n_tokens=status.n_tokens,
            built_at_ns=int(status.built_at * 1e9),
            commit=status.commit,
            branch=status.branch,
        )

    @property
    def n_encoded(self) -> int:
        return len(self.files)

    @property
    def n_skipped(self) -> int:
        return len(self.status().skipped)

    def status(self, budget_seconds: float = 5.0) -> IndexStatus:
        return IndexStatus(
            root=Path("/repo"),
            model="codesearch-edge",
            commit="0123456789abcdef0123456789abcdef01234567",
            branch="main",
            n_files=len(self.files),
            n_chunks=len(self.files),
            n_encoded=len(self.files),
            n_words_only=0,
            n_spans=sum(len(self.spans(path)) for path in self.files),
            n_tokens=1234,
            n_rows=1000,
            n_bytes_on_disk=2_500_000,
            built_at=1_700_000_000.0,
            skipped=(SkippedFile("logo.png", "binary", "Has a NUL byte."),),
            problems=(),
            stale=self.stale,
            settings={"max_tokens": "8192"},
            languages={"python": len(self.files)},
        )

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeSearcher:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


@dataclass
class Words:
    """A counter that can be checked by eye: words and line ends."""

    name: str = "words"

    def count(self, text: str) -> int:
        return len(text.split()) + text.count("\n")


SHAPES = '''"""Areas of shapes."""

import math


class Circle:
    """A round shape."""

    def __init__(self, radius):
        self.radius = radius

    def area(self):
        """How much plane it covers."""
        return math.pi * self.radius**2

    def scale(self, factor):
        """A larger or smaller one."""
        if factor <= 0:
            raise ValueError("the factor must be positive")
        return Circle(self.radius * factor)


# The measure of everything
# that has four equal sides.
def square_area(side):
    return side * side
'''

_STEPS = "".join(f"    step_{n} = start + {n}\n" for n in range(200))
LONG = f"def steps(\n    start,\n):\n{_STEPS}    return start\n"


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def fake() -> type[FakeSearcher]:
    return FakeSearcher


@pytest.fixture
def shapes() -> FakeSearcher:
    return FakeSearcher({"shapes.py": SHAPES, "long.py": LONG, "notes.txt": "alpha\nbeta\n\ngamma ray\n"})


@pytest.fixture
def index(shapes: FakeSearcher, tmp_path: Path) -> CodeIndex:
    return CodeIndex(tmp_path, shapes)


@pytest.fixture
def make_hit():
    """Hit on the n-th file at the first place where a text stands."""

    def make(searcher: FakeSearcher, path: str, needle: str, score: float = 1.0, **changes: object) -> Hit:
        start = searcher.files[path].index(needle)
        chunk_id = list(searcher.files).index(path)
        return replace(Hit(chunk_id, score, start, start + len(needle), ComponentScores()), **changes)

    return make


@pytest.fixture
def random_repository():
    """A seeded repository of plain functions, and hits on all of them in random order."""

    def make(rng: random.Random, n_files: int = 12) -> tuple[FakeSearcher, list[Hit]]:
        files = {}
        for f in range(n_files):
            functions = []
            for g in range(rng.randint(1, 6)):
                names = [f"{rng.choice(_NOUNS)}_{rng.randint(0, 999)}" for _ in range(rng.randint(2, 70))]
                lines = [f"    {a} = {b}.{rng.choice(_VERBS)}({a!r})\n" for a, b in pairwise(names)]
                head = f"def {rng.choice(_VERBS)}_{f}_{g}(request):\n"
                functions.append(f"{head}{''.join(lines)}    return request\n\n\n")
            files[f"pkg/mod_{f}.py"] = "".join(functions)
        searcher = FakeSearcher(files)
        hits = []
        for chunk_id, path in enumerate(files):
            for span in searcher.spans(path):
                start = rng.randint(span.start_char, span.end_char - 1)
                end = min(span.end_char, start + rng.randint(1, 300))
                hits.append(Hit(chunk_id, rng.random(), start, end, ComponentScores()))
        return searcher, sorted(hits, key=lambda hit: -hit.score)

    return make


_NOUNS = ("route", "handler", "payload", "session", "cursor", "invoice", "worker", "retry", "token", "bucket")
_VERBS = ("parse", "store", "resolve", "render", "commit", "encode", "collect", "merge", "cancel", "publish")


# --- the commands, over the real engine --------------------------------------------------------


SOURCES = {
    "router.py": '"""Routes of a small server."""\n\n\ndef add_route(table, path, handler):\n'
    '    """Register a handler for a path."""\n    table[path] = handler\n',
    "retry.py": '"""Trying again."""\n\n\ndef pause_after(attempt):\n'
    '    """Seconds to wait before the next attempt, growing each time."""\n    return 2**attempt\n',
    "docs/guide.md": "# Guide\n\n## Deploying\n\nCopy the wheel to the server and restart it.\n",
}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed folder. Not to be changed by a test; `copied` is."""
    root = tmp_path_factory.mktemp("repository")
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    result = CliRunner().invoke(cli, ["index", str(root)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Indexed 3 files, ")
    assert result.stderr == ""
    return root


@pytest.fixture
def copied(repository: Path, tmp_path: Path) -> Path:
    """A copy of the repository and its index."""
    return shutil.copytree(repository, tmp_path / "copy")


@pytest.fixture
def no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CODESEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def run(no_user_settings: None) -> Callable[..., Result]:
    """A command in this process, begun in the first folder that it is given, so that paths are short."""

    def invoke(*arguments: object, **options: object) -> Result:
        folder = next((each for each in arguments if isinstance(each, Path) and each.is_dir()), Path.cwd())
        with contextlib.chdir(folder):
            return CliRunner().invoke(cli, [str(argument) for argument in arguments], **options)

    return invoke


@pytest.fixture
def python(no_user_settings: None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command in a process of its own."""

    def start(
        *arguments: object, variables: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "codesearch", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(variables or {})}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, text=True, env=environment, timeout=120, check=False, **streams)

    return start


@pytest.fixture
def one_sentence() -> Callable[..., str]:
    """The only thing a failed command says."""

    def read(result: Result, code: int = 2) -> str:
        assert result.exit_code == code, (result.stdout, result.stderr)
        assert result.stdout == ""
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("codesearch: ")
        assert "Traceback" not in line
        return line.removeprefix("codesearch: ")

    return read


@pytest.fixture(scope="session")
def checkouts(task_queue, tmp_path_factory):
    """Two folders of one name with an index each: one has the code, one the documents and one module."""
    base = tmp_path_factory.mktemp("checkouts")
    roots = [base / place / "queue" for place in ("work", "old")]
    for root, suffix in zip(roots, (".md", ".py"), strict=True):
        shutil.copytree(task_queue, root)
        for path in root.rglob(f"*{suffix}"):
            if ".codesearch" not in path.parts and path.name != "worker.py":
                path.unlink()
        CodeIndex.build(root).close()
    return roots
