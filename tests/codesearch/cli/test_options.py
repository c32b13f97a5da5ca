"""What all commands that open an index refuse, with one sentence."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

from indexer.encoders import loading
from indexer.storage.manifest import read_manifest, write_manifest


def test_no_such_path(run, one_sentence, tmp_path):
    for command in (["index"], ["search", "x"], ["status"]):
        message = one_sentence(run(*command, tmp_path / "nowhere"))
        assert message.startswith("There is no such folder: ")
        assert ("word of the query" in message) is (command[0] == "search")


def test_a_file_where_a_folder_is_meant(run, one_sentence, repository):
    message = one_sentence(run("index", repository / "retry.py"))
    assert "is a file; give the folder that holds it" in message


def test_no_index_yet(run, one_sentence, tmp_path, monkeypatch):
    message = one_sentence(run("search", "x", str(tmp_path), "--no-build"))
    assert (
        message
        == f"There is no index in {tmp_path} or above it; build one with `codesearch index {tmp_path}`."
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODESEARCH_BUILD", "no")
    assert one_sentence(run("search", "x")).endswith("build one with `codesearch index .`.")


@pytest.mark.parametrize("inside", [False, True])
def test_a_home_folder_is_indexed_only_when_it_is_asked_for(run, one_sentence, tmp_path, monkeypatch, inside):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" if inside else tmp_path
    assert "There is no index" in one_sentence(run("search", "x", folder))
    assert not list(tmp_path.rglob(".codesearch"))


def test_a_folder_without_an_index_answers_at_once(run, tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 0)  # as in a large one
    (tmp_path / "lamp.py").write_text("def ignite_lamp():\n    return 'it burns'\n")
    (tmp_path / "clock.py").write_text("def strike(hour):\n    return ['dong'] * hour\n")
    result = run("search", "ignite the lamp", tmp_path, "-k", 1)
    assert result.exit_code == 0
    assert result.stdout.startswith("lamp.py:1-2  ignite_lamp")
    assert result.stderr.startswith("Indexed the words of 2 files in ")
    assert "1 of 2 chunks have no vectors yet" in result.stderr
    again = run("search", "strike", tmp_path, "-k", 1)
    assert again.stdout.startswith("clock.py")
    assert "Indexed" not in again.stderr
    assert "chunks have no vectors" not in again.stderr


def test_an_answer_says_that_the_model_took_its_time(run, tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 0)
    (tmp_path / "lamp.py").write_text("def ignite_lamp():\n    return 'it burns'\n")
    (tmp_path / "clock.py").write_text("def strike(hour):\n    return ['dong'] * hour\n")
    with monkeypatch.context() as patched:
        load = loading.load_encoder
        patched.setattr(loading, "load_encoder", lambda *given: time.sleep(1.0) or load(*given))
        result = run("search", "ignite the lamp", tmp_path)
    assert re.search(
        r"1 of 2 chunks have no vectors yet and are ranked by their words: the model took \d\.\d s to load"
        r" \(longest on its first use here\)\. Ask again, or `codesearch index` encodes them",
        result.stderr,
    )


def test_an_index_of_another_schema(run, one_sentence, copied):
    manifest = copied / ".codesearch" / "manifest.json"
    value = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**value, "format_version": 99}))
    assert "format_version 99" in one_sentence(run("search", "x", copied))
    manifest.write_text(json.dumps(value))
    state = manifest.parent
    write_manifest(state, replace(read_manifest(state), model_fingerprint="0" * 64))
    assert "model_fingerprint" in one_sentence(run("search", "x", copied))
    manifest.write_text("{")
    assert "manifest.json cannot be read" in one_sentence(run("search", "x", copied))


@pytest.mark.parametrize("name", ["status", "doctor", "outline"])
def test_a_command_that_only_looks_builds_nothing(run, one_sentence, tmp_path, name):
    (tmp_path / "a.py").write_text("def harbour(): pass\n")
    shown = run(name, tmp_path)
    assert shown.exit_code == 2
    assert one_sentence(shown).startswith(f"There is no index in {tmp_path} or above it; build one with")
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    state = tmp_path.parent / "kept"
    assert run(name, tmp_path, "--state", state).exit_code == 2
    assert not state.exists()
