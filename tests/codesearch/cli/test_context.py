"""`context` and `outline` over the real engine."""

from __future__ import annotations

import json

from codesearch.answers.counting import counter_for


def test_context_prints_what_was_counted(run, repository):

    for form in ("text", "markdown", "xml", "json", "messages"):
        result = run("context", "wait before trying again", repository, "--budget", 200, "--format", form)
        assert result.exit_code == 0
        assert "retry.py" in result.stdout
        assert counter_for(None).count(result.stdout) <= 200
    small = run("context", "server", repository, "--budget", 60)
    assert small.stderr.startswith("2 more passages did not fit into 60 tokens (")
    none = run("context", "server", repository, "--budget", 5)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "raise --budget" in none.stderr


def test_outline(run, repository, monkeypatch):
    file = repository / "retry.py"
    assert run("outline", file).stdout == f"{file}\n  4-6 function pause_after\n"
    everything = json.loads(run("outline", repository, "--format", "json").stdout)
    assert [s["name"] for s in everything["symbols"] if s["path"] == "router.py"] == ["add_route"]
    monkeypatch.chdir(repository / "docs")
    assert run("outline", ".").stdout.startswith("guide.md\n")
    assert run("outline", "../retry.py").stdout == "../retry.py\n  4-6 function pause_after\n"
    value = json.loads(run("outline", "..", "--format", "json").stdout)
    assert (value["root"], value["path"]) == (str(repository), "..")
    assert {symbol["path"] for symbol in value["symbols"]} >= {"../router.py", "guide.md"}


def test_several_files_are_outlined_in_the_order_they_are_given(run, copied, one_sentence, monkeypatch):
    monkeypatch.chdir(copied)
    (copied / "plain.txt").write_text("no symbol here\n")
    done = run("outline", "router.py", "retry.py", "docs", "plain.txt", "retry.py", "--refresh")
    assert done.exit_code == 0
    paths = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert paths == ["router.py", "retry.py", "docs/guide.md"]
    assert "plain.txt has no symbols" in done.stderr
    value = json.loads(run("outline", "retry.py", "docs", "--format", "json").stdout)
    assert value["path"] == "."
    assert run("outline", "retry.py", ".").stdout.startswith("retry.py\n")
    assert "is outside the indexed folder" in one_sentence(run("outline", "retry.py", "../.."))
    assert "gone.py is not in the index" in one_sentence(run("outline", "retry.py", "gone.py"))


def test_a_block_cites_paths_from_where_one_stands(run, repository, monkeypatch):
    """The budget counts what is printed, whatever the paths are."""
    monkeypatch.chdir(repository / "docs")
    block = run("context", "wait before trying again", "--budget", 200)
    assert "] ../retry.py:" in block.stdout
    assert counter_for(None).count(block.stdout) <= 200
    value = json.loads(run("context", "wait before trying again", "--format", "json").stdout)
    assert value["passages"][0]["path"] == "../retry.py"


def test_outline_of_what_is_not_there(run, one_sentence, copied):
    (copied / "empty").mkdir()
    for name in ("nowhere.py", "empty"):
        assert one_sentence(run("outline", copied / name)) == (
            f"{name} is not in the index; `codesearch outline` lists what is, `codesearch status --skipped`"
            " what was left out."
        )
    assert one_sentence(run("outline", copied / ".." / "elsewhere.py"))
    (copied / "plain.txt").write_text("no symbol here\n")
    bare = run("outline", copied / "plain.txt", "--refresh")
    assert (bare.exit_code, bare.stdout) == (1, "")
    assert "plain.txt has no symbols; `codesearch search` finds what is written in it." in bare.stderr
