"""What POSIX systems have and others lack, each with what stands in for it.

The one place that asks; only the workers that run by themselves look for `resource` on their own. Where
something weaker stands in, SECURITY.md says so under "Other systems".
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]
try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

FOLLOW_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0)
NEVER_WAIT: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
AS_BYTES: int = getattr(os, "O_BINARY", 0)
"""Flags of `os.open`; 0 where the system has none."""
FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | FOLLOW_NO_LINK | CLOSE_ON_EXEC
OPENS_FOLDERS = hasattr(os, "O_DIRECTORY")
"""Folders have handles: they can be locked, and made durable."""
OPENS_BELOW_FOLDERS = OPENS_FOLDERS and FOLLOW_NO_LINK != 0 and os.open in os.supports_dir_fd
"""A path can be walked by handles, so that nobody exchanges a part of it meanwhile."""
LOCKS_FOLDERS = OPENS_FOLDERS and fcntl is not None
TIME_IS_UP = -int(getattr(signal, "SIGXCPU", 1 << 20))
"""Exit status of a child that used up its processor time, as `subprocess` gives it; none has it elsewhere."""


def open_plain(path: Path, flags: int, mode: int = 0o600) -> int:
    """`os.open` of a file of bytes that is no link, handed to no child. OSError where it is one.

    Without O_NOFOLLOW the name is looked at first: a link that is made between the two is followed.
    """
    if not FOLLOW_NO_LINK and path.is_symlink():
        raise OSError(f"a link: {path}")
    return os.open(path, flags | FOLLOW_NO_LINK | CLOSE_ON_EXEC | AS_BYTES, mode)


def set_mode(handle: int, path: Path, mode: int) -> None:
    """The mode of an open file; by its name where handles take none."""
    if hasattr(os, "fchmod"):
        os.fchmod(handle, mode)
    else:
        path.chmod(mode)


def lock(handle: int, *, exclusive: bool) -> None:
    """Lock what is open, or raise OSError where another process holds it; nothing without such locks."""
    if fcntl is not None:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def user_id() -> int:
    """This user's number; that of every file where users have none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def is_private(found: os.stat_result) -> bool:
    """Whether this user alone may use a file; not known, and taken to be so, where modes say nothing."""
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def peak_memory() -> int:
    """The most memory that this process ever held, in the system's unit; 0 where it does not tell."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource is not None else 0


def runs(pid: int) -> bool:
    """Whether a process of this number runs; taken to be so where that cannot be asked without harm."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return pid > 0


def after_fork(work: Callable[[], Any]) -> None:
    """Have something done in each forked child, where processes are forked."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=work)
