"""Where a user's things lie, whatever HOME is: a folder of theirs or one sentence, never a relative path."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import platformdirs
import pytest

from codesearch.config import load_config
from indexer.disk.user_folders import (
    cache_folder,
    config_folder,
    expand_user,
    git_ignore_file,
    home_folder,
    hub_cache,
    key_file,
    state_folder,
)
from indexer.errors import InputError, StorageError
from indexer.models.hub import cached_folder
from indexer.storage.signing import sign
from tui.state import default_state_file, load_state, save_state


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "CODESEARCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user by number alone, as containers run."""

    def unknown(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


FOLDERS = (config_folder, state_folder, key_file)


@pytest.mark.parametrize("folder", FOLDERS)
def test_below_home(folder, tmp_path: Path) -> None:
    assert tmp_path in folder().parents


@pytest.mark.parametrize("variables", [{}, {"STATE": "/x/state", "CACHE": "/x/cache", "CONFIG": "/x/config"}])
def test_they_are_where_the_platform_has_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, folder in variables.items():
        monkeypatch.setenv(f"XDG_{name}_HOME", folder)
    assert cache_folder() == platformdirs.user_cache_path("codesearch", appauthor=False)
    assert config_folder() == platformdirs.user_config_path("codesearch", appauthor=False)
    assert state_folder() == platformdirs.user_state_path("codesearch", appauthor=False)


def test_without_home_the_password_database_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert home_folder() == Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("folder", [home_folder, hub_cache, *FOLDERS])
def test_a_user_without_any_home_gets_one_sentence(folder) -> None:
    with pytest.raises(InputError, match=r"There is no home folder: HOME is not set.*; set HOME"):
        folder()


@pytest.mark.usefixtures("nobody")
def test_what_can_do_without_a_home_does(tmp_path: Path) -> None:
    assert cache_folder() is None
    assert git_ignore_file() is None
    assert cached_folder("owner/model") is None
    assert load_config(None).warnings == ()
    assert default_state_file() is None
    assert not save_state(None, load_state(None))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nobody")
def test_named_folders_need_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert key_file() == tmp_path / "state" / "codesearch" / "key"
    assert cache_folder() == tmp_path / "cache" / "codesearch"
    assert len(sign(b"content")) == 64


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_relative_home_is_refused(folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "home")
    with pytest.raises(InputError, match="HOME is 'home', which is not an absolute path"):
        folder()


@pytest.mark.parametrize("value", ["state", "~/state", "./state"])
def test_a_relative_state_folder_would_be_the_repositorys(value, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    with pytest.raises(InputError, match=r"XDG_STATE_HOME is .* not an absolute path"):
        sign(b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_home_of_another_user(tmp_path: Path) -> None:
    """Settings that cannot be looked for are a warning, and a key that cannot be kept is a sentence."""
    tmp_path.chmod(0o700)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(54_321)
            (warning,) = load_config(None).warnings
            assert "cannot be looked for (Permission denied)" in warning
            assert cache_folder() is not None
            with pytest.raises(StorageError, match=r"cannot be kept in .*Permission denied.*XDG_STATE_HOME"):
                sign(b"content")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("home", ["/dev/null", "/nonexistent"])
def test_a_home_that_is_no_folder_has_no_settings(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    assert load_config(None).warnings == ()
    if home == "/dev/null":
        with pytest.raises(StorageError, match="set XDG_STATE_HOME"):
            sign(b"content")


def test_tilde(tmp_path: Path) -> None:
    assert expand_user("~") == tmp_path
    assert expand_user("~/a/b") == tmp_path / "a" / "b"
    assert expand_user("a/~") == Path("a/~")
    assert expand_user("~no-such-user/a") == Path("~no-such-user/a")


@pytest.mark.usefixtures("nobody")
def test_tilde_without_a_home() -> None:
    with pytest.raises(InputError, match="set HOME"):
        expand_user("~/a")
    assert expand_user("a") == Path("a")


def test_the_hubs_cache_follows_the_librarys_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert hub_cache() == Path.home() / ".cache/huggingface/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert hub_cache() == Path("/x/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "/y")
    assert hub_cache() == Path("/y/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/z")
    assert hub_cache() == Path("/z")
