"""A program that prepares files for another process, `preparing.py`, and ends when that one does.

A pickled Preparer comes in, then batches of files; each is answered by a pickled list of prepared files, or
None where one of them raised: whoever asked prepares those itself, and meets the error.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from typing import Any


def main() -> None:
    """Answer on standard output until standard input ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is printed is no answer
        requests: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=_receive, args=(requests,), daemon=True).start()
        preparer = requests.get()
        while True:
            batch = requests.get()
            try:
                answer = [preparer.prepare(*task) for task in batch]
            except Exception:
                answer = None
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()


def _receive(requests: queue.Queue[Any]) -> None:
    """Hand requests over; where there can be none any more, end the process in the middle of anything."""
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - from the parent alone
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


if __name__ == "__main__":
    main()
