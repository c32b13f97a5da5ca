"""Completion as a shell asks for it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from codesearch.cli.main import cli


@pytest.fixture
def complete(no_user_settings):
    def ask(*words):
        variables = {"_CODESEARCH_COMPLETE": "zsh_complete", "COMP_CWORD": str(len(words))}
        variables["COMP_WORDS"] = " ".join(("codesearch", *words))
        done = CliRunner().invoke(cli, [], prog_name="codesearch", env=variables)
        assert done.stderr == "", "it would stand in the middle of what is being typed"
        lines = done.stdout.rstrip("\n").split("\n") if done.stdout.strip() else []
        return list(zip(lines[::3], lines[1::3], strict=True))

    return ask


def values(found):
    return [value for kind, value in found if kind == "plain"]


def test_commands_options_and_values(complete):
    assert values(complete("se")) == ["search", "serve"]
    assert "--lang" in values(complete("search", "x", "--la"))
    assert values(complete("search", "x", "--mode", "co")) == ["colbert"]
    assert values(complete("search", "x", "--lang", "py")) == ["python"]
    assert values(complete("files", "x", "--kind", "me")) == ["method"]
    assert values(complete("config", "chat_m")) == ["chat_model"]
    assert values(complete("repos", "re")) == ["remove"]


@pytest.mark.parametrize("begun", ["", "--"])
def test_a_command_that_there_is_not_has_nothing_to_complete(complete, begun):
    assert complete("find", begun) == []


@pytest.mark.parametrize(
    "words",
    [
        *((name, "") for name in ("index", "similar", "outline", "status", "doctor", "remove", "mcp", "tui")),
        *((name, "x", "") for name in ("search", "context", "files", "ask")),
        ("search", "x", "--state", ""),
    ],
)
def test_paths(complete, words):
    assert complete(*words)[0][0] in ("file", "dir")


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "function")]
)
def test_the_script_of_a_shell(run, shell, sign):
    done = run("completion", shell)
    assert done.exit_code == 0
    assert sign in done.stdout
    assert "_CODESEARCH_COMPLETE" in done.stdout
