"""Whose index it is: a key of this user signs every manifest, so that a planted one is not opened.

The files of an index are read by libraries that were not made for files of strangers (FAISS, PLAID).
A repository can bring a `.codesearch` folder, and git overwrites ignored files; neither has the key. It
lies outside all repositories, is readable by its user alone, and signs nothing else.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress

from indexer.disk.user_folders import key_file

_KEY_BYTES = 32


def sign(content: bytes) -> str:
    """This user's signature of a manifest's content."""
    return hmac.new(_key(), content, "sha256").hexdigest()


def is_signed(content: bytes, signature: str) -> bool:
    """Whether the signature is this user's."""
    return hmac.compare_digest(sign(content).encode(), signature.encode("utf-8", "replace"))


def _key() -> bytes:
    """The user's key, made at first use; empty where there is no place to keep one."""
    path = key_file()
    with suppress(OSError):
        with suppress(FileNotFoundError):
            return path.read_bytes()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            with suppress(FileExistsError):
                os.link(draft, path)  # whoever comes first has made the key of all
        finally:
            draft.unlink(missing_ok=True)
        return path.read_bytes()
    return b""
