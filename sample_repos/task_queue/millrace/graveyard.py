"""Jobs that nobody could finish, and what a person can do about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from millrace.job import Job
from millrace.storage import Storage


@dataclass(frozen=True, slots=True)
class Epitaph:
    """A group of dead jobs that failed for the same reason."""

    kind: str
    cause: str
    n_jobs: int
    newest: Job


def cause_of_death(job: Job) -> str:
    """The last line of the stored traceback, without the parts that differ from job to job."""
    lines = (job.last_error or "").strip().splitlines()
    if not lines:
        return "unknown"
    words = lines[-1].split()
    return " ".join("…" if any(char.isdigit() for char in word) else word for word in words)


def summarise(storage: Storage, limit: int = 500) -> list[Epitaph]:
    """Group the dead by kind and cause, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], Job] = {}
    for job in storage.dead(limit):
        key = (job.kind, cause_of_death(job))
        counts[key] += 1
        newest.setdefault(key, job)
    return [
        Epitaph(kind=kind, cause=cause, n_jobs=n_jobs, newest=newest[kind, cause])
        for (kind, cause), n_jobs in counts.most_common()
    ]


def resurrect(storage: Storage, *, kind: str | None = None, cause: str | None = None, attempts: int = 1) -> int:
    """Send dead jobs round again, all of them or those of one kind and cause."""
    n_revived = 0
    for job in storage.dead(limit=10_000):
        if kind is not None and job.kind != kind:
            continue
        if cause is not None and cause_of_death(job) != cause:
            continue
        n_revived += storage.revive(job.id, attempts)
    return n_revived
