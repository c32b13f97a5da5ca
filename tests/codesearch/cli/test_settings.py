"""`codesearch config`: what is in force, and who said so."""

from __future__ import annotations

import json

from codesearch.config import KEYS


def test_every_setting_with_its_origin(run, copied, tmp_path, monkeypatch):
    (tmp_path / "config" / "codesearch").mkdir(parents=True)
    user_file = tmp_path / "config" / "codesearch" / "config.toml"
    user_file.write_text('chat_key = "hush"\nmode = "lexical"\n')
    (copied / "codesearch.toml").write_text("k = 3\nthreads = 9\n")
    monkeypatch.setenv("CODESEARCH_BUDGET", "123")
    monkeypatch.chdir(copied)
    done = run("config")
    lines = {line.split()[0]: line for line in done.stdout.split("\n\n")[0].splitlines()}
    assert list(lines) == [key.name for key in KEYS]
    assert lines["mode"].split()[1:3] == ["lexical", str(user_file)]
    assert lines["k"].split()[1:3] == ["3", "codesearch.toml"]
    assert lines["budget"].split()[1:3] == ["123", "CODESEARCH_BUDGET"]
    assert lines["threads"].split()[1:3] == ["-", "default"]
    assert "hush" not in done.stdout
    assert "'threads' in the repository's codesearch.toml is ignored" in done.stderr
    assert f"your settings               {user_file}\n" in done.stdout
    value = json.loads(run("config", "--json").stdout)
    assert value["settings"]["k"]["value"] == 3
    assert value["settings"]["chat_key"]["value"] == "(set, not shown)"
    assert value["places"]["index"] == str(copied / ".codesearch")


def test_one_setting(run, one_sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("config", "k").stdout == "10\n"
    assert one_sentence(run("config", "nope")) == "There is no setting 'nope'; `codesearch config` lists all."
    assert run("config", "MAX-file-size").stdout == "1000000\n"
    kept = json.loads(run("config", "--json", "--state", tmp_path / "kept").stdout)
    assert kept["settings"]["state"] == kept["settings"]["state"] | {
        "value": str(tmp_path / "kept"),
        "source": "flag",
    }
    assert kept["places"]["index"].startswith(str(tmp_path / "kept"))


def test_a_setting_is_set_and_taken_out_again(run, one_sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    user_file = tmp_path / "config" / "codesearch" / "config.toml"
    assert run("config", "max-file-size", "2MB").stderr == f"Set max_file_size in {user_file}.\n"
    assert user_file.read_text() == 'max_file_size = "2MB"\n'
    assert run("config", "max_file_size").stdout == "2000000\n"
    assert run("config", "max_file_size", "--unset").stderr == f"Took max_file_size out of {user_file}.\n"
    assert run("config", "max_file_size").stdout == "1000000\n"
    assert one_sentence(run("config", "k", "--unset")) == f"k is not set in {user_file}."
    assert one_sentence(run("config", "k", "many")) == "k: 'many' must be a positive integer."
    for wrong in (("set", "k", "3"), ("get", "k"), ("chat_model", "a", "b")):
        assert "`codesearch config KEY VALUE` sets it" in one_sentence(run("config", *wrong))
    for wrong in (("--unset",), ("k", "3", "--unset")):
        assert "--unset takes the name of one setting alone." in one_sentence(run("config", *wrong))
    monkeypatch.setenv("CODESEARCH_K", "7")
    assert run("config", "k", "3").stderr.endswith("CODESEARCH_K in the environment beats it.\n")
    assert user_file.read_text() == "k = 3\n"
