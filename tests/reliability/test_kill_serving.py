"""A server or a watcher that is killed leaves an index that answers, and the next start needs no hand.
tests/benchmarks/reliability.py does the same with many more kills."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from click.testing import CliRunner

from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from indexer.doctor import examine
from indexer.errors import IndexBusyError
from tests.reliability.trees import answer, change_tree, damage, texts_in_index, texts_on_disk, write_tree

CAUGHT_UP_SECONDS = 120.0
"""How long a loaded machine may take for what takes three seconds."""


def kill_serving(root: Path, n_kills: int, seed: int = 1) -> None:
    """Kill a server and a watcher in turn, about every other one while it starts, the rest while it reads."""
    draw = random.Random(seed)
    write_tree(root)
    CodeIndex.build(root).close()
    socket = root.parent / "s.sock"
    written = set(texts_on_disk(root).items())
    for number in range(n_kills):
        process = _start(root, socket, serves=number % 2 == 0)
        if draw.random() < 0.5:
            time.sleep(draw.uniform(0.0, 3.0))
        else:
            _wait_until_caught_up(root)
            change_tree(root, seed=number)
            written |= texts_on_disk(root).items()
            time.sleep(draw.uniform(0.0, 2.0))
        process.kill()
        process.wait()
        if draw.random() < 0.5:
            change_tree(root, seed=1000 + number)  # while nobody watches
            written |= texts_on_disk(root).items()
        assert damage(root) == []
        assert texts_in_index(root).items() <= written
        assert answer(root)
    for serves in (True, False):
        change_tree(root, seed=2000 + serves)
        process = _start(root, socket, serves=serves)
        _wait_until_caught_up(root)
        process.terminate()
        process.wait(timeout=30)
    result = CliRunner().invoke(cli, ["search", "merge the invoice number", str(root)])
    assert (result.exit_code, "Traceback" in result.stderr) == (0, False)
    change_tree(root, seed=3000)
    _build(root)  # takes away what killed ones left
    assert texts_in_index(root) == texts_on_disk(root)
    assert not (findings := examine(root).findings), findings


def _start(root: Path, socket: Path, *, serves: bool) -> subprocess.Popen[bytes]:
    options = (
        ["serve", str(root), "--socket-only", "--socket", str(socket)] if serves else ["watch", str(root)]
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-m", "codesearch", *options], stderr=subprocess.DEVNULL, env=environment
    )


def _wait_until_caught_up(root: Path) -> None:
    until = time.monotonic() + CAUGHT_UP_SECONDS
    while texts_in_index(root) != texts_on_disk(root):
        assert time.monotonic() < until, "what was saved is not in the index"
        time.sleep(0.1)


def _build(root: Path) -> None:
    until = time.monotonic() + CAUGHT_UP_SECONDS
    while True:
        try:
            CodeIndex.build(root).close()
            return
        except IndexBusyError:  # an encoder has yet to notice that its server is gone
            assert time.monotonic() < until
            time.sleep(0.1)


def test_after_a_kill_a_server_and_a_watcher_start_by_themselves(tmp_path: Path) -> None:
    kill_serving(tmp_path / "tree", 1, seed=3)
