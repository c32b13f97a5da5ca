"""Nothing outside a tree is read, written or run, whatever the tree, its index or a question holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from codesearch.api import CodeIndex
from indexer.errors import CodesearchError
from indexer.retrieve import filters
from indexer.search import Searcher
from tests.reliability.hostile import (
    CANARY,
    EXPRESSIONS,
    IN_STATE,
    IN_TREE,
    PATHS,
    WORDS,
    Outside,
    Plant,
    make_outside,
)
from tests.reliability.trees import Builder, write_tree


def name_of(function: Plant) -> str:
    return function.__name__


def check_nothing_happened(root: Path, outside: Outside, before: dict[str, str]) -> None:
    """The folder outside is as it was, its program never ran, and its word is nowhere in the index."""
    assert outside.state() == before
    assert not outside.mark.exists()
    state = root / ".codesearch"
    if state.is_dir() and not state.is_symlink():
        for path in state.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert CANARY.encode() not in path.read_bytes(), path


def try_tree(folder: Path, builder: Builder, plant: Plant) -> None:
    """Index a tree with one thing planted, twice, with a search between."""
    outside = make_outside(folder / "outside")
    root = folder / "tree"
    write_tree(root, n_files=2)
    plant(root, outside)
    before = outside.state()
    for _ in range(2):
        result = builder(root)
        assert "error" not in result, result
        with CodeIndex.open(root) as index:
            assert index.search("merge the invoice number")
            assert index.status().n_files >= 2
            assert CANARY not in "".join(index.paths())
        check_nothing_happened(root, outside, before)
        (root / "package_0" / "module_0.py").write_text("def changed():\n    return 1\n")


@pytest.mark.parametrize("plant", IN_TREE, ids=name_of)
def test_what_a_tree_holds(tmp_path: Path, builder: Builder, plant: Plant) -> None:
    try_tree(tmp_path, builder, plant)


def try_state(folder: Path, indexed: Path, builder: Builder, plant: Plant) -> None:
    """An index with something planted is opened, brought up to date and repaired."""
    outside = make_outside(folder / "outside")
    root = folder / "tree"
    shutil.copytree(indexed, root)
    plant(root, outside)
    before = outside.state()
    with suppress(CodesearchError), Searcher.open(root) as searcher:
        assert CANARY not in str([searcher.file_text(path) for path in searcher.paths()])
    check_nothing_happened(root, outside, before)
    (root / "new.py").write_text("def new():\n    return 1\n")
    for order in ({}, {"repair": True}, {"rebuild": True}):
        result = builder(root, **order)
        said = [result["message"]] if "message" in result else result.get("findings", [])
        assert result.get("n_files") or "findings" in result or said, result
        assert not any("\n" in sentence for sentence in said)
        check_nothing_happened(root, outside, before)


@pytest.mark.parametrize("plant", IN_STATE, ids=name_of)
def test_what_a_planted_index_holds(tmp_path: Path, indexed: Path, builder: Builder, plant: Plant) -> None:
    try_state(tmp_path, indexed, builder, plant)


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Path:
    folder = tmp_path_factory.mktemp("questions")
    outside = make_outside(folder / "outside")
    write_tree(folder / "tree", n_files=3)
    (folder / "tree" / "long.py").write_text(f"# {'a' * 3000} {'x' * 3000}\n")
    IN_TREE[0](folder / "tree", outside)
    builder(folder / "tree")
    return folder / "tree"


def ask_everything(root: Path) -> int:
    """Every hostile question by every way to ask; how many were tried."""
    n_tried = 0
    kept = {path: path.read_bytes() for path in sorted((root / ".codesearch").rglob("*")) if path.is_file()}

    def attempt(ask: Callable[[], object]) -> None:
        nonlocal n_tried
        n_tried += 1
        with suppress(CodesearchError):
            assert CANARY not in str(ask())

    with CodeIndex.open(root) as index:
        for word in WORDS:
            for mode in ("lexical", "hybrid"):
                attempt(lambda word=word, mode=mode: index.search(word, mode=mode))
            attempt(lambda word=word: index.search("value", paths=[word], languages=[word]))
        for path in PATHS:
            attempt(lambda path=path: index.read(path))
            attempt(lambda path=path: index.outline(path))
            attempt(lambda path=path: index.similar(path))
            attempt(lambda path=path: index.search("value", paths=[path]))
        for expression in EXPRESSIONS:
            started = time.process_time()
            attempt(lambda expression=expression: index.search("value", regex=expression))
            assert time.process_time() - started < 5
    assert kept == {path: path.read_bytes() for path in kept}
    return n_tried


def test_questions(linked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MATCH_SECONDS", 0.1)
    assert ask_everything(linked) > 150


THREE_COMMANDS = """
from codesearch.cli.main import cli
codes = []
for arguments in (["status"], ["search", "value", "--no-refresh"], ["doctor"]):
    try:
        cli(arguments, prog_name="codesearch")
    except SystemExit as ended:
        codes.append(ended.code or 0)
assert set(codes) <= {0, 1, 2}
print(*codes)
"""


def test_modules_of_the_folder_one_is_in_are_not_imported(tmp_path: Path) -> None:
    """As a user would: in the untrusted folder, by the installed command."""
    outside = make_outside(tmp_path / "outside")
    root = tmp_path / "tree"
    root.mkdir()
    for plant in IN_TREE:
        if plant.__name__ == "modules_of_ours":
            plant(root, outside)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-P", "-c", THREE_COMMANDS],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()[-1].split()) == 3, done.stdout
    assert "nternal error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not outside.mark.exists()


def test_an_index_is_closed_to_others(indexed: Path) -> None:
    state = indexed / ".codesearch"
    for path in (state, *state.rglob("*")):
        assert path.lstat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
