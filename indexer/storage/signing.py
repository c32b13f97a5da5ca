"""Whose index it is: a key of this user signs every manifest, so that a planted one is not opened.

The files of an index are read by libraries that were not made for files of strangers (FAISS, PLAID).
A repository can bring a `.codesearch` folder, and git overwrites ignored files; neither has the key. It
lies outside all repositories, is readable by its user alone, and signs nothing else. Without a key
nothing is signed and nothing is trusted.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from indexer.disk.user_folders import STATE_VARIABLE, key_file
from indexer.errors import StorageError
from indexer.system import NEVER_WAIT, is_private, open_plain

_KEY_BYTES = 32


def sign(content: bytes) -> str:
    """This user's signature of a manifest's content. Raises StorageError where there is no key."""
    return hmac.new(_key(), content, "sha256").hexdigest()


def is_signed(content: bytes, signature: str) -> bool:
    """Whether the signature is this user's. Raises StorageError where there is no key to compare with."""
    return hmac.compare_digest(sign(content).encode(), signature.encode("utf-8", "replace"))


def require_key() -> None:
    """Raise StorageError, or InputError without a home folder, where nothing can be signed."""
    _key()


def _key() -> bytes:
    """The user's key, made at first use."""
    path = key_file()
    try:
        with suppress(FileNotFoundError):
            return _read(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        return _read(path)
    except OSError as error:
        raise StorageError(
            f"The key that signs your indexes cannot be kept in {path.parent} ({error.strerror or error});"
            f" set {STATE_VARIABLE} to a folder that you alone can write to: without a key no index is"
            " trusted."
        ) from error


def _read(path: Path) -> bytes:
    handle = open_plain(path, os.O_RDONLY | NEVER_WAIT)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        is_closed = is_private(found)
        key = file.read(_KEY_BYTES + 1) if stat.S_ISREG(found.st_mode) and is_closed else b""
    if len(key) != _KEY_BYTES:
        what = "is damaged" if is_closed else "can be read or written by others"
        raise StorageError(
            f"{path}, the key that signs your indexes, {what}; remove it, then build the index anew with"
            f" --rebuild, or set {STATE_VARIABLE} to a folder that you alone can write to."
        )
    return key


def _make(path: Path) -> None:
    draft = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = open_plain(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(handle)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # whoever comes first has made the key of all
        except OSError:
            draft.rename(path)  # not every file system has second names
    finally:
        draft.unlink(missing_ok=True)
