"""`status` over the real engine."""

from __future__ import annotations

import json


def test_status(run, repository):
    assert "files      3 in 3 chunks" in run("status", repository).stdout
    value = json.loads(run("status", repository, "--json").stdout)
    assert " ".join(value) == (
        "schema root model commit branch built_at files chunks encoded words_only spans tokens rows"
        " bytes_on_disk languages settings stale skipped problems redacted texts"
    )
    assert (value["files"], value["model"], value["commit"]) == (3, "codesearch-edge", None)


def test_skipped_files_are_listed(run, tmp_path):
    (tmp_path / "a.txt").write_text("some text\n")
    (tmp_path / "b\nc.txt").write_text("a name with a line feed\n")
    assert run("index", tmp_path).exit_code == 0
    (line,) = run("status", tmp_path, "--skipped").stdout.splitlines()
    assert line.startswith("b\\nc.txt\t")


def test_where_no_file_is_skipped_it_says_so(run, repository):
    result = run("status", repository, "--skipped")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No file was skipped.\n")
