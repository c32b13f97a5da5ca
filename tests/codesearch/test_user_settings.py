"""One line of the user's file changes, and nothing else of it."""

from __future__ import annotations

import stat

import pytest

from codesearch.config import KEYS, load_config
from codesearch.user_settings import set_setting, unset_setting
from indexer.errors import InputError, StorageError

KEY = {key.name: key for key in KEYS}


@pytest.fixture
def user_file(tmp_path, monkeypatch):
    path = tmp_path / "settings" / "config.toml"
    monkeypatch.setenv("CODESEARCH_CONFIG", str(path))
    return path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# mine\nk = 5  # few\nmode = 'single'\n", "# mine\nk = 3\nmode = 'single'\n"),
        ("mode = 'single'", "mode = 'single'\nk = 3\n"),
        ('"k"=5\r\nmode = "single"\r\n', 'k = 3\nmode = "single"\r\n'),
        ("# k = 4\n", "# k = 4\nk = 3\n"),
    ],
)
def test_all_else_stays(user_file, before, after):
    user_file.parent.mkdir()
    user_file.write_bytes(before.encode())
    assert set_setting(KEY["k"], "3") == user_file
    assert user_file.read_bytes().decode() == after
    assert load_config()["k"] == 3
    unset_setting(KEY["k"])
    assert load_config()["k"] == 10


def test_values_come_back_as_they_were_given(user_file):
    given = {"refresh": "no", "encode_seconds": "0.5", "chat_model": 'a "b" \\ é😀', "threads": "2"}
    for name, value in given.items():
        set_setting(KEY[name], value)
    config = load_config()
    assert [config[name] for name in given] == [False, 0.5, given["chat_model"], 2]
    assert "refresh = false" in user_file.read_text()


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(user_file, tmp_path):
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("")
    kept.chmod(0o640)
    user_file.parent.mkdir()
    user_file.symlink_to(kept)
    set_setting(KEY["k"], "3")
    assert user_file.is_symlink()
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ("k = 3\n", 0o640)


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("k = [\n", "is not TOML"),
        ("[k]\nx = 1\n", "edit it there"),
        ('chat_model = """\nk = 5\n"""\n', "edit it there"),
    ],
)
def test_what_cannot_be_changed_safely_is_left(user_file, before, sentence):
    user_file.parent.mkdir()
    user_file.write_text(before)
    with pytest.raises(InputError, match=sentence):
        set_setting(KEY["k"], "3")
    assert user_file.read_text() == before


def test_values_and_places_that_will_not_do(user_file):
    for wrong in ("\udcff", "a\nb", "\x1b[31m"):
        with pytest.raises(InputError, match="cannot be printed"):
            set_setting(KEY["chat_model"], wrong)
    user_file.parent.write_text("a file")
    with pytest.raises((InputError, StorageError), match=str(user_file)):
        set_setting(KEY["k"], "3")
