from __future__ import annotations

import hashlib
import itertools
import os
import time
from dataclasses import replace

import pytest

from indexer.records import FileRow, SkippedFile, SkippedRow, StaleFiles
from indexer.settings import WalkSettings
from indexer.tree import freshness as staleness
from indexer.tree.freshness import find_stale, stale_among

BUILT = 1_700_000_000_000_000_000
OLD = BUILT - 60_000_000_000
PLENTY = 60.0


@pytest.fixture
def tree(tmp_path):
    """Two files and what an index says of them."""
    for name, text in (("a.py", "x = 1\n"), ("b.py", "y = 2\n")):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, ns=(OLD, OLD))
    return tmp_path


def known(tree):
    rows = {}
    for path in sorted(tree.glob("*.py")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows[path.name] = FileRow(1, path.name, "python", digest, path.stat().st_size, OLD, "")
    return rows


def stale(tree, rows, skipped=None, budget=PLENTY, settings=None):
    return find_stale(tree, rows, skipped or {}, BUILT, budget, settings)


def test_an_untouched_tree_is_fresh(tree):
    assert stale(tree, known(tree)) == StaleFiles()


def test_changed_added_and_deleted_files_are_told_apart(tree):
    rows = known(tree)
    (tree / "a.py").write_text("x = 2\n")
    (tree / "b.py").unlink()
    (tree / "c.py").write_text("z = 3\n")
    assert stale(tree, rows) == StaleFiles(("a.py",), ("c.py",), ("b.py",))


def test_a_touched_file_with_the_same_content_is_fresh(tree):
    rows = known(tree)
    os.utime(tree / "a.py", ns=(BUILT, BUILT))
    assert stale(tree, rows) == StaleFiles()


def test_a_write_that_keeps_size_and_time_of_a_fresh_file_is_seen(tree):
    rows = known(tree)
    (tree / "a.py").write_text("x = 9\n")
    os.utime(tree / "a.py", ns=(BUILT - 1, BUILT - 1))
    rows["a.py"] = FileRow(1, "a.py", "python", rows["a.py"].sha256, 6, BUILT - 1, "")
    assert stale(tree, rows).changed == ("a.py",)


def test_what_was_skipped_for_its_content_is_not_new(tree):
    (tree / "noise.txt").write_bytes(b"\0\1\2")
    os.utime(tree / "noise.txt", ns=(OLD, OLD))
    skip = {"noise.txt": SkippedRow(SkippedFile("noise.txt", "binary"), 3, OLD)}
    assert stale(tree, known(tree), skip) == StaleFiles()
    assert stale(tree, known(tree)).added == ("noise.txt",)


def test_a_skipped_file_that_the_ignore_file_asks_for_by_now_is_new(tree):
    size = (tree / "b.py").stat().st_size
    rows = {name: row for name, row in known(tree).items() if name != "b.py"}
    skips = {"b.py": SkippedRow(SkippedFile("b.py", "generated", ""), size, OLD)}
    assert stale(tree, rows, skips) == StaleFiles()
    (tree / ".codesearchignore").write_text("!b.py\n")
    assert stale(tree, rows, skips) == StaleFiles((), ("b.py",), ())
    skips = {"b.py": SkippedRow(SkippedFile("b.py", "binary", ""), size, OLD)}
    assert stale(tree, rows, skips) == StaleFiles()


def test_the_tree_is_walked_as_it_was_for_the_index(tree):
    rows = known(tree)
    (tree / ".hidden.py").write_text("h = 1\n")
    assert stale(tree, rows) == StaleFiles()
    assert stale(tree, rows, settings=WalkSettings(include_hidden=True)).added == (".hidden.py",)


def test_no_time_to_read_counts_suspects_as_changed(tree, monkeypatch):
    rows = known(tree)
    os.utime(tree / "a.py", ns=(BUILT, BUILT))
    clock = itertools.count()
    monkeypatch.setattr(staleness.time, "monotonic", lambda: float(next(clock)))
    assert stale(tree, rows, budget=0.5) == StaleFiles(("a.py",), complete=False)


def test_a_tree_that_is_too_large_to_walk_is_compared_with_what_is_known(tree, monkeypatch):
    monkeypatch.setattr(staleness, "_WALK_SECONDS", 100.0)
    rows = known(tree)
    (tree / "a.py").write_text("x = 22\n")
    (tree / "b.py").unlink()
    (tree / "c.py").write_text("z = 3\n")
    assert stale(tree, rows, budget=60.0) == StaleFiles(("a.py",), (), ("b.py",), complete=False)
    assert stale(tree, rows, budget=0.0) == StaleFiles(complete=False)


def test_a_few_files_are_compared_now(tree):
    rows = known(tree)
    assert stale_among(tree, rows, BUILT, ["a.py", "b.py", "unknown.py"]) == frozenset()
    (tree / "a.py").write_text("x = 3\n")
    (tree / "b.py").unlink()
    assert stale_among(tree, rows, BUILT, ["a.py"]) == {"a.py"}
    assert stale_among(tree, rows, BUILT, ["a.py", "b.py"]) == {"a.py", "b.py"}


def test_a_file_that_became_a_link_or_a_pipe_is_stale_and_not_opened(tree):
    rows = known(tree)
    (tree / "a.py").unlink()
    (tree / "a.py").symlink_to(tree / "b.py")
    (tree / "b.py").unlink()
    os.mkfifo(tree / "b.py")
    rows = {path: replace(row, n_bytes=(tree / path).lstat().st_size) for path, row in rows.items()}
    assert stale_among(tree, rows, BUILT, ["a.py", "b.py"]) == {"a.py", "b.py"}


def test_thousands_of_unchanged_files_take_little(tmp_path):
    rows = {}
    for number in range(4000):
        path = f"d{number % 20}/f{number}.py"
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
        os.utime(tmp_path / path, ns=(OLD, OLD))
        rows[path] = FileRow(number, path, "python", "0" * 64, 1, OLD, "")
    seconds = []
    for _ in range(3):  # what else this process does, collecting garbage say, is not measured
        started = time.thread_time()
        assert stale(tmp_path, rows) == StaleFiles()
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 0.5


def test_a_file_that_cannot_be_read_counts_as_changed(tree, monkeypatch):
    rows = known(tree)
    os.utime(tree / "a.py", ns=(BUILT, BUILT))
    monkeypatch.setattr(staleness, "digest_on_disk", lambda root, path: "")
    assert stale(tree, rows).changed == ("a.py",)
