"""The indexes that this user has made or named: a list of folders in the user's own state folder.

Nothing is looked for: `codesearch index` adds what it indexes, `codesearch repos` adds and forgets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from indexer.disk.state_files import FOLDER_MODE, write_file
from indexer.disk.user_folders import state_folder
from indexer.errors import CodesearchError, InputError, StorageError

_FILE = "repositories.json"
_MAX_BYTES = 10_000_000


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


def remember(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Add absolute folders; those that were new. Raises InputError or StorageError."""
    known = known_roots()
    new = tuple(root for root in dict.fromkeys(roots) if root not in known)
    if new:
        _write((*known, *new))
    return new


def forget(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Leave folders out from now on, their indexes stay; those that were known. As `remember`."""
    known, unwanted = known_roots(), set(roots)
    gone = tuple(root for root in known if root in unwanted)
    if gone:
        _write(tuple(root for root in known if root not in unwanted))
    return gone


def remember_if_possible(root: Path) -> None:
    """Add a folder where there is a place for the list; an index is as good without."""
    with suppress(CodesearchError):
        remember([root])


def _write(roots: tuple[Path, ...]) -> None:
    path = list_file()
    content = json.dumps({"schema": 1, "roots": [str(root) for root in roots]}, indent=1) + "\n"
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_file(path, content.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}); it lists your repositories."
        ) from error
