"""An index is encoded beside its owner, and not beyond it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from codesearch import api
from codesearch.api import CodeIndex
from codesearch.background import BackgroundBuild


@pytest.fixture
def tree(tmp_path):
    for name in ("lamp", "clock", "horn"):
        (tmp_path / f"{name}.py").write_text(f"def {name}():\n    return '{name}'\n")
    return tmp_path


def wait_for(condition):
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_an_open_index_gets_its_vectors_without_its_answers_waiting(tree):
    with CodeIndex.open(tree, build="words") as index:
        assert index.state().n_encoded == 0
        index.encode_in_background()
        assert index.search("lamp", mode="lexical")
        assert wait_for(lambda: not index.is_encoding)
        index.follow()
        assert index.state().n_encoded == 3


def test_while_files_are_being_saved_nothing_is_encoded(tree, monkeypatch):
    monkeypatch.setattr(api, "ENCODE_QUIET_SECONDS", 3600.0)
    with CodeIndex.open(tree, build="words") as index:
        (tree / "bell.py").write_text("def bell():\n    return 'bell'\n")
        index.update(encode=False)
        index.encode_in_background()
        assert not index.is_encoding
        monkeypatch.setattr(api, "ENCODE_QUIET_SECONDS", 0.0)
        index.encode_in_background()
        assert index.is_encoding


def test_closing_the_index_ends_it(tree):
    index = CodeIndex.open(tree, build="words")
    index.encode_in_background()
    process = index._background._process
    index.close()
    assert process.returncode is not None


def test_it_ends_with_its_owner(tree, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    code = (
        "import sys, time; from pathlib import Path; from codesearch.background import BackgroundBuild\n"
        "build = BackgroundBuild(Path(sys.argv[1])); print(build._process.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tree)], stdout=subprocess.PIPE, text=True)
    child = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    def is_gone():
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{child}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"

    assert wait_for(is_gone)


def test_stopping_twice_is_allowed(tree):
    build = BackgroundBuild(tree)
    build.stop()
    build.stop()
    assert not build.is_running
