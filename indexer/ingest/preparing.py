"""Files prepared in processes beside the one that writes rows, where there are files enough and cores.

Preparing and writing are halves of what a build does beside the model, both of them mostly Python. A process
is started for a build, ends with it, and with this process however that ends; what it cannot do is done here.
What the two say to each other is in `messages.py`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple
from functools import partial
from typing import IO, cast

from indexer.ingest.messages import read_files, write_message
from indexer.ingest.prefetch import prefetch
from indexer.ingest.prepare import PreparedFile, Preparer, Task, lots_of
from indexer.records import FoundFile
from indexer.vectors.cores import usable_cores

_LOTS_AHEAD = 2
_LOTS_SENT = 3
"""One is being cut, one read, and one waits."""
_BYTES_A_SECOND, _FILES_A_SECOND = 4_000_000, 4_000
"""What one process prepares, roughly; starting one takes half a second."""
_MIN_SECONDS = 0.7
_MAX_PROCESSES = 3
"""One process writes about as fast as three prepare."""


def prepare_all(
    preparer: Preparer, tasks: Sequence[Task], *, with_tokens: bool = True
) -> Generator[list[PreparedFile], None, None]:
    """Every file prepared, in order and in lots, some ahead of what is asked for; to be closed.

    Without `with_tokens` chunks may come without their tokens, which nobody looks at then.
    """
    n_processes = _n_processes([found for found, _ in tasks])
    if not n_processes:
        return prefetch(preparer.prepare_all(tasks), n_ahead=1)
    return _by_processes(partial(_Process, preparer, with_tokens), n_processes, lots_of(tasks))


def _n_processes(files: Sequence[FoundFile]) -> int:
    seconds = sum(found.n_bytes for found in files) / _BYTES_A_SECOND + len(files) / _FILES_A_SECOND
    n_cores = usable_cores()
    if seconds < _MIN_SECONDS or n_cores == 1:
        return 0
    return min(n_cores, _MAX_PROCESSES, 1 + int(seconds))  # the one that writes rows waits half of its time


def _by_processes(
    start: Callable[[], _Process], n_processes: int, lots: Sequence[list[Task]]
) -> Generator[list[PreparedFile], None, None]:
    processes = [start() for _ in range(min(n_processes, len(lots)))]
    n = len(processes)
    streams = [
        prefetch(process.prepared(lots[at::n]), n_ahead=_LOTS_AHEAD) for at, process in enumerate(processes)
    ]
    with contextlib.ExitStack() as ends:
        for stream in streams:
            ends.enter_context(closing(stream))
        for process in processes:
            ends.callback(process.end)  # before its stream, which waits for an answer
        for at in range(len(lots)):
            yield next(streams[at % n])


class _Process:
    """One `prepare_worker.py`, and the pipes to it."""

    def __init__(self, preparer: Preparer, with_tokens: bool) -> None:
        self._preparer = preparer
        self._with_tokens = with_tokens
        self._has_ended = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "indexer.ingest.prepare_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the parent's to handle
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # a second thread spins while NumPy loads
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    def prepared(self, lots: Sequence[list[Task]]) -> Iterator[list[PreparedFile]]:
        """The lots prepared, in order: there, or here from where on it fails."""
        n_done = n_sent = 0
        with contextlib.suppress(Exception):  # if it is the files' fault, they fail here too
            write_message(self._requests, self._preparer.facts() | {"with_tokens": self._with_tokens})
            for lot in lots:
                for following in lots[n_sent : n_done + _LOTS_SENT]:
                    self._send(following)  # so that it never waits for this process
                    n_sent += 1
                answer = read_files(self._answers, [found for found, _ in lot])
                yield answer or self._prepared_here(lot)
                n_done += 1
        for lot in lots[n_done:]:
            if self._has_ended:
                return
            yield self._prepared_here(lot)

    def _prepared_here(self, lot: list[Task]) -> list[PreparedFile]:
        return [file for part in self._preparer.prepare_all(lot) for file in part]

    def _send(self, lot: list[Task]) -> None:
        write_message(self._requests, [[astuple(found), old and astuple(old)] for found, old in lot])

    def end(self) -> None:
        """End it; nothing more is prepared."""
        self._has_ended = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
