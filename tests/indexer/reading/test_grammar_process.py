"""The processes that parse: kept warm, replaced, contained, and gone with the process they work for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.reading import grammar_process
from indexer.reading.grammar_process import (
    GrammarError,
    GrammarText,
    end_processes,
    find_all,
    find_symbols,
    start_ahead,
)

ROOT = Path(__file__).parents[3]
DEEP = "%w(" * 13_333
"""As Java: tree-sitter's error recovery takes memory by the square of it."""
NESTED = "val x = " + '"${' * 2_800
"""As Kotlin: the grammar's own scanner aborts."""


def names(text: str, grammar: str = "python") -> list[str]:
    return [symbol.name for symbol in find_symbols(text.encode(), grammar, 20.0)]


def waiting_process() -> int:
    """The process that the next text goes to."""
    assert names("def f(): pass\n") == ["f"]
    (process,) = grammar_process._processes._waiting
    return process._process.pid


def eventually(is_true: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not is_true() and time.monotonic() < until:
        time.sleep(0.02)
    return is_true()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(autouse=True)
def no_process_is_left():
    end_processes()
    yield
    end_processes()


def test_a_process_that_was_started_ahead_takes_the_next_text() -> None:
    start_ahead()
    (ahead,) = grammar_process._processes._waiting
    start_ahead()
    assert grammar_process._processes._waiting == [ahead]
    assert waiting_process() == ahead._process.pid


@pytest.mark.parametrize(("grammar", "text"), [("java", DEEP), ("kotlin", NESTED)], ids=["memory", "crash"])
def test_a_text_that_fills_memory_or_crashes_its_grammar_ends_its_own_process_alone(grammar, text) -> None:
    with pytest.raises(GrammarError, match=r"crashed the parser or took more than 3\d\d MB of memory"):
        find_symbols(text.encode(), grammar, 20.0)
    assert names("def g(): pass\n") == ["g"]


def test_texts_that_are_sent_together_are_each_found_whatever_the_others_do(monkeypatch) -> None:
    asked = []
    ask = grammar_process._Process.ask
    monkeypatch.setattr(
        grammar_process._Process, "ask", lambda self, *rest: (asked.append(1), ask(self, *rest))[1]
    )
    monkeypatch.setattr(grammar_process, "_LOT_BYTES", 100)
    good = [GrammarText(f"def f{n}(): pass\n".encode(), "python") for n in range(20)]
    assert [[symbol.name for symbol in found] for found in find_all(good, 20.0)] == [
        [f"f{n}"] for n in range(20)
    ]
    assert len(asked) == 4
    monkeypatch.setattr(grammar_process, "_LOT_BYTES", 1 << 20)
    texts = [
        good[0], GrammarText(NESTED.encode(), "kotlin"), good[1], GrammarText(DEEP.encode(), "java"), good[2],
    ]  # fmt: skip
    found = find_all(texts, 20.0)
    said = [str(each).split()[0] if isinstance(each, GrammarError) else each[0].name for each in found]
    assert said == ["f0", "crashed", "f1", "crashed", "f2"]


def test_a_text_that_takes_too_long_leaves_the_process_as_it_was() -> None:
    pid = waiting_process()
    with pytest.raises(GrammarError, match=r"took more than 0\.01 s"):
        find_symbols(b"def f(a): return a\n" * 50_000, "python", 0.01)
    assert waiting_process() == pid


def test_native_code_that_does_not_look_at_the_clock_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(grammar_process, "_MEMORY_BYTES", 2_000_000_000)
    with pytest.raises(GrammarError, match=r"took more than 0\.2 s|of memory"):
        find_symbols(DEEP.encode(), "java", 0.2)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_ended_while_it_waited_is_replaced(signal_number) -> None:
    pid = waiting_process()
    os.kill(pid, signal_number)
    assert names("def g(): pass\n") == ["g"]
    assert waiting_process() != pid


def test_a_process_that_hangs_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(grammar_process, "_MIN_WALL_SECONDS", 0.2)
    monkeypatch.setattr(grammar_process, "_END_SECONDS", 0.2)
    pid = waiting_process()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(GrammarError, match="took more than 0 s"):
        find_symbols(b"x" * 1_000_000, "python", 0.0)
    assert not is_running(pid)


def test_threads_have_a_process_each() -> None:
    texts = [f"def f{n}(): pass\n" * 200 for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(names, texts))
    assert [set(of_text) for of_text in found] == [{f"f{n}"} for n in range(24)]
    assert 1 <= len(grammar_process._processes._waiting) <= 4


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_starts_its_own() -> None:
    pid = waiting_process()
    child = os.fork()
    if not child:
        os._exit(0 if waiting_process() != pid else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert waiting_process() == pid


def test_modules_planted_where_a_command_is_run_are_not_imported(tmp_path) -> None:
    for name in ("json", "tree_sitter", "sitecustomize", "grammar_worker", "_ctypes"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from indexer.reading import grammar_process as g\n"
        "import os; os.chdir(sys.argv[1]); os.environ['PYTHONPATH'] = sys.argv[1]\n"
        "print(g.find_symbols(b'def f(): pass', 'python', 20.0)[0].name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "f\n"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["def f(): pass\n", "x = [" * 400_000], ids=["waiting", "parsing"])
def test_it_ends_with_the_process_that_it_works_for(text) -> None:
    """Killed while it waits, and while it parses."""
    code = (
        "import sys, threading; from indexer.reading import grammar_process as g\n"
        "ask = g._Process.ask\n"
        "g._Process.ask = lambda self, *rest: (print(self._process.pid, flush=True), ask(self, *rest))[1]\n"
        "g.find_symbols(sys.stdin.buffer.read(), 'python', 600.0); threading.Event().wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(text.encode())
        parent.stdin.close()
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert is_running(pid)
        parent.kill()
    assert eventually(lambda: not is_running(pid))
