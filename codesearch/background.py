"""What an index lacks is encoded in a process of its own: at low priority, and gone when its owner is.

For front ends that stay open. A process and not a thread, so that answers do not wait for it, its memory
goes back when it ends, and ending the owner in the middle of it loses nothing but work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path

_NICENESS = 10


class BackgroundBuild:
    """One build that runs beside its owner. It is the same build as any: one writer, safe to end anywhere."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        """Start bringing the index of a folder up to date, vectors included; `state` as of `locate`."""
        folders = [str(root)] if state is None else [str(root), str(state)]
        command = [sys.executable, "-P", "-m", "codesearch.background", *folders]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        self._end = weakref.finalize(self, _stop, self._process)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and wait until it is gone; so does forgetting the object."""
        self._end()


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def _end_with_owner() -> None:
    """The owner holds the other end of this pipe for as long as it lives."""
    while os.read(0, 1 << 16):
        pass  # not by `sys.stdin`, for whose lock a process that is forked meanwhile would wait
    os._exit(1)


def main() -> int:
    """Build the index of the folder that the command line names, kept in the second one."""
    from codesearch.locate import build_index
    from indexer.errors import CodesearchError

    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    threading.Thread(target=_end_with_owner, daemon=True).start()
    try:
        build_index(sys.argv[1], state=Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except CodesearchError:
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
