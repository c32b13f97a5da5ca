"""What all commands that open an index refuse, with one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

from indexer.storage.manifest import read_manifest, write_manifest


def test_no_such_path(run, one_sentence, tmp_path):
    for command in (["index"], ["search", "x"], ["status"]):
        assert one_sentence(run(*command, tmp_path / "nowhere")).startswith("There is no such folder: ")


def test_a_file_where_a_folder_is_meant(run, one_sentence, repository):
    for command in (["index"], ["search", "x"], ["status"]):
        assert "is a file; give the folder that holds it" in one_sentence(
            run(*command, repository / "retry.py")
        )


def test_no_index_yet(run, one_sentence, tmp_path, monkeypatch):
    message = one_sentence(run("search", "x", tmp_path))
    assert (
        message
        == f"There is no index in {tmp_path} or above it; build one with `codesearch index {tmp_path}`."
    )
    monkeypatch.chdir(tmp_path)
    assert one_sentence(run("search", "x")).endswith("build one with `codesearch index .`.")


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
