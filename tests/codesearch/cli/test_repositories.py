"""`codesearch repos` and `remove`: one list of indexes, looked at, shortened, deleted from."""

from __future__ import annotations

import json
import os
import time

import pytest

from codesearch.known_repositories import known_roots, remember


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setattr("codesearch.known_repositories.state_folder", lambda: tmp_path / "state")
    monkeypatch.chdir(tmp_path)


def test_the_list_has_sizes_and_ages(run, copied, tmp_path):
    remember([copied, tmp_path / "gone"])
    os.utime(copied / ".codesearch" / "manifest.json", (time.time() - 3 * 86_400 - 60,) * 2)
    (first, second) = run("repos").stdout.splitlines()
    name, root, size, age = first.split("\t")
    assert (name, root, age) == ("copy", str(copied), "3 days ago")
    assert size.endswith(" kB")
    assert second.split("\t")[2] == "no index where it is looked for"
    value = json.loads(run("list", "--json").stdout)
    assert [row["indexed"] for row in value["repositories"]] == [True, False]
    assert value["repositories"][1]["bytes"] is None
    assert value["repositories"][0]["bytes"] > 1000


def test_an_index_made_by_a_search_is_listed_too(run, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("def lamp():\n    return 1\n")
    assert run("search", "lamp", tmp_path / "tree").exit_code == 0
    assert known_roots() == (tmp_path / "tree",)


def test_adding_says_what_came_of_each_folder(run, one_sentence, copied):
    """A file is refused, and nothing is added beside it."""
    file = copied / "router.py"
    assert one_sentence(run("repos", "add", copied / "docs", file)) == (
        f"{file} is a file; give the folder that holds it."
    )
    assert known_roots() == ()
    assert run("repos", "add", copied / "docs").stderr == f"Added {copied}.\n"
    again = run("repos", "add", copied, copied / "docs")
    assert (again.exit_code, again.stderr) == (0, f"{copied} was there already.\n")


def test_one_name_in_the_help(run):
    listed = [line.split()[0] for line in run("--help").stdout.splitlines() if line.startswith("  ")]
    assert {"repos", "remove"} < set(listed)
    assert "list" not in listed


def test_remove_asks_and_keeps_the_files(run, one_sentence, copied, monkeypatch):
    remember([copied])
    message = one_sentence(run("remove", copied))
    assert message == "Deleting an index cannot be undone; give --yes where nobody can be asked."
    monkeypatch.setattr("codesearch.cli.repositories.asks_a_person", lambda: True)
    kept = run("remove", copied, input="n\n")
    assert kept.exit_code == 1
    assert "Delete the index of" in kept.stderr
    assert (copied / ".codesearch").exists()
    done = run("remove", copied, input="y\n")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert not (copied / ".codesearch").exists()
    assert (copied / "router.py").exists()
    assert known_roots() == ()


def test_remove_takes_no_index_that_was_not_named(run, one_sentence, copied):
    message = one_sentence(run("remove", copied / "docs", "--yes"))
    assert f"has no index of its own; the index of {copied} covers it" in message
    assert (copied / ".codesearch" / "manifest.json").exists()


def test_advice_repeats_the_state_that_was_given(run, one_sentence, copied, tmp_path):
    state = tmp_path / "kept here"
    missing = one_sentence(run("status", copied, "--state", state))
    assert f"`codesearch index --state '{state}' " in missing
    assert run("index", copied, "--state", state, "-q").exit_code == 0
    (copied / "router.py").write_text("def changed():\n    pass\n")
    told = run("search", "handler", copied, "--state", state, "--no-refresh")
    assert f"`codesearch index --state '{state}'` brings it up to date" in told.stderr
    assert f"`codesearch index --state '{state}'` brings it" in run("status", copied, "--state", state).stdout
    assert "--state" not in one_sentence(run("status", tmp_path))
    done = run("remove", copied, "--yes", "--state", state)
    assert f"`codesearch index --state '{state}' {copied}` makes a new one" in done.stderr
    assert list(state.iterdir()) == []
    assert (copied / ".codesearch").exists()
