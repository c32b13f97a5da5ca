"""Without a key of one's own nothing is signed and nothing is trusted."""

from __future__ import annotations

import hashlib
import hmac
import os

import pytest

from indexer.errors import StorageError
from indexer.storage.signing import is_signed, require_key, sign


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_ones_own_signature_and_no_other(state):
    signature = sign(b"content")
    assert is_signed(b"content", signature)
    assert not is_signed(b"other", signature)
    assert not is_signed(b"content", hmac.new(b"", b"content", hashlib.sha256).hexdigest())
    assert (state / "codesearch" / "key").stat().st_mode & 0o777 == 0o600


def test_where_no_key_can_be_kept_nothing_is_trusted(state):
    """A signature by the empty key is one that a planted index brings."""
    state.write_text("a file, where a folder should be")
    planted = hmac.new(b"", b"content", hashlib.sha256).hexdigest()
    for ask in (require_key, lambda: sign(b"content"), lambda: is_signed(b"content", planted)):
        with pytest.raises(StorageError, match=r"cannot be kept in .*; set XDG_STATE_HOME"):
            ask()


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_a_key_that_was_cut_short_is_none(state, key):
    require_key()
    (state / "codesearch" / "key").write_bytes(key)
    planted = hmac.new(key, b"content", hashlib.sha256).hexdigest()
    with pytest.raises(StorageError, match="is damaged; remove it"):
        is_signed(b"content", planted)


def test_a_key_that_came_with_a_checkout_is_none(state):
    """git writes files that others may read; a key of one's own is 0600."""
    require_key()
    (state / "codesearch" / "key").chmod(0o644)
    with pytest.raises(StorageError, match="can be read or written by others"):
        sign(b"content")


def test_a_key_that_is_a_link_or_a_pipe_is_none(state, tmp_path):
    require_key()
    key = state / "codesearch" / "key"
    key.rename(tmp_path / "elsewhere")
    key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="cannot be kept"):
        sign(b"content")
    key.unlink()
    os.mkfifo(key, 0o600)
    with pytest.raises(StorageError, match="is damaged"):
        sign(b"content")


def test_a_disk_without_second_names_keeps_a_key_too(state, monkeypatch):
    def no_links(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert sign(b"content") == sign(b"content")
