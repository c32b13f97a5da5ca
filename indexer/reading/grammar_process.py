"""Warm processes that run tree-sitter: texts go in, symbols come out, and nothing that happens there ends us.

A process is started for the first text, kept for the next, and replaced once it has ended: by itself after
a while without work, by its limits, or because a grammar crashed. As many run as threads ask at once.
`grammar_worker.py` is the other half.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from indexer.system import TIME_IS_UP, after_fork

_WORKER = Path(__file__).with_name("grammar_worker.py")
_PACKAGES = ("tree_sitter", "tree_sitter_language_pack")
_MEMORY_BYTES = 300_000_000
_MEMORY_FACTOR = 400
"""Address space that a process may have: so much, and so many times the text. Dense source takes up to 370
times its size (Haskell; most languages half of that), error recovery any amount."""
_MEMORY_STEP = 1 << 14
"""Texts of as many such steps have the same limit, which need not be set again."""
_LOT_BYTES = 1 << 18
"""Texts that are sent together: each way through the pipes costs more than a small text's symbols."""
_MIN_WALL_SECONDS = 60.0
_WALL_FACTOR = 20.0
"""A process that has not answered after so many times its processor time hangs: it is stopped, not busy."""
_MAX_ANSWER_BYTES = 100_000_000
_READ_BYTES = 1 << 18
_END_SECONDS = 2.0
"""How long a process is waited for that has closed its pipes, or whose input has been closed."""


class GrammarError(Exception):
    """There are no symbols of a text; the message goes on behind `parsing as python`."""


class FoundSymbol(NamedTuple):
    """A definition, in bytes of the text."""

    kind: str
    name: str
    start: int
    end: int


class GrammarText(NamedTuple):
    """A text in UTF-8, and the name of its grammar."""

    content: bytes
    grammar: str


Found = list[FoundSymbol] | GrammarError
"""The symbols of a text, or why there are none."""


def find_symbols(content: bytes, grammar: str, seconds: float) -> list[FoundSymbol]:
    """Find the symbols of a text in UTF-8, outermost first and by position.

    `seconds` are of processor time. Raises GrammarError where the text takes longer, needs too much
    memory, or makes the parser fail or crash; then too, the next text is parsed as if nothing had been.
    """
    (found,) = find_all([GrammarText(content, grammar)], seconds)
    if isinstance(found, GrammarError):
        raise found
    return found


def find_all(texts: Sequence[GrammarText], seconds: float) -> list[Found]:
    """What `find_symbols` gives or raises for each text; small texts are sent together, many at a time."""
    found: list[Found] = []
    for lot in _lots(texts):
        try:
            found += _find_lot(lot, seconds)
        except OSError as error:
            found += [GrammarError(f"could not be started ({error.strerror or error})")] * len(lot)
    return found


def _lots(texts: Sequence[GrammarText]) -> Iterator[Sequence[GrammarText]]:
    start, n_bytes = 0, 0
    for at, text in enumerate(texts):
        if at > start and n_bytes + len(text.content) > _LOT_BYTES:
            yield texts[start:at]
            start, n_bytes = at, 0
        n_bytes += len(text.content)
    if start < len(texts):
        yield texts[start:]


def _find_lot(lot: Sequence[GrammarText], seconds: float) -> list[Found]:
    answers = _answers_to(lot, seconds)
    if answers is None:  # one of them ended the process: alone, each ends no more than its own
        return [each for text in lot for each in _find_lot([text], seconds)]
    return [_found(text, answer, seconds) for text, answer in zip(lot, answers, strict=True)]


def _found(text: GrammarText, answer: dict[str, Any], seconds: float) -> Found:
    match answer.get("stopped"):
        case None:
            return [FoundSymbol(*symbol) for symbol in answer["symbols"]]
        case "time":
            return GrammarError(f"took more than {seconds:g} s")
        case "crash" | "memory":
            megabytes = _memory_bytes(text) // 1_000_000
            return GrammarError(f"crashed the parser or took more than {megabytes} MB of memory")
        case other:
            return GrammarError(f"failed ({other})")


def _memory_bytes(text: GrammarText) -> int:
    return _MEMORY_BYTES + _MEMORY_FACTOR * (-(-len(text.content) // _MEMORY_STEP) * _MEMORY_STEP)


def _answers_to(lot: Sequence[GrammarText], seconds: float) -> list[dict[str, Any]] | None:
    """One answer a text; None where a process ended over several."""
    texts = [(text.grammar, _memory_bytes(text), len(text.content)) for text in lot]
    header = json.dumps({"seconds": seconds, "texts": texts}).encode()
    request = b"".join([header, b"\n", *(text.content for text in lot)])
    while True:
        process = _processes.take()
        is_fresh = not process.n_asked
        answers = process.ask(request, seconds)
        if answers is not None and all(answer.get("stopped") != "memory" for answer in answers):
            _processes.put_back(process)
            return answers
        status = process.end()
        if len(lot) > 1:
            return None
        if status in (TIME_IS_UP, _HANGS):
            return [{"stopped": "time"}]
        if is_fresh:
            return [{"stopped": "crash"}]
        # Its age may be to blame, not this text: it was just ending, or earlier texts had filled it up.


def start_ahead() -> None:
    """Start a process for the next text, where none waits: that takes longer than to parse most texts."""
    with contextlib.suppress(OSError):  # said of the text, if it cannot be started then either
        _processes.put_back(_processes.take())


def end_processes() -> None:
    """End the processes that wait for work; the next text starts one."""
    _processes.end()


_WAITS_FOR_PIPES = hasattr(select, "poll")
"""Elsewhere pipes block, and a timer ends a process that does not answer."""
_HANGS = 256
"""Exit status, as no process has one, of a process that did not answer in time."""


class _Process:
    """One process and the pipes to it."""

    def __init__(self) -> None:
        self.n_asked = 0
        self._is_hanging = False
        # Isolated: neither the folder it is started in nor the environment says where modules lie, and
        # nothing but the folders given is looked through for them.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WORKER), *_package_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        if _WAITS_FOR_PIPES:
            for pipe in (self._stdin, self._stdout):
                os.set_blocking(pipe.fileno(), False)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ask(self, request: bytes, seconds: float) -> list[dict[str, Any]] | None:
        """Send a request and wait for its answers; None where there are none, nor will be any more."""
        until = time.monotonic() + max(_MIN_WALL_SECONDS, _WALL_FACTOR * seconds)
        self.n_asked += 1
        try:
            with self._killed_at(until):
                self._send(request, until)
                return cast("list[dict[str, Any]]", json.loads(self._receive(until)))
        except TimeoutError:
            self._is_hanging = True
        except (OSError, EOFError, ValueError):
            pass
        return None

    def end(self) -> int:
        """End it, where it has not; its exit status as `subprocess` gives it, or _HANGS."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            status = _HANGS if self._is_hanging else self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            status = _HANGS
        self.kill()
        return status

    def kill(self) -> None:
        """End it at once: it has nothing to finish."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _send(self, request: bytes, until: float) -> None:
        rest = memoryview(request)
        while rest:
            self._wait(self._stdin, True, until)
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._stdin.fileno(), rest) :]

    def _receive(self, until: float) -> bytes:
        answer = bytearray()
        while not answer.endswith(b"\n"):
            self._wait(self._stdout, False, until)
            part = os.read(self._stdout.fileno(), _READ_BYTES)
            if not part or len(answer) > _MAX_ANSWER_BYTES:
                raise EOFError
            answer += part
        return bytes(answer)

    @contextlib.contextmanager
    def _killed_at(self, until: float) -> Iterator[None]:
        """Where pipes cannot be waited for, a read ends when the process does, which ends at `until`."""
        if _WAITS_FOR_PIPES:
            yield
            return

        def kill() -> None:
            self._is_hanging = True
            self._process.kill()

        timer = threading.Timer(max(0.0, until - time.monotonic()), kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @staticmethod
    def _wait(pipe: IO[bytes], wants_room: bool, until: float) -> None:
        if not _WAITS_FOR_PIPES:
            return
        event = select.POLLOUT if wants_room else select.POLLIN
        poll = select.poll()  # takes any number of open files, which `select` does not
        poll.register(pipe.fileno(), event)
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError


class _Processes:
    """The processes that wait for work."""

    def __init__(self) -> None:
        self._waiting: list[_Process] = []
        self._lock = threading.Lock()

    def take(self) -> _Process:
        """One of them, or a new one; the caller's own until it is put back or ended."""
        with self._lock:
            while self._waiting:
                process = self._waiting.pop()
                if process.is_running:
                    return process
                process.end()
        return _Process()

    def put_back(self, process: _Process) -> None:
        """Let it wait for the next text."""
        with self._lock:
            self._waiting.append(process)

    def end(self) -> None:
        """End all that wait."""
        with self._lock:
            while self._waiting:
                self._waiting.pop().kill()


_processes = _Processes()
atexit.register(end_processes)


def _forget() -> None:
    """A forked process has its parent's pipes, and must leave them alone."""
    global _processes, _parents
    _parents, _processes = _processes, _Processes()


_parents = _processes
after_fork(_forget)


@cache
def _package_folders() -> tuple[str, ...]:
    """The folders, each once, that the tree-sitter packages lie in."""
    found = [find_spec(name) for name in _PACKAGES]
    folders = [str(Path(spec.origin).parent.parent) for spec in found if spec is not None and spec.origin]
    return tuple(dict.fromkeys(folders))
