"""Model names to folders on this machine: bundled models, folders, the user's own, the hub's local cache.

Nothing here touches the network but `pull`, which is asked for by name. `checkpoint.py` reads what
lies in the folder.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from indexer.disk.user_folders import expand_user, hub_cache, state_folder
from indexer.errors import CheckpointError, InputError, MissingExtraError
from indexer.models.known_models import KNOWN_MODELS

BUNDLED_FOLDER = Path(__file__).parent
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_NEEDED_FILES = ["*.json", "*.safetensors", "*.txt", "README.md", "LICENSE*"]


def find_folder(name_or_folder: str) -> Path:
    """The folder of a model: a folder's path, a bundled name, or a hub name that is cached here.

    Raises CheckpointError where there is none, saying how to get it.
    """
    if not name_or_folder.strip():
        raise CheckpointError("The model's name is empty; name a folder, a hub model, or leave the default.")
    if _is_plain_name(name_or_folder) and (BUNDLED_FOLDER / name_or_folder / "config.json").is_file():
        return BUNDLED_FOLDER / name_or_folder
    folder = expand_user(name_or_folder)
    if folder.is_dir():
        return folder
    own = own_folder(name_or_folder)
    if own is not None and own.is_dir():
        return own
    hub_name = full_name(name_or_folder)
    if hub_name is None:
        raise CheckpointError(
            f"There is no model or folder named {name_or_folder}; leave the default (codesearch-edge), choose"
            " one that `codesearch models` lists, or give a ModernBERT checkpoint's hub name or folder."
        )
    cached = cached_folder(hub_name)
    if cached is None:
        raise CheckpointError(
            f"{hub_name} is not on this machine: run `codesearch models pull {hub_name}` where there is a"
            " network, or copy the model here and give its folder as --model."
        )
    return cached


def own_folder(name: str) -> Path | None:
    """Where a model of the user's own lies under a plain name, or would; None for paths and hub names."""
    if not _is_plain_name(name):
        return None
    try:
        return state_folder() / "models" / name
    except InputError:  # no home folder
        return None


def own_models() -> list[Path]:
    """The folders of the models that `codesearch adapt` made under a name, by name."""
    try:
        found = sorted((state_folder() / "models").iterdir())
    except (InputError, OSError):
        return []
    return [folder for folder in found if _is_plain_name(folder.name) and (folder / "modules.json").is_file()]


def full_name(name: str) -> str | None:
    """The hub name (`owner/model`) that a name stands for, or None; known models need no owner."""
    for model in KNOWN_MODELS:
        if "/" in model.name and name.lower() in (model.name.lower(), model.name.split("/")[1].lower()):
            return model.name
    return name if _HUB_NAME.fullmatch(name) and ".." not in name else None


def cached_folder(hub_name: str) -> Path | None:
    """The snapshot of a hub model in the local cache, or None; imports nothing and asks nobody."""
    try:
        folder = hub_cache() / ("models--" + hub_name.replace("/", "--"))
    except InputError:  # no home folder, so no cache
        return None
    snapshots = folder / "snapshots"
    candidates = []
    with contextlib.suppress(OSError, ValueError):
        candidates.append(snapshots / (folder / "refs" / "main").read_text(encoding="ascii").strip())
    if not candidates and snapshots.is_dir():
        candidates = sorted(snapshots.iterdir())
    for candidate in candidates:
        if candidate.parent == snapshots and (candidate / "config.json").is_file():
            return candidate
    return None


def pull(name: str) -> Path:
    """Download a hub model into the local cache and return its folder. The only use of the network.

    Raises CheckpointError where the name is none or the download fails.
    """
    hub_name = full_name(name)
    if hub_name is None:
        raise CheckpointError(f"{name} is not a hub name; give it as owner/model.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError(
            "Pulling a model needs huggingface_hub: `pip install huggingface_hub`."
        ) from error
    try:
        return Path(snapshot_download(hub_name, allow_patterns=_NEEDED_FILES, cache_dir=hub_cache()))
    except Exception as error:  # the library raises a dozen unrelated types: HTTP, OS, validation
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{hub_name} could not be pulled ({first_line}); check the name and the network, or copy the"
            " model here and give its folder as --model."
        ) from error


def _is_plain_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) is not None
