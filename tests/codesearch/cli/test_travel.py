"""Export and import as a person types them."""

from __future__ import annotations

import shutil

import pytest

from codesearch.known_repositories import known_roots
from indexer.settings import STATE_FOLDER

pytestmark = pytest.mark.usefixtures("one_encoder")


def test_an_index_travels_to_another_checkout(run, task_queue, tmp_path, monkeypatch):
    clone, second = tmp_path / "clone", tmp_path / "second"
    for folder in (clone, second):
        shutil.copytree(task_queue, folder, ignore=shutil.ignore_patterns(STATE_FOLDER))
    (second / "more.py").write_text("def more():\n    return 'of it'\n")
    out = tmp_path / "out.tar.gz"
    done = run("export", out, task_queue)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "the texts of" in done.stderr

    done = run("import", out, clone)
    assert done.exit_code == 0
    assert "can be searched; `codesearch index` adds what is new" in done.stdout
    assert known_roots() == (clone,)
    assert run("search", "retry with a delay", clone).exit_code == 0
    assert "Nothing had to be encoded" in run("index", clone).stdout

    assert run("export", tmp_path / "vectors.tar", task_queue, "--no-text").exit_code == 0
    done = run("import", tmp_path / "vectors.tar", second)
    assert done.exit_code == 0
    assert "`codesearch index` encodes the other 1." in done.stdout

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    shutil.rmtree(clone / STATE_FOLDER)
    done = run("import", out, clone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--trust" in done.stderr
    assert run("import", out, clone, "--trust").exit_code == 0


def test_what_cannot_be_exported_or_imported_is_one_sentence(run, task_queue, tmp_path):
    for arguments, sentence in (
        (("export", tmp_path / "a.zip", task_queue), "Name the file with one of"),
        (("export", tmp_path / "gone" / "a.tar", task_queue), "There is no such folder"),
        (("export", tmp_path / "a.tar", tmp_path), "There is no index"),
        (("import", tmp_path / "gone.tar", tmp_path), "cannot be read"),
        (("import", tmp_path, tmp_path), "holds no index"),
        (("import", "http://example.org/a.tar", tmp_path), "https:// address"),
        (("import", tmp_path / "a.tar", tmp_path, "--max-size", "lots"), "not a valid size"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
