"""Generations on disk: made beside the live one, made live by one rename, the old ones removed after.

A reader that has a removed generation open keeps its files until it closes them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from indexer.errors import StorageError
from indexer.manifest import Manifest, sync_folder, write_manifest
from indexer.settings import STATE_FOLDER

DATABASE = "index.db"
EMBEDDINGS = "embeddings"


def generation_folder(state: Path, generation: str) -> Path:
    """Where a generation's files lie."""
    return state / "generations" / generation


def prepare_state(root: Path) -> Path:
    """Create the state folder of a tree, closed to other users and ignored by git.

    Raises StorageError where it cannot be written, or where something planted a link in its place.
    """
    state = root / STATE_FOLDER
    try:
        if state.is_symlink():
            raise StorageError(f"{state} is a link; remove it, the index must lie inside the tree.")
        state.mkdir(mode=0o700, exist_ok=True)
        state.chmod(0o700)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        for name in ("generations", EMBEDDINGS):
            folder = state / name
            if folder.is_symlink():
                raise StorageError(f"{folder} is a link; remove it, the index must lie inside the tree.")
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The index cannot be written to {state} ({error.strerror}); check the permissions and the space"
            " left."
        ) from error
    return state


def new_generation(state: Path, base: Manifest | None) -> Path:
    """A fresh folder for a generation, with a copy of the live database where there is one to go on from."""
    name = f"{time.time_ns():020d}"
    folder = generation_folder(state, name)
    folder.mkdir(mode=0o700)
    if base is not None:
        shutil.copyfile(generation_folder(state, base.generation) / DATABASE, folder / DATABASE)
    return folder


def publish(state: Path, folder: Path, manifest: Manifest) -> Manifest:
    """Sync a finished generation, record its checksums and make it live."""
    checksums = {}
    for path in sorted(folder.iterdir()):
        path.chmod(0o600)
        with path.open("rb") as file:
            checksums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    sync_folder(folder)
    live = replace(manifest, generation=folder.name, checksums=checksums)
    write_manifest(state, live)
    return live


def remove_others(state: Path, live: str) -> None:
    """Remove every generation but the live one: old ones, and what killed builds left."""
    for folder in (state / "generations").iterdir():
        if folder.name != live:
            with suppress(OSError):
                shutil.rmtree(folder)
