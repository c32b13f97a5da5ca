"""A program that prepares files for another process, `preparing.py`, and ends when that one does.

The facts of a Preparer come in, then lots of files; each lot is answered by its prepared files, or by none
where one of them raised: whoever asked prepares those itself, and meets the error. While one lot is cut, a
thread reads the next.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from indexer.ingest.messages import read_message, write_files
from indexer.ingest.prefetch import prefetch
from indexer.ingest.prepare import PreparedFile, Preparer, Read, Task
from indexer.records import FileRow, FoundFile


def main() -> None:
    """Answer on standard output until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is printed is no answer
        requests: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=_receive, args=(requests,), daemon=True).start()
        facts = requests.get()
        preparer = Preparer.from_facts(facts)
        for lot in prefetch(_reads(preparer, iter(requests.get, None)), n_ahead=1):
            write_files(answers, _cut(preparer, lot), with_tokens=facts["with_tokens"])


class _Lot(NamedTuple):
    """Files that were read; of none where one of them raised."""

    tasks: list[Task]
    read: list[Read]


def _reads(preparer: Preparer, requests: Iterator[list[Any]]) -> Iterator[_Lot]:
    for request in requests:
        tasks = [(FoundFile(*found), FileRow(*old) if old else None) for found, old in request]
        try:
            yield _Lot(tasks, preparer.read(tasks))
        except Exception:
            yield _Lot([], [])


def _cut(preparer: Preparer, lot: _Lot) -> list[PreparedFile]:
    try:
        return preparer.cut(lot.tasks, lot.read)
    except Exception:
        return []


def _receive(requests: queue.Queue[Any]) -> None:
    """Hand requests over; where there can be none any more, end the process in the middle of anything."""
    try:
        while True:
            requests.put(read_message(sys.stdin.buffer).facts)
    except (EOFError, OSError, ValueError):
        os._exit(0)


if __name__ == "__main__":
    main()
