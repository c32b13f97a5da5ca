"""Where this user's own things lie on this machine: caches, the signing key. Nothing is made here."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for facts about models; it may not exist yet."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "codesearch"


def key_file() -> Path:
    """Where the key lies."""
    import platformdirs

    return Path(platformdirs.user_state_dir("codesearch", appauthor=False)) / "key"
