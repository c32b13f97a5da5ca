"""Revisions as a person types them."""

from __future__ import annotations

import json

import pytest

from tests.git_command import git

pytestmark = pytest.mark.usefixtures("one_encoder")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / "src" / "lamp.py").write_text("def ignite():\n    return 'the lamp burns'\n")
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1")
    (root / "src" / "horn.py").write_text("def sound():\n    return 'the fog horn'\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "second")
    monkeypatch.chdir(root)
    return root


def test_revisions_are_indexed_asked_listed_and_forgotten(run, repository):
    done = run("index", "--rev", "v1", "--rev", "trunk")
    assert done.exit_code == 0
    assert "Indexed 1 file of v1" in done.stdout
    assert "1 chunk had to be encoded" in done.stdout.splitlines()[1]
    assert run("search", "lamp", "--rev", "v1").stdout.startswith("src/lamp.py@v1:1-2")
    assert "src/horn.py@trunk:1-2" in run("search", "horn", "--rev", "trunk", "src").stdout
    assert "horn.py" not in run("files", "horn", "--rev", "v1").stdout
    several = run("files", "return", "src/lamp.py", "./src/horn.py", "--rev", "trunk").stdout
    assert sorted(several.splitlines()) == ["src/horn.py@trunk", "src/lamp.py@trunk"]
    assert "[1] src/lamp.py@v1:1-2" in run("context", "lamp", "--rev", "v1").stdout
    asked = run("ask", "lamp", "--rev", "trunk", "src/horn.py")
    assert asked.exit_code == 2, "no endpoint"
    assert "[1] src/horn.py@trunk:1-2" in asked.stdout
    assert "lamp.py" not in asked.stdout
    assert "src/lamp.py@trunk" in run("ask", "lamp", "--rev", "trunk").stdout
    rows = json.loads(run("index", "--rev", "v1", "--json").stdout)["revisions"]
    assert [(row["revision"], row["n_encoded_chunks"]) for row in rows] == [("v1", 0)]

    assert "Nothing had to be encoded" in run("index").stdout
    status = run("status").stdout
    assert "revision   trunk at" in status
    assert "revision   v1 at" in status
    names = [row["name"] for row in json.loads(run("status", "--json").stdout)["revisions"]]
    assert names == ["trunk", "v1"]

    done = run("changed", "return", "--since", "v1")
    assert done.stdout.startswith("src/horn.py:1-2")
    assert "lamp.py" not in done.stdout
    assert "1 indexed file changed since v1." in done.stderr
    done = run("changed", "return", "--since", "trunk")
    assert (done.exit_code, done.stdout) == (1, "")
    assert run("changed", "return", "--since", "v1", "--rev", "trunk").stdout.startswith("src/horn.py@trunk")

    git(repository, "commit", "-q", "--allow-empty", "-m", "third")
    assert "trunk stands for another commit now" in run("search", "horn", "--rev", "trunk").stderr
    assert run("forget", "--rev", "v1").exit_code == 0
    assert "v1 at" not in run("status").stdout


def test_files_of_a_revision_are_outlined_and_compared(run, one_sentence, repository):
    """What is gone since too, its folder with it; paths are those that `search` cites."""
    (repository / "old").mkdir()
    (repository / "old" / "bell.py").write_text("def ring():\n    return 'the bell'\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "third")
    git(repository, "rm", "-q", "-r", "old")
    git(repository, "commit", "-q", "-m", "fourth")
    run("index", "--rev", "HEAD~1")
    assert not (repository / "old").exists()
    ring = "old/bell.py@HEAD~1\n  1-2 function ring\n"
    for place in ("old/bell.py", "old", "old/bell.py@HEAD~1:2"):
        assert run("outline", place, "--rev", "HEAD~1").stdout == ring
    everything = run("outline", "--rev", "HEAD~1").stdout
    assert everything.startswith(ring)
    assert "src/lamp.py@HEAD~1\n" in everything
    value = json.loads(run("outline", "src", "--rev", "HEAD~1", "--format", "json").stdout)
    assert {symbol["path"] for symbol in value["symbols"]} == {"src/horn.py@HEAD~1", "src/lamp.py@HEAD~1"}
    for places in (("old",), ("old/bell.py",), ("old/bell.py", "old/gone.py")):
        done = run("files", "return", *places, "--rev", "HEAD~1")
        assert (done.exit_code, done.stdout) == (0, "old/bell.py@HEAD~1\n"), places
    done = run("search", "ring the bell", "old/gone.py", "--rev", "HEAD~1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "old/gone.py is not in the index" in done.stderr
    assert "src/horn.py@HEAD~1:1-2" in run("similar", "old/bell.py@HEAD~1:1", "--rev", "HEAD~1").stdout
    assert "src/tin.py is not in the index" in one_sentence(run("outline", "src/tin.py", "--rev", "HEAD~1"))
    assert "has no revision 'v9'" in one_sentence(run("outline", "--rev", "v9"))


def test_what_cannot_be_asked_is_one_sentence(run, repository, tmp_path):
    run("index", "--rev", "v1")
    (tmp_path / "plain").mkdir()
    for arguments, sentence in (
        (("search", "lamp", "--rev", "v9"), "has no revision 'v9'"),
        (("search", "lamp", "--rev", "trunk"), "`codesearch index --rev trunk`"),
        (("search", "lamp", "src", str(tmp_path), "--rev", "v1"), "--rev asks one repository"),
        (("search", "lamp", "--all", "--rev", "v1"), "--rev asks one repository"),
        (("ask", "lamp", "src", str(tmp_path), "--rev", "v1"), "--rev asks one repository"),
        (("ask", "lamp", "--rev", "v9"), "has no revision 'v9'"),
        (("index", "--rev", "v9"), "has no revision 'v9'"),
        (("index", str(tmp_path / "plain"), "--rev", "v1"), "is not in a git repository"),
        (("forget", "--rev", "v9"), "is not indexed; indexed are v1"),
        (("forget", str(tmp_path / "plain"), "--rev", "v1"), "No revision of"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert sentence in done.stderr
