"""Writers take turns by a lock that names its owner; readers never wait and never see half an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.disk.write_lock import write_lock
from indexer.doctor import examine
from indexer.errors import IndexBusyError
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.storage.generations import generation_names
from tests.reliability.trees import Builder, change_tree, damage, texts_in_index, texts_on_disk, write_tree

N_READERS = 10


def copy(tree: Path, to: Path) -> Path:
    shutil.copytree(tree, to)
    return to


def test_a_second_writer_is_told_who_writes_and_for_how_long(tmp_path: Path) -> None:
    with write_lock(tmp_path), pytest.raises(IndexBusyError) as caught, write_lock(tmp_path):
        raise AssertionError("two writers")
    assert f"process {os.getpid()}, for 0 s" in str(caught.value)
    with write_lock(tmp_path):  # let go by both
        pass


def test_two_threads_do_not_write_at_once(tmp_path: Path) -> None:
    inside, most, busy = [0], [0], [0]

    def write() -> None:
        try:
            with write_lock(tmp_path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1
        except IndexBusyError:
            busy[0] += 1

    threads = [threading.Thread(target=write) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert busy[0] < 20


def test_two_builds_of_one_tree(tmp_path: Path, builders: Callable[[int], list[Builder]]) -> None:
    """One of them does the work, the other says that it is at it, or finds it done."""
    write_tree(tmp_path, n_files=30)
    first, second = builders(2)
    for number in range(3):
        change_tree(tmp_path, seed=number)
        for builder in (first, second):
            builder.start(tmp_path)
        results = [first.wait(), second.wait()]
        assert [r["error"] for r in results if "error" in r] in ([], ["IndexBusyError"]), results
        assert texts_in_index(tmp_path) == texts_on_disk(tmp_path)
    assert examine(tmp_path).findings == ()


def test_readers_during_updates(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    """Ten readers open, ask and close while updates swap generations: each answer is of one whole state."""
    root = copy(indexed, tmp_path / "tree")
    states = [texts_on_disk(root)]
    done = threading.Event()
    failures: list[BaseException] = []
    n_answers = [0] * N_READERS

    def read(number: int) -> None:
        try:
            while not done.is_set():
                with Searcher.open(root) as searcher:
                    texts = {path: searcher.file_text(path) for path in searcher.paths()}
                    result = searcher.search(SearchRequest("merge the room", k=3, mode=Mode.LEXICAL))
                    assert texts in states
                    assert all(searcher.chunk(hit.chunk_id).text in texts.values() for hit in result.hits)
                n_answers[number] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(N_READERS)]
    for thread in threads:
        thread.start()
    for number in range(4):
        change_tree(root, seed=number)
        states.append(texts_on_disk(root))
        assert "error" not in builder(root)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(n_answers) > 0
    assert damage(root) == []


def test_an_open_reader_keeps_its_files_through_updates_and_collections(
    tmp_path: Path, indexed: Path, builder: Builder
) -> None:
    """As a terminal application that stays open: nothing was read yet when the generations are swapped."""
    root = copy(indexed, tmp_path / "tree")
    before = texts_on_disk(root)
    request = SearchRequest("merge the invoice number", k=5)
    with Searcher.open(root) as fresh:
        expected = fresh.search(request).hits
    searcher = Searcher.open(root)
    for number in range(3):
        for path in sorted(root.rglob("*.py")):
            path.write_text(path.read_text() + f"\n# again {number}\n")
        assert builder(root)["n_encoded"] == 8
    assert {path: searcher.file_text(path) for path in searcher.paths()} == before
    assert searcher.search(request).hits == expected
    assert len(generation_names(root / ".codesearch")) == 2  # the live one and the pinned one
    searcher.close()
    assert texts_in_index(root) == texts_on_disk(root)
    change_tree(root, seed=1)
    builder(root)
    assert len(generation_names(root / ".codesearch")) == 1
    assert examine(root).findings == ()


def test_a_reader_that_is_killed_pins_nothing(tmp_path: Path, indexed: Path, builder: Builder) -> None:
    import signal
    import sys

    root = copy(indexed, tmp_path / "tree")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom indexer.search import Searcher\n"
        "searcher = Searcher.open(Path(sys.argv[1]))\nprint('open', flush=True)\ntime.sleep(600)"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"open\n"
    reader.send_signal(signal.SIGKILL)
    reader.communicate()
    change_tree(root, seed=1)
    builder(root)
    assert len(generation_names(root / ".codesearch")) == 1


def test_two_worktrees_have_indexes_of_their_own(
    tmp_path: Path, builders: Callable[[int], list[Builder]]
) -> None:
    main, other = tmp_path / "main", tmp_path / "other"
    write_tree(main)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(main)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(other)], check=True, capture_output=True)
    (other / "only_here.py").write_text("def only_here():\n    return 1\n")
    first, second = builders(2)
    first.start(main)
    second.start(other)
    assert "error" not in first.wait()
    assert "error" not in second.wait()
    assert "only_here.py" not in texts_in_index(main)
    assert texts_in_index(other) == texts_on_disk(other)
    assert damage(main) == damage(other) == []
