"""What an application calls to hand work over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from millrace import registry
from millrace.job import encode_payload
from millrace.storage import AlreadyQueued, Storage, utc_now


class Queue:
    """The producer's end of the queue."""

    def __init__(self, path: str | Path) -> None:
        self.storage = Storage(path)

    def put(
        self,
        kind: str,
        payload: dict[str, Any] | None = None,
        *,
        priority: int = 0,
        delay: timedelta | None = None,
        not_before: datetime | None = None,
        unique_key: str | None = None,
    ) -> int | None:
        """Enqueue one job and return its number.

        With `unique_key`, nothing is added while an unfinished job of the same kind and key
        exists, and None is returned: ten clicks on "rebuild the report" make one job.
        """
        payload = payload or {}
        handler = registry.find(kind)
        handler.check_arguments(payload)
        if delay is not None:
            if not_before is not None:
                raise ValueError("give either delay or not_before")
            not_before = utc_now() + delay
        try:
            return self.storage.insert(
                kind,
                payload,
                priority=priority,
                max_attempts=handler.max_attempts,
                start_after=not_before,
                unique_key=unique_key,
            )
        except AlreadyQueued:
            return None

    def put_many(self, kind: str, payloads: Iterable[dict[str, Any]], *, priority: int = 0) -> list[int]:
        """Enqueue a batch; the payload itself serves as the key, so repeats inside it collapse."""
        numbers = []
        for payload in payloads:
            number = self.put(kind, payload, priority=priority, unique_key=fingerprint(payload))
            if number is not None:
                numbers.append(number)
        return numbers

    def close(self) -> None:
        self.storage.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fingerprint(payload: dict[str, Any]) -> str:
    """A short digest that is equal for equal arguments, whatever the order of the keys."""
    return hashlib.sha256(encode_payload(payload).encode()).hexdigest()[:16]
