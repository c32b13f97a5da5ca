"""What each key must do, by its owner and action: filled by the other modules here, run by `test_keys.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Check = Callable[[object, str], Awaitable[None]]
"""Given the driver of a running application and the name of the key."""
CHECKS: dict[tuple[str, str], Check] = {}


def checks(owner: str, action: str) -> Callable[[Check], Check]:
    """Enter a check for what a key of `owner` is there for."""

    def register(check: Check) -> Check:
        CHECKS[owner, action] = check
        return check

    return register
