"""The first build of an index as work of its own: whoever needs it waits, hears how far it is, and may go."""

from __future__ import annotations

import threading
from collections.abc import Callable

from indexer.records import BuildProgress, ProgressCallback


class FirstBuild:
    """An index that is made in a thread. It goes on when nobody waits any more, and ends when stopped."""

    def __init__(self, make: Callable[[ProgressCallback], None]) -> None:
        """Begin; `make` ends early by what its callback raises."""
        self.latest: BuildProgress | None = None
        self.problem: Exception | None = None
        """Why there is no index, once it is done."""
        self._make = make
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="first build")
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether the index is there, or there will be none."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End it at its next progress event, and wait until it is gone."""
        self._is_stopped = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._make(self._hear)
        except _StoppedError:
            pass
        except Exception as error:
            self.problem = error

    def _hear(self, progress: BuildProgress) -> None:
        if self._is_stopped:
            raise _StoppedError
        self.latest = progress


class _StoppedError(Exception):
    """Nobody needs the index any more."""
