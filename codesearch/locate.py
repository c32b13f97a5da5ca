"""Finding and building indexes, and the settings that an index remembers.

`state` is a folder outside that holds the indexes of many trees; None for an index in its tree. Not the
write path: that is `indexer.build`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from codesearch.known_repositories import known_roots_if_readable
from indexer.disk.state_place import state_folder
from indexer.disk.user_folders import expand_user
from indexer.errors import CodesearchError, IndexMissingError, InputError
from indexer.records import BuildProgress, BuildReport, ProgressCallback
from indexer.settings import MANIFEST_NAME, BuildSettings

_SYSTEM_FOLDERS = tuple(
    map(
        Path,
        "/bin /boot /dev /etc /lib /lib64 /media /mnt /opt /proc /run /sbin /srv /sys /tmp /usr /usr/bin"
        " /usr/lib /usr/local /usr/share /var /Applications /Library /System /Volumes".split(),
    )
)


def has_index(root: Path, state: Path | None = None) -> bool:
    """Whether a folder itself holds an index; not whether it can be opened."""
    return (state_folder(root, state) / MANIFEST_NAME).is_file()


def manifest_mark(root: Path, state: Path | None = None) -> tuple[int, int] | None:
    """Changes whenever a build is published, which replaces the manifest; None where there is no index."""
    try:
        facts = (state_folder(root, state) / MANIFEST_NAME).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns


def is_being_built(root: Path, state: Path | None = None) -> bool:
    """Whether a process writes the index of a folder, as far as can be told without a lock."""
    from indexer.build import is_being_written

    return is_being_written(root, state)


def awaited_build(root: Path, state: Path | None = None) -> BuildProgress:
    """The progress event of who waits for another's build: stage `wait`, and how far that one is."""
    from indexer.build import awaited

    return awaited(root, state)


def find_root(path: str | Path = ".", state: Path | None = None) -> Path:
    """The nearest folder at or above `path` that holds an index, as git finds its repository.

    Raises InputError where there is no such path, IndexMissingError where nothing above has an index.
    """
    start = expand_user(path).resolve()
    if not start.exists():
        raise InputError(f"There is no such folder: {path}.")
    indexed = _nearest_indexed(start, state)
    if indexed is not None:
        return indexed
    target = start if start.is_dir() else start.parent
    shown = "." if target == Path.cwd() else str(path)
    raise IndexMissingError(
        f"There is no index in {target} or above it; build one with `codesearch index {shown}`."
    )


def is_too_wide(folder: Path) -> bool:
    """Whether a folder is the home folder, above it or the system's: not to be indexed unless by `index`."""
    home = expand_user("~").resolve()
    here = folder.resolve()
    return here == home or here in home.parents or here in map(Path.resolve, _SYSTEM_FOLDERS)


def find_root_or_self(folder: Path, state: Path | None = None) -> Path:
    """As `find_root`, and the folder itself, absolute, where nothing above has an index yet.

    Raises InputError for what is not there, and for a file that no index holds.
    """
    start = expand_user(folder).resolve()
    if not start.exists():
        raise InputError(f"There is no such folder: {folder}.")
    indexed = _nearest_indexed(start, state)
    if indexed is None and not start.is_dir():
        raise InputError(f"{folder} is a file; give the folder that holds it.")
    return indexed or start


def _nearest_indexed(start: Path, state: Path | None) -> Path | None:
    above = (start, *start.parents)
    return next((folder for folder in above if has_index(folder, state)), None)


def build_index(
    root: str | Path,
    model: str | None = None,
    progress: ProgressCallback | None = None,
    *,
    settings: BuildSettings | None = None,
    rebuild: bool = False,
    encode: bool = True,
    state: Path | None = None,
) -> BuildReport:
    """Index a folder and say what was done; see `CodeIndex.build`."""
    from indexer.build import build

    folder = expand_user(root)
    chosen = settings or (None if rebuild else recorded_settings(folder, state)) or BuildSettings()
    if model is not None:
        chosen = replace(chosen, model=model)
    others = known_roots_if_readable()
    return build(folder, chosen, progress, rebuild=rebuild, encode=encode, outside=state, others=others)


def recorded_settings(root: Path, state: Path | None = None) -> BuildSettings | None:
    """The settings that a folder's index was built with; None where there is no readable index."""
    if not has_index(root, state):
        return None
    from indexer import search

    try:
        return search.recorded_settings(root, state)
    except CodesearchError:
        return None
