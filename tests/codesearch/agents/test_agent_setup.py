from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from codesearch.agents.agent_setup import (
    AGENTS,
    BEGIN,
    END,
    SECTION,
    agents_in_use,
    apply,
    plan,
    server_command,
)
from codesearch.choices import AGENT_NAMES
from codesearch.cli.main import cli
from indexer.errors import InputError


def files(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def write(root, contents):
    for name, content in contents.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"AGENTS.md": b"# Rules\n\nBe kind.\n"},
        {"CLAUDE.md": b"# Rules\r\n\r\nBe kind.\r\n"},
        {"AGENTS.md": b"one\n", "CLAUDE.md": b"two\n"},
        {"AGENTS.md": b"", "CLAUDE.md": b"no end", "GEMINI.md": b"many\n\n\n"},
        {"AGENTS.md": b"\n", "CLAUDE.md": b"\r\n", "GEMINI.md": b"\n\nno end"},
        {".mcp.json": b'{\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  }\n}\n'},
        {".mcp.json": b'{\n  "other": 1\n}\n'},
        {".mcp.json": b'{"mcpServers":{"b":{"command":"x","args":[1,2]}},"z":[1,  2]}'},
        {".mcp.json": b'{\r\n\t"mcpServers": {\r\n\t\t"b": {"command": "x"}\r\n\t}\r\n}'},
        {".mcp.json": b'{ "other": "\\u00e9 \xc3\xa9",\n    "n": 1.0e3 }\n\n'},
        {".mcp.json": b"{}\n"},
        {".mcp.json": b"{ \n }", ".cursor/mcp.json": b'{"mcpServers": {}}', ".vscode/mcp.json": b"\n"},
        {".mcp.json": b"", ".cursor/mcp.json": b'{"a": 1, "mcpServers": { }, "b": 2}'},
        {".gemini/settings.json": b'{"theme": "x", "mcpServers": {\n\n}}', ".vscode/mcp.json": b"  "},
        {".vscode/mcp.json": b'{"servers": {"a": {"url": "http://x"}}, "inputs": []}'},
        {".codex/config.toml": b'model = "m"\n\n[mcp_servers.other]\ncommand = "x"'},
        {".codex/config.toml": b'[mcp_servers.other]\r\ncommand = "x"\r\n# the end\r\n'},
        {".codex/config.toml": b"", ".cursor/rules": b"x"},
    ],
)
def test_written_once_and_removed_without_a_trace(tmp_path, before):
    write(tmp_path, before)
    apply(plan(tmp_path, agents=AGENT_NAMES))
    written = files(tmp_path)
    for agent in AGENTS:
        load = tomllib.loads if agent.config.endswith(".toml") else json.loads
        entry = load(written[agent.config].decode())[agent.servers]["codesearch"]
        here = "${workspaceFolder}" if agent.entry else "."
        assert entry == {**dict(agent.entry), "command": "codesearch", "args": ["mcp", here]}
    for name in ("AGENTS.md", "CLAUDE.md", "GEMINI.md"):
        assert written[name].count(END.encode()) == 1
    for name, content in before.items():
        if name.endswith(".md"):
            assert written[name].startswith(content)
    assert plan(tmp_path, agents=AGENT_NAMES) == []
    apply(plan(tmp_path, remove=True))
    assert files(tmp_path) == before
    assert plan(tmp_path, remove=True) == []
    if not before:
        assert list(tmp_path.iterdir()) == []


def test_what_is_written_later_stays_when_the_section_goes(tmp_path):
    (tmp_path / "AGENTS.md").write_text("one\n")
    apply(plan(tmp_path))
    for name in ("AGENTS.md", "CLAUDE.md"):
        with (tmp_path / name).open("a") as file:
            file.write("\ntwo\n")
    apply(plan(tmp_path, remove=True))
    assert files(tmp_path) == {"AGENTS.md": b"one\n\ntwo\n", "CLAUDE.md": b"\ntwo\n"}


def test_only_agents_that_are_named_or_used_here(tmp_path):
    home = tmp_path / "home"
    root = tmp_path / "root"
    for folder in (home / ".codex", root / ".vscode"):
        folder.mkdir(parents=True)
    assert agents_in_use(root, home) == ("claude", "vscode", "codex")
    apply(plan(root, agents=("cursor",)))
    assert set(files(root)) == {"AGENTS.md", ".cursor/mcp.json"}
    apply(plan(root, agents=("gemini",)))
    assert set(files(root)) == {"AGENTS.md", "GEMINI.md", ".cursor/mcp.json", ".gemini/settings.json"}


def test_instructions_that_import_others_need_no_section(tmp_path):
    (tmp_path / "CLAUDE.md").write_text("# Claude\n\n@AGENTS.md\n")
    apply(plan(tmp_path))
    assert (tmp_path / "CLAUDE.md").read_text() == "# Claude\n\n@AGENTS.md\n"
    assert (tmp_path / "AGENTS.md").read_text() == SECTION


def test_files_that_are_one_by_a_link(tmp_path):
    for name, target in (("AGENTS.md", "CLAUDE.md"), ("CLAUDE.md", "AGENTS.md")):
        root = tmp_path / name
        root.mkdir()
        (root / target).write_text("# Rules\n")
        (root / name).symlink_to(target)
        apply(plan(root))
        assert (root / target).read_text().count(END) == 1
        assert plan(root) == []
        apply(plan(root, remove=True))
        assert (root / target).read_text() == "# Rules\n"
        assert (root / name).is_symlink()
        assert not (root / ".mcp.json").exists()


def test_an_entry_of_ones_own_is_set_right_where_it_stands(tmp_path):
    path = tmp_path / ".mcp.json"
    path.write_text('{"mcpServers": {"codesearch": {"command": "old"}, "b": {"x":1}}}')
    apply(plan(tmp_path))
    assert path.read_text() == (
        '{"mcpServers": {"codesearch": {"command": "codesearch", "args": ["mcp", "."]}, "b": {"x":1}}}'
    )
    apply(plan(tmp_path, remove=True))
    assert path.read_text() == '{"mcpServers": {"b": {"x":1}}}'


def test_an_older_section_is_replaced_where_it_stands(tmp_path):
    path = tmp_path / "AGENTS.md"
    path.write_text(f"# Top\n\n{BEGIN[:25]} of an older version -->\nold text\n{END}\n\n# Bottom\n")
    apply(plan(tmp_path))
    assert path.read_text() == f"# Top\n\n{SECTION}\n# Bottom\n"


def test_another_command_replaces_the_one_before(tmp_path):
    apply(plan(tmp_path, agents=AGENT_NAMES, command=("/opt/codesearch",)))
    assert json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["codesearch"] == {
        "command": "/opt/codesearch",
        "args": ["mcp", "."],
    }
    apply(plan(tmp_path, agents=AGENT_NAMES, command=("python", "-m", "codesearch")))
    value = tomllib.loads((tmp_path / ".codex" / "config.toml").read_text())
    entry = {"command": "python", "args": ["-m", "codesearch", "mcp", "."]}
    assert value == {"mcp_servers": {"codesearch": entry}}
    apply(plan(tmp_path, remove=True))
    assert files(tmp_path) == {}


def test_the_command_is_absolute_where_path_lacks_it(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "codesearch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    on_path = {"PATH": str(program.parent)}
    assert server_command(on_path) == ("codesearch",)
    assert server_command(on_path | {"VIRTUAL_ENV": str(tmp_path)}) == (str(program),)
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert server_command({"PATH": ""}) == (str(program),)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert server_command({"PATH": ""}) == (str(tmp_path / "python"), "-P", "-m", "codesearch")


def test_the_file_can_be_chosen(tmp_path):
    apply(plan(tmp_path, instructions="CLAUDE.md"))
    assert set(files(tmp_path)) == {"CLAUDE.md", ".mcp.json"}
    for name in ("../AGENTS.md", "/etc/passwd", ".git", "a/b.md"):
        with pytest.raises(InputError, match="is not the name of a file"):
            plan(tmp_path, instructions=name)


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside.md"
    outside.write_text("mine\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "AGENTS.md").symlink_to(outside)
    with pytest.raises(InputError, match="is a link"):
        plan(root)
    assert outside.read_text() == "mine\n"
    (root / "AGENTS.md").unlink()
    (tmp_path / "elsewhere").mkdir()
    (root / ".cursor").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"\.cursor/mcp\.json is a link"):
        plan(root, agents=["cursor"])


def test_a_link_that_comes_after_the_look_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "outside.md").write_text("theirs\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "AGENTS.md").symlink_to(tmp_path / "outside.md")
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)
    with pytest.raises(InputError, match="is a link"):
        plan(root, instructions="AGENTS.md")


@pytest.mark.parametrize("content", ["{", "[]", '{"mcpServers": []}', "[" * 100_000, "{} // comment"])
def test_what_cannot_be_changed_is_left_alone(tmp_path, content):
    (tmp_path / ".mcp.json").write_text(content)
    with pytest.raises(InputError, match="correct it by hand"):
        plan(tmp_path)


@pytest.mark.parametrize(
    "content", ["[", "mcp_servers = {}", "[mcp_servers.codesearch]\ncommand = 'mine'\n", "[[mcp_servers]]\n"]
)
def test_toml_that_cannot_be_changed_is_left_alone(tmp_path, content):
    write(tmp_path, {".codex/config.toml": content.encode()})
    with pytest.raises(InputError, match="by hand"):
        plan(tmp_path, agents=["codex"])


def test_the_command_shows_before_it_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "root"
    root.mkdir()

    def run(*options):
        done = CliRunner().invoke(cli, ["init-agent", str(root), *options])
        return done.exit_code, done.stdout, done.stderr

    status, shown, said = run()
    assert status == 1
    assert shown.startswith("--- /dev/null\n+++ b/AGENTS.md\n")
    assert said.endswith("Nothing was written; add --yes to write it.\n")
    assert files(root) == {}
    assert run("--yes")[0] == 0
    assert set(files(root)) == {"AGENTS.md", "CLAUDE.md", ".mcp.json"}
    assert run("--yes") == (0, "", "Nothing to do.\n")
    assert run("--yes", "--agent", "all")[0] == 0
    assert {agent.config for agent in AGENTS} <= set(files(root))
    assert run("--remove")[2] == "Nothing was removed; add --yes to remove it.\n"
    assert run("--remove", "-y")[0] == 0
    assert files(root) == {}


def test_every_agent_that_can_be_named_is_known():
    assert tuple(agent.name for agent in AGENTS) == AGENT_NAMES


def test_every_command_of_the_section_exists():
    for name in re.findall(r"`codesearch ([a-z-]+)", SECTION):
        assert cli.get_command(None, name) is not None
