"""The job record and the states it moves through."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

MAX_PAYLOAD_BYTES = 64 * 1024


class JobState(str, Enum):
    """Where a job is in its life. Only `DONE` and `DEAD` are final."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"

    @property
    def is_final(self) -> bool:
        return self in (JobState.DONE, JobState.DEAD)


class PayloadError(ValueError):
    """The arguments of a job cannot be stored and read back unchanged."""


@dataclass(slots=True)
class Job:
    """One unit of work: which handler, with which arguments, and how it has gone so far."""

    id: int
    kind: str
    payload: dict[str, Any]
    state: JobState = JobState.READY
    priority: int = 0
    """Larger numbers go first; jobs of the same priority keep the order they came in."""
    attempts: int = 0
    max_attempts: int = 5
    start_after: datetime | None = None
    leased_by: str | None = None
    lease_until: datetime | None = None
    unique_key: str | None = None
    last_error: str | None = None
    created_at: datetime = field(default_factory=datetime.now)

    @property
    def attempts_left(self) -> int:
        return max(0, self.max_attempts - self.attempts)

    def describe(self) -> str:
        """One line for logs and the terminal."""
        tries = f"{self.attempts}/{self.max_attempts}"
        return f"#{self.id} {self.kind} [{self.state.value}, tries {tries}]"


def encode_payload(payload: dict[str, Any]) -> str:
    """Turn keyword arguments into JSON, and refuse whatever would not survive the round trip.

    JSON silently turns tuples into lists and integer keys into strings. A handler that was
    tested with the one and called with the other fails at night, so both are refused here,
    in the process that still has the caller on its stack.
    """
    if not isinstance(payload, dict):
        raise PayloadError(f"a payload is a dict of keyword arguments, not {type(payload).__name__}")
    try:
        text = json.dumps(payload, ensure_ascii=False, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PayloadError(f"payload cannot be stored as JSON: {error}") from error
    if json.loads(text) != payload:
        raise PayloadError("payload changes when it is stored: use lists, not tuples, and string keys")
    n_bytes = len(text.encode())
    if n_bytes > MAX_PAYLOAD_BYTES:
        raise PayloadError(
            f"payload is {n_bytes} bytes, at most {MAX_PAYLOAD_BYTES} fit: store the data elsewhere "
            "and pass a reference to it"
        )
    return text


def decode_payload(text: str) -> dict[str, Any]:
    """The inverse of `encode_payload`."""
    return json.loads(text)
