"""A program that prepares files for another process, `preparing.py`, and ends when that one does.

The facts of a Preparer come in, then batches of files; each batch is answered by its prepared files, or by
none where one of them raised: whoever asked prepares those itself, and meets the error.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import Any

from indexer.ingest.messages import read_message, write_files
from indexer.ingest.prepare import PreparedFile, Preparer
from indexer.records import FileRow, FoundFile


def main() -> None:
    """Answer on standard output until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is printed is no answer
        requests: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=_receive, args=(requests,), daemon=True).start()
        facts = requests.get()
        preparer = Preparer.from_facts(facts)
        while True:
            files = _prepared(preparer, requests.get())
            write_files(answers, files, with_tokens=facts["with_tokens"])


def _prepared(preparer: Preparer, batch: list[Any]) -> list[PreparedFile]:
    try:
        tasks = [(FoundFile(*found), FileRow(*old) if old else None) for found, old in batch]
        return list(preparer.prepare_all(tasks))
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
