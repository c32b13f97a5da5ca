"""The indexes that this user has made or named: a list of folders in the user's own state folder.

Nothing is looked for: `codesearch index` adds what it indexes, `codesearch repos` adds and forgets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer.disk.state_files import FOLDER_MODE, write_file
from indexer.disk.user_folders import state_folder
from indexer.errors import CodesearchError, InputError, StorageError

_FILE = "repositories.json"
_MAX_BYTES = 10_000_000
_LOCK_SECONDS = 10.0


def list_file() -> Path:
    """Where the list lies. Raises InputError where there is no place for it."""
    return state_folder() / _FILE


def known_roots() -> tuple[Path, ...]:
    """The folders in the order in which they were added; some may be gone. Raises InputError."""
    path = list_file()
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("too large")
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != 1:
            raise ValueError("another schema")
        roots = [Path(str(root)) for root in value["roots"]]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is no list of repositories ({error}); move it away and add them again."
        ) from error
    return tuple(root for root in roots if root.is_absolute())


def known_roots_if_readable() -> tuple[Path, ...]:
    """The same, and none where the list cannot be read: for what does without."""
    with suppress(CodesearchError):
        return known_roots()
    return ()


def remember(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Add absolute folders; those that were new. Raises InputError or StorageError."""
    wanted = tuple(dict.fromkeys(roots))
    if set(wanted) <= set(known_roots()):
        return ()
    with _writing():
        known = known_roots()
        new = tuple(root for root in wanted if root not in known)
        _write((*known, *new))
    return new


def forget(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Leave folders out from now on, their indexes stay; those that were known. As `remember`."""
    unwanted = set(roots)
    with _writing():
        known = known_roots()
        gone = tuple(root for root in known if root in unwanted)
        if gone:
            _write(tuple(root for root in known if root not in unwanted))
    return gone


def remember_if_possible(root: Path) -> None:
    """Add a folder where there is a place for the list; an index is as good without."""
    with suppress(CodesearchError):
        remember([root])


@contextmanager
def _writing() -> Iterator[None]:
    """The list is read and written by one process at a time. Raises StorageError."""
    from filelock import FileLock, Timeout  # not for those who only read the list

    path = list_file()
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_SECONDS, mode=0o600)
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StorageError(
            f"Another process is writing {path}, the list of your repositories; run the same command again."
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _write(roots: tuple[Path, ...]) -> None:
    path = list_file()
    content = json.dumps({"schema": 1, "roots": [str(root) for root in roots]}, indent=1) + "\n"
    try:
        write_file(path, content.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be written ({error.strerror}); it lists your repositories.")
