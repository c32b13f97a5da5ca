"""Which function runs which kind of job."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from millrace.backoff import BackoffPolicy


class UnknownKind(LookupError):
    """A job asks for a handler that this process has not imported."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function and how its jobs are to be treated."""

    kind: str
    function: Callable[..., Any]
    max_attempts: int = 5
    timeout_seconds: float | None = None
    per_minute: float | None = None
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)

    def check_arguments(self, payload: dict[str, Any]) -> None:
        """Fail where the job is enqueued rather than hours later where it is run."""
        try:
            inspect.signature(self.function).bind(**payload)
        except TypeError as error:
            raise TypeError(f"{self.kind} cannot be called with {sorted(payload)}: {error}") from None


_handlers: dict[str, Handler] = {}


def handler(
    kind: str,
    *,
    max_attempts: int = 5,
    timeout_seconds: float | None = None,
    per_minute: float | None = None,
    backoff: BackoffPolicy | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: this function does jobs of this kind."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        known = _handlers.get(kind)
        if known is not None and known.function is not function:
            raise ValueError(f"two handlers for {kind!r}: {known.function} and {function}")
        _handlers[kind] = Handler(
            kind, function, max_attempts, timeout_seconds, per_minute, backoff or BackoffPolicy()
        )
        return function

    return register


def find(kind: str) -> Handler:
    """The handler of a kind; `UnknownKind` names the ones there are."""
    try:
        return _handlers[kind]
    except KeyError:
        known = ", ".join(sorted(_handlers)) or "none"
        raise UnknownKind(f"no handler for {kind!r} (known: {known}); is its module imported?") from None


def all_handlers() -> list[Handler]:
    return [_handlers[kind] for kind in sorted(_handlers)]


def forget_all() -> None:
    """For tests."""
    _handlers.clear()
