"""`index`: what it says of a build, and of what it cannot build."""

from __future__ import annotations

import json
import os
import resource

import pytest

from codesearch.cli.progress import ProgressBar


def test_index_json(run, tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    first = json.loads(run("index", tmp_path, "--json").stdout)
    assert " ".join(first) == (
        "schema root model n_files n_chunks n_spans n_tokens n_encoded_chunks n_encoded_tokens n_skipped"
        " elapsed_seconds peak_memory_bytes n_taken_chunks utilisation"
    )
    assert first["n_encoded_chunks"] == 1
    again = json.loads(run("index", tmp_path, "--json").stdout)
    assert again["n_encoded_chunks"] == 0
    assert 0 < first["utilisation"] < again["utilisation"] == 1


def test_an_empty_folder(run, one_sentence, tmp_path):
    assert "nothing to index" in one_sentence(run("index", tmp_path))


def test_a_folder_with_nothing_indexable(run, one_sentence, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\0\1" * 500)
    assert "no file that can be indexed" in one_sentence(run("index", tmp_path))


@pytest.mark.parametrize("size", ["huge", "0", "-1", "1XB"])
def test_a_size_that_is_none(run, one_sentence, repository, size):
    assert "max_memory from --max-memory" in one_sentence(run("index", repository, f"--max-memory={size}"))


def test_an_unknown_model(run, one_sentence, tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    assert "no-such-model" in one_sentence(run("index", tmp_path, "--model", "no-such-model"))


def test_an_interrupted_build_leaves_the_old_index(run, one_sentence, copied, monkeypatch):
    (copied / "new.py").write_text("def brand_new():\n    return 'new'\n")

    def interrupt(self, event):
        if event.stage == "encode":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        one_sentence(run("index", copied), code=130)
    result = run("search", "seconds to wait", copied, "-k", 1, "--no-refresh")
    assert result.exit_code == 0
    assert result.stdout.startswith("retry.py:")


def test_a_full_disk(python, tmp_path):
    (tmp_path / "a.txt").write_text("some text\n" * 5000)

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = python("index", tmp_path, preexec_fn=small_files_only)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_write_permission(run, one_sentence, tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    tmp_path.chmod(0o500)
    try:
        one_sentence(run("index", tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_an_index_inside_an_indexed_tree_says_so_once(run, copied):
    first = run("index", copied / "docs")
    assert first.exit_code == 0
    assert f"lies in the indexed folder {copied}" in first.stderr
    assert "lies in" not in run("index", copied / "docs").stderr
