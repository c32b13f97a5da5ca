"""`context` and `outline` over the real engine."""

from __future__ import annotations

import json


def test_context_prints_what_was_counted(run, repository):
    from codesearch.answers.counting import counter_for

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
    result = run("outline", repository / "retry.py")
    assert result.stdout == "retry.py\n  4-6 function pause_after\n"
    everything = json.loads(run("outline", repository, "--format", "json").stdout)
    assert [s["name"] for s in everything["symbols"] if s["path"] == "router.py"] == ["add_route"]
    monkeypatch.chdir(repository / "docs")
    assert run("outline", ".").stdout.startswith("docs/guide.md\n")
    missing = run("outline", repository / "nowhere.py")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "is not in the index" in missing.stderr
    outside = run("outline", repository / ".." / "elsewhere.py")
    assert outside.exit_code == 2
