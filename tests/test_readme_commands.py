"""Every command of the README runs, word for word, in a repository that has what the commands name.

What would run until it is stopped (`tui`, `mcp`, `serve`, `watch`) is begun and returns at once, a chat model
answers from here, and the one address on the network is a file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from codesearch.cli.main import cli
from indexer.training.adapt import AdaptReport

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| [^|]+ \| `((?:\\\||[^|`])*\bcodesearch (?:\\\||[^|`])*)` \|$", re.MULTILINE)


def commands_of_blocks() -> list[str]:
    """Lines of the fenced blocks that are commands of codesearch, without comments."""
    blocks = [block for language, block in _BLOCK.findall(README) if not language]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [re.sub(r"\s{2,}#.*", "", line) for line in lines if line.startswith("codesearch ")]


def commands_of_the_table() -> list[str]:
    return [row.replace("\\|", "|") for row in _ROW.findall(README)]


@pytest.fixture(scope="module")
def workplace(task_queue, tmp_path_factory):
    """A git repository on main with a tag, a folder `repo` in it and neighbours beside it."""
    base = tmp_path_factory.mktemp("readme")
    here = base / "here"
    shutil.copytree(task_queue, here)
    shutil.copytree(here / "millrace", here / "task_queue")
    (here / "src").mkdir()
    function = "def retry_{0}(route):\n    '''Retry with back-off: wait {0} s.'''\n    return route\n\n"
    (here / "src" / "router.py").write_text("".join(function.format(n) for n in range(40)))
    (here / "logo.png").write_bytes(b"\x89PNG\0")
    for folder in (here / "repo", base / "web", base / "shop", base / "other"):
        folder.mkdir()
        (folder / "limits.py").write_text(
            f"def limit_rate(route):\n    '''Rate limiting in {folder.name}, retries too.'''\n"
        )
    shutil.copy(here / "millrace" / "backoff.py", base / "web")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-C", str(here)]
    for words in (
        "init -q -b main",
        "add millrace",
        "commit -qm wait",
        "tag v1.2",
        "add src",
        "commit -qm retry",
    ):
        subprocess.run([*git, *words.split()], check=True, capture_output=True)
    return here


@pytest.fixture
def shell(workplace, tmp_path, monkeypatch):
    """A line of a shell as a person gives it; codesearch itself runs in this process."""
    for name in [name for name in os.environ if name.startswith("CODESEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODESEARCH_CHAT_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("CODESEARCH_CHAT_MODEL", "m")
    monkeypatch.setenv("TEXTUAL_DRIVER", "none")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    for name in ("llm", *(() if shutil.which("jq") else ("jq",))):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\ncat\n")
        (tmp_path / "bin" / name).chmod(0o700)
    monkeypatch.setattr("codesearch.service.server.serve", lambda *_, **__: None)
    monkeypatch.setattr("codesearch.service.watcher.Watcher.run", _nothing)
    monkeypatch.setattr("codesearch.agents.mcp_server.run", lambda *_, **__: None)
    monkeypatch.setattr("tui.app.CodesearchApp.run", lambda *_: None)
    monkeypatch.setattr("codesearch.agents.ask.Conversation.answer", lambda *_: iter(["See [1]."]))
    monkeypatch.setattr("indexer.travel.sources._asked", lambda _: (workplace / "index.tar.gz").open("rb"))
    report = AdaptReport(tmp_path, True, 900, 100, 250, 10**6, 600.0, {"rows": 0.5}, {"rows": 0.6}, ())
    monkeypatch.setattr("indexer.training.adapt.adapt", lambda *_, **__: report)
    monkeypatch.chdir(workplace)

    def run(line: str) -> str:
        shown = ""
        for command in line.split(" && "):
            stages = command.split(" | ")
            own = next(n for n, stage in enumerate(stages) if stage.startswith("codesearch "))
            given = _piped(stages[:own], b"")
            done = CliRunner().invoke(cli, shlex.split(stages[own])[1:], prog_name="codesearch", input=given)
            expected = 1 if "init-agent" in command else 0  # nothing is written before somebody agrees
            assert done.exit_code == expected, (command, done.exit_code, done.stderr)
            shown += _piped(stages[own + 1 :], done.stdout_bytes).decode()
        return shown

    return run


async def _nothing(*_: object) -> None:
    pass


def _piped(stages: list[str], given: bytes) -> bytes:
    for stage in stages:
        given = subprocess.run(["sh", "-c", stage], input=given, capture_output=True, check=True).stdout
    return given


def test_every_command_of_the_table(shell):
    commands = commands_of_the_table()
    assert len(commands) > 20
    for command in ("codesearch index", "codesearch index --rev v1.2", "codesearch index ../web"):
        shell(command)
    silent = {"watch", "serve", "tui"}
    for command in commands:
        shown = shell(command)
        assert shown or command.split()[1] in silent, command


def test_every_command_of_the_blocks(shell):
    commands = commands_of_blocks()
    assert len(commands) > 20
    for command in commands:
        shell(command)


def test_what_the_readme_names_elsewhere_exists():
    """Commands in running text: each names a command, and options that it has."""
    prose = re.sub(r"^```.*?^```$", "", _ROW.sub("", README), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(codesearch [^`\n]+)`", prose))
    assert len(named) > 10
    context = cli.make_context("codesearch", ["--help"], resilient_parsing=True)
    for code in named:
        words = [word for word in code.split() if word != "help"]
        if len(words) == 1 or words[1] == "--man":
            continue  # of the group itself
        command = cli.get_command(context, words[1])
        if isinstance(command, click.Group) and len(words) > 2:
            command = command.get_command(context, words[2])
        assert command is not None, code
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        given = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
        assert given <= options | {"--help"}, code


def test_the_recipes_of_editors_read_what_is_printed(shell):
    """The patterns of Vim, Emacs and VS Code take a line apart."""
    line = shell('codesearch search "retry" --format vimgrep -k 1').splitlines()[0]
    (tasks,) = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    pattern = json.loads(tasks)["tasks"][0]["problemMatcher"]["pattern"]
    file, number, column, text = re.fullmatch(pattern["regexp"], line).groups()
    lines = Path(file).read_text().splitlines()
    assert lines[int(number) - 1] == text
    assert 0 < int(column) <= len(text)
    assert "grepformat=%f:%l:%c:%m" in README
    if shutil.which("vim"):
        Path("found.txt").write_text(line + "\n")
        script = "set efm=%f:%l:%c:%m | cgetfile found.txt | let q = getqflist()[0]"
        script += " | call writefile([bufname(q.bufnr), q.lnum, q.col], 'read.txt') | q"
        subprocess.run(["vim", "-es", "-u", "NONE", "-c", script], capture_output=True, check=False)
        assert Path("read.txt").read_text().split() == [file, number, column]
