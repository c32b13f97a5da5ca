"""The loop that leases jobs, runs them and writes down how it went."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

from millrace import registry
from millrace.backoff import GiveUp, RetryLater
from millrace.job import Job, JobState
from millrace.storage import LeaseLost, Storage, utc_now
from millrace.throttle import Throttle

log = logging.getLogger("millrace.worker")

LEASE_SECONDS = 60.0
HEARTBEAT_SECONDS = LEASE_SECONDS / 3
IDLE_SECONDS = 0.5
MAX_ERROR_CHARS = 8_000


class Worker:
    """Runs jobs on `slots` threads until told to stop."""

    def __init__(self, storage: Storage, slots: int = 1, name: str | None = None) -> None:
        self.storage = storage
        self.slots = slots
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self.throttle = Throttle(registry.all_handlers())
        self._stopping = threading.Event()
        self._free_slots = threading.Semaphore(slots)

    def run(self) -> None:
        """Work until `stop` is called; then finish what was begun and return."""
        log.info("worker %s starts with %d slots", self.name, self.slots)
        with ThreadPoolExecutor(self.slots, thread_name_prefix="millrace") as pool:
            while not self._stopping.is_set():
                self.storage.reclaim_expired()
                self.storage.wake_due()
                if not self._free_slots.acquire(timeout=IDLE_SECONDS):
                    continue
                job = self.storage.lease_next(self.name, LEASE_SECONDS, self.throttle.exhausted())
                if job is None:
                    self._free_slots.release()
                    self._stopping.wait(IDLE_SECONDS)
                    continue
                self.throttle.spend(job.kind)
                pool.submit(self._run_and_release, job)
        log.info("worker %s has stopped", self.name)

    def stop(self) -> None:
        self._stopping.set()

    def install_signal_handlers(self) -> None:
        """SIGTERM and Ctrl-C let running jobs finish; a second one ends the process at once."""

        def on_signal(number: int, _frame: object) -> None:
            if self._stopping.is_set():
                log.warning("second %s: leaving without waiting", signal.Signals(number).name)
                os._exit(128 + number)
            log.info("%s: finishing the jobs in progress", signal.Signals(number).name)
            self.stop()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)

    def _run_and_release(self, job: Job) -> None:
        try:
            self.run_one(job)
        except LeaseLost as lost:
            log.warning("%s; its result is discarded", lost)
        except Exception:
            log.exception("the queue itself failed while running %s", job.describe())
        finally:
            self._free_slots.release()

    def run_one(self, job: Job) -> JobState:
        """Run one leased job and settle it. Returns the state it ended in."""
        try:
            handler = registry.find(job.kind)
            with _Heartbeat(self, job):
                _call_with_deadline(handler, job)
        except GiveUp as error:
            return self._bury(job, f"given up: {error}")
        except RetryLater as error:
            return self._reschedule(job, str(error), hint=error.after)
        except Exception:
            return self._reschedule(job, traceback.format_exc(limit=-20))
        self.storage.settle(job, self.name, JobState.DONE)
        log.info("done %s", job.describe())
        return JobState.DONE

    def _reschedule(self, job: Job, error: str, hint=None) -> JobState:
        """The attempt failed: rest and try again, or bury the job when its chances are used up."""
        if job.attempts_left == 0:
            return self._bury(job, error)
        try:
            policy = registry.find(job.kind).backoff
        except registry.UnknownKind as unknown:
            return self._bury(job, str(unknown))
        start = policy.next_start(utc_now(), job.attempts, hint)
        log.warning("%s failed, next try at %s", job.describe(), start.isoformat(timespec="seconds"))
        self.storage.settle(job, self.name, JobState.WAITING, start_after=start, error=error[-MAX_ERROR_CHARS:])
        return JobState.WAITING

    def _bury(self, job: Job, error: str) -> JobState:
        log.error("%s is dead", job.describe())
        self.storage.settle(job, self.name, JobState.DEAD, error=error[-MAX_ERROR_CHARS:])
        return JobState.DEAD


class _Heartbeat:
    """Keeps a lease fresh from a second thread while the handler is busy."""

    def __init__(self, worker: Worker, job: Job) -> None:
        self._worker = worker
        self._job = job
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        while not self._finished.wait(HEARTBEAT_SECONDS):
            try:
                self._worker.storage.extend_lease(self._job, self._worker.name, LEASE_SECONDS)
            except LeaseLost:
                return

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._finished.set()


class JobTimeout(Exception):
    """The handler was still running when its time was up."""


def _call_with_deadline(handler: registry.Handler, job: Job) -> None:
    """Call the handler; raise `JobTimeout` when it overruns.

    Python cannot kill a thread. The overrunning call is left behind on a daemon thread and its
    result is ignored, so a handler that hangs for good leaks one thread per attempt.
    """
    if handler.timeout_seconds is None:
        handler.function(**job.payload)
        return
    outcome: Future[None] = Future()

    def call() -> None:
        try:
            handler.function(**job.payload)
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=call, daemon=True, name=f"job-{job.id}").start()
    try:
        outcome.result(timeout=handler.timeout_seconds)
    except FutureTimeout:
        if outcome.done():  # the handler itself raised a TimeoutError
            raise
        raise JobTimeout(f"{job.describe()} ran longer than {handler.timeout_seconds} s") from None
