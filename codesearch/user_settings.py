"""Write the user's settings file: one line is put in, replaced or taken out, all others stay as they are."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from pathlib import Path

from codesearch.config import Key, user_config_file
from indexer.disk.state_files import FILE_MODE, write_file
from indexer.errors import InputError, StorageError


def set_setting(key: Key, value: str) -> Path:
    """Set a key in the user's file, which is made where there is none; returns its path.

    Raises InputError for a value that the key does not take and for a file that cannot be changed safely,
    StorageError where it cannot be written.
    """
    try:
        if not value.isprintable():
            raise ValueError(f"{value!r} has characters that cannot be printed")
        parsed = key.parse(value)
    except ValueError as error:
        raise InputError(f"{key.name}: {error}.") from None
    plain = value.strip()
    if isinstance(parsed, bool):
        plain = str(parsed).lower()
    elif not (isinstance(parsed, int | float) and _is_number(plain)):
        plain = json.dumps(plain, ensure_ascii=False)  # of printable characters: a basic string of TOML
    return _change(key, plain)


def unset_setting(key: Key) -> Path:
    """Take a key out of the user's file; returns its path. Raises as `set_setting`, and where it is unset."""
    return _change(key, None)


def _is_number(text: str) -> bool:
    try:
        return isinstance(tomllib.loads(f"x = {text}")["x"], int | float)
    except tomllib.TOMLDecodeError:
        return False


def _change(key: Key, value: str | None) -> Path:
    path = user_config_file()
    try:
        target = path.resolve()  # a file that is kept elsewhere and linked stays linked
        exists = target.exists()
        text = target.read_bytes().decode() if exists else ""
        mode = stat.S_IMODE(target.stat().st_mode) if exists else FILE_MODE
        before = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The configuration file {path} is not TOML: {error}.") from None
    if value is None and key.name not in before:
        raise InputError(f"{key.name} is not set in {path}.")
    after = _with_line(text, key.name, value)
    wanted = {name: each for name, each in before.items() if name != key.name}
    if value is not None:
        wanted |= tomllib.loads(f"{key.name} = {value}")
    try:
        is_right = tomllib.loads(after) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise InputError(f"{path} sets {key.name} in a way that only you can change; edit it there.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(target, after.encode(), mode=mode)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror or error}).") from error
    return path


def _with_line(text: str, name: str, value: str | None) -> str:
    """The text with the key's line replaced, or put behind the last one before any table, or without it."""
    line = "" if value is None else f"{name} = {value}\n"
    own = re.compile(rf"^[ \t]*(?:{name}|\"{name}\"|'{name}')[ \t]*=.*(?:\n|\Z)", re.MULTILINE)
    changed, n_lines = own.subn(lambda _: line, text, count=1)
    if n_lines:
        return changed
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    head, tail = (text[: table.start()], text[table.start() :]) if table else (text, "")
    return f"{head}{'' if not head or head.endswith(chr(10)) else chr(10)}{line}{tail}"
