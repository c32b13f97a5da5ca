"""Shards on the local disk of a machine that serves: fetched once, compared, kept for the next start.

What is served is there whatever it takes. Of what earlier catalogues left, as much stays as the cache may
hold; what was opened longest ago goes first, and nothing that some process has open.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.cluster.catalogue import Shard
from indexer.cluster.shard_build import take_in
from indexer.cluster.store import SHARDS, Store
from indexer.disk.state_files import FOLDER_MODE
from indexer.disk.state_place import state_folder
from indexer.errors import IndexCorruptError, IndexMissingError
from indexer.search import Searcher
from indexer.storage.generations import generation_folder, generation_names, is_pinned
from indexer.storage.status import n_bytes_below

_LOCK = ".lock"


def open_cached(store: Store, shard: Shard, cache: Path) -> Searcher:
    """A shard as an index of the cache, fetched if it is not there or damaged, by one process at a time."""
    home = cache / shard.sha256
    cache.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with FileLock(home.with_suffix(_LOCK), mode=0o600):
        noted = store.facts(SHARDS, shard.digest)
        name = str(noted["repository"]) if noted and noted.get("repository") else shard.name
        root = home / "tree" / Path(name).name
        try:
            searcher = Searcher.open(root, home)
        except (IndexMissingError, IndexCorruptError):
            shutil.rmtree(home, ignore_errors=True)
            root.mkdir(mode=FOLDER_MODE, parents=True)
            try:
                take_in(store, (SHARDS, shard.digest, shard.sha256), root, home)
            except BaseException:
                shutil.rmtree(home, ignore_errors=True)
                raise
            searcher = Searcher.open(root, home)
        with suppress(OSError):
            os.utime(home)  # when it was opened last
        return searcher


def trim(cache: Path, served: Iterable[Shard], max_bytes: int) -> None:
    """Remove shards that are not served, until all of the cache are `max_bytes` at most or none is left."""
    own = {shard.sha256 for shard in served}
    homes = [path for path in cache.iterdir() if path.is_dir() and not path.is_symlink()]
    sizes = {home: n_bytes_below(home) for home in homes}
    n_bytes = sum(sizes.values())
    for home in sorted(homes, key=lambda path: path.stat().st_mtime_ns):
        if n_bytes <= max_bytes:
            return
        if home.name not in own and _removed(home):
            n_bytes -= sizes[home]


def _removed(home: Path) -> bool:
    """Whether a shard is gone from the cache now: nobody has it open, or is about to."""
    lock = FileLock(home.with_suffix(_LOCK), mode=0o600)
    try:
        with lock.acquire(timeout=0):
            for root in (home / "tree").iterdir():
                state = state_folder(root, home)
                if any(is_pinned(generation_folder(state, each)) for each in generation_names(state)):
                    return False
            shutil.rmtree(home)
    except (OSError, Timeout):
        return False
    return True
