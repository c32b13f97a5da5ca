"""Crontab lines that enqueue jobs.

The dialect is the classic one: five fields (minute, hour, day of month, month, day of week),
each `*`, a number, a range `1-5`, a list `1,15`, or a step `*/10`. When both day fields are
restricted, either may match, as in Vixie cron.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from millrace.producer import Queue

FIELD_LIMITS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
LOOK_AHEAD = timedelta(days=366 * 4)


class CrontabError(ValueError):
    """A line that is not in the dialect above."""


def parse_field(text: str, name: str) -> frozenset[int]:
    """The numbers that one field of a crontab line stands for."""
    low, high = FIELD_LIMITS[name]
    numbers: set[int] = set()
    for part in text.split(","):
        body, slash, step_text = part.partition("/")
        try:
            step = int(step_text) if slash else 1
            if body == "*":
                first, last = low, high
            elif "-" in body:
                first, last = (int(end) for end in body.split("-", 1))
            else:
                first = last = int(body)
        except ValueError:
            raise CrontabError(f"{part!r} is not a valid {name}") from None
        if name == "weekday" and last == 7:
            numbers.add(0)
            last = min(last, 6)
            if first == 7:
                continue
        if step < 1 or not low <= first <= last <= high:
            raise CrontabError(f"{name} {part!r} is outside {low}-{high}")
        numbers.update(range(first, last + 1, step))
    return frozenset(numbers)


@dataclass(frozen=True, slots=True)
class Crontab:
    """A parsed line."""

    text: str
    minute: frozenset[int]
    hour: frozenset[int]
    day: frozenset[int]
    month: frozenset[int]
    weekday: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Crontab:
        fields = text.split()
        if len(fields) != 5:
            raise CrontabError(f"{text!r} has {len(fields)} fields, a crontab line has five")
        return cls(text, *(parse_field(part, name) for part, name in zip(fields, FIELD_LIMITS, strict=True)))

    def _day_matches(self, moment: datetime) -> bool:
        in_days = moment.day in self.day
        in_weekdays = (moment.weekday() + 1) % 7 in self.weekday
        if len(self.day) < 31 and len(self.weekday) < 7:
            return in_days or in_weekdays
        return in_days and in_weekdays

    def next_after(self, moment: datetime) -> datetime:
        """The first matching minute strictly after `moment`."""
        candidate = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = candidate + LOOK_AHEAD
        while candidate < end:
            if candidate.month not in self.month:
                candidate = (candidate.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._day_matches(candidate):
                candidate = candidate.replace(hour=0, minute=0) + timedelta(days=1)
            elif candidate.hour not in self.hour:
                candidate = candidate.replace(minute=0) + timedelta(hours=1)
            elif candidate.minute not in self.minute:
                candidate += timedelta(minutes=1)
            else:
                return candidate
        raise CrontabError(f"{self.text!r} never matches (30 February?)")


@dataclass(slots=True)
class Entry:
    """One recurring job."""

    crontab: Crontab
    kind: str
    payload: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None

    @property
    def name(self) -> str:
        return f"{self.crontab.text} {self.kind}"


class Scheduler:
    """Turns the clock into jobs. Safe to run in several processes at once."""

    def __init__(self, queue: Queue, entries: Iterable[Entry], now: datetime) -> None:
        self.queue = queue
        self.entries = list(entries)
        for entry in self.entries:
            entry.due_at = entry.crontab.next_after(now)

    def tick(self, now: datetime) -> int:
        """Enqueue everything that is due and return how many jobs that made.

        After an outage an entry fires once, however many of its times were missed: nobody
        wants forty nightly reports on Monday morning.
        """
        n_fired = 0
        for entry in self.entries:
            if entry.due_at is None or entry.due_at > now:
                continue
            if self.queue.storage.record_firing(entry.name, entry.due_at):
                self.queue.put(entry.kind, entry.payload)
                n_fired += 1
            entry.due_at = entry.crontab.next_after(now)
        return n_fired

    def seconds_to_next(self, now: datetime) -> float:
        """How long the caller may sleep before calling `tick` again."""
        due = [entry.due_at for entry in self.entries if entry.due_at is not None]
        return max(0.0, (min(due) - now).total_seconds()) if due else 60.0
