"""Small trees, a process that builds and can be killed, and what a whole index is."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from indexer.doctor import DAMAGE, MODEL, examine
from indexer.embeddings.segment_files import open_database
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher

HERE = Path(__file__).parent


class Builder:
    """Builds in a process of its own; see build_process.py."""

    def __init__(self) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(HERE.parents[1]),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "build_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._answer() == {"ready": True}

    def __call__(self, root: Path, **order: Any) -> dict[str, Any]:
        self.start(root, **order)
        return self.wait()

    def start(self, root: Path, **order: Any) -> None:
        """Begin, and go on without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"root": str(root), **order}) + "\n")
        self._process.stdin.flush()

    def wait(self) -> dict[str, Any]:
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def write_tree(root: Path, n_files: int = 8, seed: int = 5) -> None:
    """Small Python files of made-up functions, all different."""
    draw = random.Random(seed)
    for number in range(n_files):
        path = root / f"package_{number % 3}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(module_text(number, draw))


def module_text(number: int, draw: random.Random) -> str:
    verbs, nouns = ("load", "save", "merge", "count", "drop"), ("route", "job", "room", "invoice", "token")
    return "".join(
        f"def {draw.choice(verbs)}_{draw.choice(nouns)}_{number}_{n}(value):\n"
        f'    """{draw.choice(verbs)} the {draw.choice(nouns)} number {draw.randrange(10**6)}."""\n'
        f"    return value + {draw.randrange(10**6)}\n\n\n"
        for n in range(3)
    )


def change_tree(root: Path, seed: int) -> None:
    """One file changed, one added, one removed."""
    draw = random.Random(seed)
    paths = sorted(root.rglob("*.py"))
    draw.choice(paths[1:]).write_text(module_text(seed, draw))
    (root / f"added_{seed}.py").write_text(module_text(seed + 1, draw))
    paths[0].unlink()


def texts_on_disk(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*.py"))}


def texts_in_index(root: Path) -> dict[str, str | None]:
    with Searcher.open(root) as searcher:
        return {path: searcher.file_text(path) for path in searcher.paths()}


def answer(root: Path, query: str = "merge the invoice number") -> list[tuple[str, int, float]]:
    """What an index answers to one question, in a form that can be compared."""
    with Searcher.open(root) as searcher:
        result = searcher.search(SearchRequest(query, k=5, mode=Mode.HYBRID))
        hits = [(searcher.chunk(hit.chunk_id).path, hit.start_char, hit.score) for hit in result.hits]
    return [(path, start, round(score, 4)) for path, start, score in hits]


def damage(root: Path) -> list[str]:
    """What the doctor says is wrong, leftovers of kills aside."""
    return [f.sentence for f in examine(root).findings if f.kind in (DAMAGE, MODEL)]


def stored_keys(root: Path) -> set[str]:
    """The keys of all embeddings that are finished."""
    folder = root / ".codesearch" / "embeddings"
    if not (folder / "embeddings.db").exists():
        return set()
    with closing(open_database(folder)) as db:
        return {key for (key,) in db.execute("SELECT key FROM embeddings")}


def needed_keys(root: Path) -> set[str]:
    """The keys of all embeddings that the live generation uses."""
    with Searcher.open(root) as searcher:
        return {key for (key,) in searcher.generation.store.query("SELECT embedding_key FROM chunks")}
