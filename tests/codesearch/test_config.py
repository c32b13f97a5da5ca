from __future__ import annotations

import os

import pytest

from codesearch.config import KEYS, load_config, parse_size
from indexer.errors import InputError
from indexer.records import Mode
from indexer.settings import BuildSettings, WalkSettings


def load(tmp_path, *, user="", repository=None, flags=None, **environment):
    file = tmp_path / "user.toml"
    file.write_text(user)
    root = tmp_path / "repository"
    root.mkdir(exist_ok=True)
    if repository is not None:
        (root / "codesearch.toml").write_text(repository)
    return load_config(root, flags, {"CODESEARCH_CONFIG": str(file), **environment})


def test_defaults_are_the_engines():
    config = load_config(None, None, {"XDG_CONFIG_HOME": "/nonexistent"})
    assert config.build_settings() == BuildSettings()
    assert config["mode"] == Mode.HYBRID


def test_each_place_beats_the_one_before(tmp_path):
    assert load(tmp_path)["k"] == 10
    assert load(tmp_path, user="k = 2")["k"] == 2
    assert load(tmp_path, user="k = 2", repository="k = 3")["k"] == 3
    assert load(tmp_path, user="k = 2", repository="k = 3", CODESEARCH_K="4")["k"] == 4
    config = load(tmp_path, user="k = 2", repository="k = 3", CODESEARCH_K="4", flags={"k": 5, "mode": None})
    assert config["k"] == 5
    assert config.sources["k"] == "flag"
    assert config.sources["mode"] == "default"


def test_an_index_keeps_its_settings_unless_told_otherwise(tmp_path):
    recorded = BuildSettings(model="other", walk=WalkSettings(max_file_bytes=5, include_hidden=True))
    assert load(tmp_path).build_settings(recorded) == recorded
    changed = load(tmp_path, flags={"max_file_size": "2kB"}).build_settings(recorded)
    assert (changed.model, changed.walk.max_file_bytes, changed.walk.include_hidden) == ("other", 2000, True)


@pytest.mark.parametrize("key", [key for key in KEYS if not key.in_repository], ids=lambda key: key.name)
def test_a_repository_cannot_set_what_is_not_harmless(tmp_path, key):
    config = load(tmp_path, repository=f'{key.name} = "x"\n')
    assert config[key.name] == key.default
    (warning,) = config.warnings
    assert warning.startswith(f"'{key.name}' in the repository's codesearch.toml is ignored: only your own")


def test_what_a_repository_may_set_holds_no_path_host_or_program():
    assert {key.name for key in KEYS if key.in_repository} == {
        "mode",
        "k",
        "budget",
        "encoding",
        "max_file_size",
        "data_file_tokens",
        "include_generated",
        "include_vendored",
    }


def test_a_repositorys_numbers_are_capped(tmp_path):
    config = load(tmp_path, repository='max_file_size = "50GB"\nk = 99999\n')
    assert (config["max_file_size"], config["k"]) == (10_000_000, 100)
    assert len(config.warnings) == 2


@pytest.mark.parametrize(
    "content",
    ["k = ", 'k = "many"', "k = 0", "k = true", '"k\\u001b[2J" = 1', "x" * 100_000, '[section]\nmodel = "x"'],
)
def test_a_repositorys_broken_file_warns_on_one_line(tmp_path, content):
    config = load(tmp_path, repository=content)
    assert config["k"] == 10
    (warning,) = config.warnings
    assert warning.isprintable()


def test_a_repositorys_file_is_not_followed_or_waited_for(tmp_path):
    (tmp_path / "secret.toml").write_text("k = 7")
    root = tmp_path / "repository"
    root.mkdir()
    (root / "codesearch.toml").symlink_to(tmp_path / "secret.toml")
    config = load(tmp_path)
    assert config["k"] == 10
    assert len(config.warnings) == 1
    (root / "codesearch.toml").unlink()
    os.mkfifo(root / "codesearch.toml")
    assert load(tmp_path).warnings == (
        "The repository's codesearch.toml is ignored: not a small plain file.",
    )


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("modle = 'x'", "has the unknown key 'modle'; known are model, mode"),
        ("k = 0", "k from .*user.toml: 0 must be a positive integer"),
        ("k =", "is not TOML"),
    ],
)
def test_a_users_mistake_is_an_error(tmp_path, user, message):
    with pytest.raises(InputError, match=message):
        load(tmp_path, user=user)


def test_an_environments_mistake_is_an_error(tmp_path):
    with pytest.raises(InputError, match="mode from CODESEARCH_MODE: 'x' is not one of hybrid"):
        load(tmp_path, CODESEARCH_MODE="x")
    with pytest.raises(InputError, match="CODESEARCH_CONFIG names /nonexistent"):
        load_config(None, None, {"CODESEARCH_CONFIG": "/nonexistent"})


def test_an_empty_variable_counts_as_unset(tmp_path):
    assert load(tmp_path, CODESEARCH_MODE="")["mode"] == "hybrid"


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("2GB", 2 * 10**9), ("1.5 MiB", 1_572_864), ("500kB", 500_000), ("500K", 500_000), (" 42 ", 42), (7, 7)],
)
def test_sizes(text, n_bytes):
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "GB", "1 PB", "-1", "0", True, None, "1e9"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=r"is not a valid size|must be larger than zero"):
        parse_size(text)
