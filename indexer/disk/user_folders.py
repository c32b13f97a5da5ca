"""Where this user's own things lie on this machine. Nothing is made here.

The one place that asks where the home folder is. HOME may be unset, relative or closed, and a container
may run with a number that has no entry in the password database: what depends on that raises InputError,
and never becomes a path below the current folder, which may be a repository that nobody trusts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from indexer.errors import InputError
from indexer.system import user_id

STATE_VARIABLE = "XDG_STATE_HOME"
_BELOW_HOME = {"cache": ".cache", "config": ".config", "state": ".local/state"}


def home_folder() -> Path:
    """The home folder, absolute; it may not exist. Raises InputError where none is known."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises RuntimeError
    if home == "~":
        raise InputError(
            f"There is no home folder: HOME is not set, and user {user_id()} is not in the password"
            " database; set HOME to a folder of yours."
        )
    if not os.path.isabs(home):  # noqa: PTH117
        raise InputError(f"HOME is {home!r}, which is not an absolute path; set HOME to a folder of yours.")
    return Path(home)


def expand_user(path: str | Path) -> Path:
    """The path with a leading `~` or `~user` replaced, where that user is known; else as it is.

    Raises InputError for `~` where no home folder is known.
    """
    text = str(path)
    if text == "~" or text.startswith("~/"):
        return home_folder() / text[2:]
    return Path(os.path.expanduser(text))  # noqa: PTH111 - leaves an unknown user's name, which may be a file's


def cache_folder() -> Path | None:
    """Where what can be computed again is kept; None where there is no place for it."""
    try:
        return _folder("cache", "XDG_CACHE_HOME")
    except InputError:
        return None


def config_folder() -> Path:
    """Where the user's settings are looked for. Raises InputError where there is no such place."""
    return _folder("config", "XDG_CONFIG_HOME")


def state_folder() -> Path:
    """Where the signing key and the application's memory lie. Raises InputError where there is no place."""
    return _folder("state", STATE_VARIABLE)


def key_file() -> Path:
    """Where the key that signs indexes lies. Raises InputError as `state_folder`."""
    return state_folder() / "key"


def hub_cache() -> Path:
    """Where huggingface_hub keeps models, by the variables that it reads itself.

    Raises InputError where that is in a home folder and none is known.
    """
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return expand_user(os.environ[variable])
    if os.environ.get("HF_HOME"):
        return expand_user(os.environ["HF_HOME"]) / "hub"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (expand_user(cache) if cache else home_folder() / ".cache") / "huggingface" / "hub"


def git_ignore_file() -> Path | None:
    """The user's ignore file where their git configuration names none; None where there is no home."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        base = Path(named) if named else home_folder() / ".config"
    except InputError:
        return None
    return base / "git" / "ignore"


def _folder(kind: str, variable: str) -> Path:
    named = os.environ.get(variable, "").strip()
    if not named:
        home_folder()  # where this raises, platformdirs would answer with a folder named `~`
    elif not os.path.isabs(named):  # noqa: PTH117
        raise InputError(
            f"{variable} is {named!r}, not an absolute path; set it to a folder of yours or unset it."
        )
    if sys.platform == "linux":  # what the package would say, which takes 5 ms of every command to load
        base = Path(named) if named else home_folder() / _BELOW_HOME[kind]
        return base / "codesearch"
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")("codesearch", appauthor=False)
    return folder
