"""The SQLite file. The only module that speaks SQL.

Every public method is one transaction. Times go in and out as aware UTC datetimes and are
stored as ISO 8601 text.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from millrace.job import Job, JobState, decode_payload, encode_payload

SCHEMA = Path(__file__).with_name("schema.sql")
BUSY_TIMEOUT_MS = 5_000


class AlreadyQueued(Exception):
    """An unfinished job with the same kind and unique key exists."""


class LeaseLost(Exception):
    """Another worker owns the job now; the result of this one must be thrown away."""


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def _to_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def _to_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Storage:
    """Jobs on disk."""

    def __init__(self, path: str | Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self._connection.executescript(SCHEMA.read_text())

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        # IMMEDIATE takes the write lock up front. A deferred transaction that reads first and
        # writes later can be refused half way, and SQLite does not wait in that case.
        # The lock is for the threads of this process, which share one connection.
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def insert(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        priority: int = 0,
        max_attempts: int = 5,
        start_after: datetime | None = None,
        unique_key: str | None = None,
    ) -> int:
        """Add a job and return its number."""
        state = JobState.WAITING if start_after else JobState.READY
        with self._write() as db:
            try:
                cursor = db.execute(
                    "INSERT INTO jobs (kind, payload, state, priority, max_attempts, start_after,"
                    " unique_key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        kind,
                        encode_payload(payload),
                        state.value,
                        priority,
                        max_attempts,
                        _to_text(start_after),
                        unique_key,
                        _to_text(utc_now()),
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise AlreadyQueued(f"{kind} with key {unique_key!r} is still in the queue") from error
        return int(cursor.lastrowid or 0)

    def lease_next(self, worker: str, lease_seconds: float, skip_kinds: set[str] = frozenset()) -> Job | None:
        """Claim the most urgent job for `worker`, or return None when there is nothing to do.

        Choosing the row and marking it as taken happen under one write lock, so two workers
        can never walk away with the same job.
        """
        now = utc_now()
        marks = ", ".join("?" for _ in skip_kinds)
        not_skipped = f"AND kind NOT IN ({marks})" if skip_kinds else ""
        with self._write() as db:
            row = db.execute(
                f"SELECT * FROM jobs WHERE state = 'ready' {not_skipped} ORDER BY priority DESC, id LIMIT 1",
                tuple(sorted(skip_kinds)),
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE jobs SET state = 'leased', leased_by = ?, lease_until = ?, attempts = attempts + 1"
                " WHERE id = ?",
                (worker, _to_text(now + timedelta(seconds=lease_seconds)), row["id"]),
            )
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone()
        return self._job(row)

    def extend_lease(self, job: Job, worker: str, lease_seconds: float) -> None:
        """Heartbeat of a long job: push the deadline out."""
        until = _to_text(utc_now() + timedelta(seconds=lease_seconds))
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET lease_until = ? WHERE id = ? AND leased_by = ? AND state = 'leased'",
                (until, job.id, worker),
            ).rowcount
        if not changed:
            raise LeaseLost(f"{job.describe()} was given to another worker")

    def settle(
        self,
        job: Job,
        worker: str,
        state: JobState,
        *,
        start_after: datetime | None = None,
        error: str | None = None,
    ) -> None:
        """Write down how an attempt ended. Refused unless `worker` still holds the lease."""
        finished_at = _to_text(utc_now()) if state.is_final else None
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET state = ?, start_after = ?, last_error = ?, finished_at = ?,"
                " leased_by = NULL, lease_until = NULL WHERE id = ? AND leased_by = ?",
                (state.value, _to_text(start_after), error, finished_at, job.id, worker),
            ).rowcount
        if not changed:
            raise LeaseLost(f"{job.describe()} was given to another worker")

    def wake_due(self) -> int:
        """Make waiting jobs ready whose time has come."""
        with self._write() as db:
            return db.execute(
                "UPDATE jobs SET state = 'ready', start_after = NULL"
                " WHERE state = 'waiting' AND start_after <= ?",
                (_to_text(utc_now()),),
            ).rowcount

    def reclaim_expired(self) -> int:
        """Take jobs back from workers that died or hang: their lease ran out.

        The attempt counts as used. Otherwise a job that crashes its worker (out of memory, a
        segmentation fault in a C library) would go round for ever.
        """
        now = _to_text(utc_now())
        with self._write() as db:
            lost = db.execute(
                "UPDATE jobs SET state = CASE WHEN attempts >= max_attempts THEN 'dead' ELSE 'ready' END,"
                " last_error = 'the worker ' || leased_by || ' stopped answering',"
                " leased_by = NULL, lease_until = NULL"
                " WHERE state = 'leased' AND lease_until < ?",
                (now,),
            ).rowcount
        return lost

    def revive(self, job_id: int, extra_attempts: int) -> bool:
        """Give a dead job `extra_attempts` more chances. False when there is no such dead job."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE jobs SET state = 'ready', max_attempts = attempts + ?, finished_at = NULL"
                " WHERE id = ? AND state = 'dead'",
                (extra_attempts, job_id),
            ).rowcount
        return bool(changed)

    def delete_finished(self, older_than: timedelta) -> int:
        """Forget successful jobs that ended longer ago than `older_than`; dead ones stay."""
        limit = _to_text(utc_now() - older_than)
        with self._write() as db:
            return db.execute(
                "DELETE FROM jobs WHERE state = 'done' AND finished_at < ?", (limit,)
            ).rowcount

    def record_firing(self, entry: str, due_at: datetime) -> bool:
        """Note that a crontab entry fired. False when another process was faster."""
        with self._write() as db:
            changed = db.execute(
                "INSERT OR IGNORE INTO firings (entry, due_at) VALUES (?, ?)", (entry, _to_text(due_at))
            ).rowcount
        return bool(changed)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many jobs of each kind are in each state."""
        result: dict[str, dict[str, int]] = {}
        for row in self._connection.execute("SELECT kind, state, COUNT(*) AS n FROM jobs GROUP BY kind, state"):
            result.setdefault(row["kind"], {})[row["state"]] = row["n"]
        return result

    def dead(self, limit: int = 50) -> list[Job]:
        """The most recent dead jobs, newest first."""
        rows = self._connection.execute(
            "SELECT * FROM jobs WHERE state = 'dead' ORDER BY finished_at DESC, id DESC LIMIT ?", (limit,)
        )
        return [self._job(row) for row in rows]

    @staticmethod
    def _job(row: sqlite3.Row) -> Job:
        return Job(
            id=row["id"],
            kind=row["kind"],
            payload=decode_payload(row["payload"]),
            state=JobState(row["state"]),
            priority=row["priority"],
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            start_after=_to_time(row["start_after"]),
            leased_by=row["leased_by"],
            lease_until=_to_time(row["lease_until"]),
            unique_key=row["unique_key"],
            last_error=row["last_error"],
            created_at=_to_time(row["created_at"]) or utc_now(),
        )
