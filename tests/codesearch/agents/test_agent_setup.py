from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from codesearch.agents.agent_setup import BEGIN, END, SECTION, apply, plan
from codesearch.cli.main import cli
from indexer.errors import InputError


def files(root):
    return {path.name: path.read_bytes() for path in root.iterdir()}


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"AGENTS.md": b"# Rules\n\nBe kind.\n"},
        {"CLAUDE.md": b"# Rules\r\n\r\nBe kind.\r\n"},
        {"AGENTS.md": b"one\n", "CLAUDE.md": b"two\n"},
        {".mcp.json": b'{\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  }\n}\n'},
        {".mcp.json": b'{\n  "other": 1\n}\n'},
        {".mcp.json": b'{"mcpServers":{"b":{"command":"x","args":[1,2]}},"z":[1,  2]}'},
        {".mcp.json": b'{\r\n\t"mcpServers": {\r\n\t\t"b": {"command": "x"}\r\n\t}\r\n}'},
        {".mcp.json": b'{ "other": "\\u00e9 \xc3\xa9",\n    "n": 1.0e3 }\n\n'},
        {".mcp.json": b"{}\n"},
    ],
)
def test_written_once_and_removed_without_a_trace(tmp_path, before):
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    apply(plan(tmp_path))
    written = files(tmp_path)
    assert json.loads(written[".mcp.json"])["mcpServers"]["codesearch"]["args"] == ["mcp", "."]
    sections = [content for name, content in written.items() if END.encode() in content]
    assert len(sections) == 1
    assert plan(tmp_path) == []
    apply(plan(tmp_path, remove=True))
    assert files(tmp_path) == before
    assert plan(tmp_path, remove=True) == []


def test_files_that_are_one_by_a_link(tmp_path):
    for name, target in (("AGENTS.md", "CLAUDE.md"), ("CLAUDE.md", "AGENTS.md")):
        root = tmp_path / name
        root.mkdir()
        (root / target).write_text("# Rules\n")
        (root / name).symlink_to(target)
        apply(plan(root))
        assert END in (root / target).read_text()
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


def test_a_link_that_comes_after_the_look_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "outside.md").write_text("theirs\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "AGENTS.md").symlink_to(tmp_path / "outside.md")
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)
    with pytest.raises(InputError, match="is a link"):
        plan(root, instructions="AGENTS.md")


@pytest.mark.parametrize("content", ["{", "[]", '{"mcpServers": []}', "[" * 100_000])
def test_what_cannot_be_changed_is_left_alone(tmp_path, content):
    (tmp_path / ".mcp.json").write_text(content)
    with pytest.raises(InputError, match="correct it by hand"):
        plan(tmp_path)


def test_the_command_shows_before_it_writes(tmp_path):
    shown = CliRunner().invoke(cli, ["init-agent", str(tmp_path)])
    assert shown.exit_code == 1
    assert shown.stdout.startswith("--- /dev/null\n+++ b/AGENTS.md\n")
    assert shown.stderr == "Nothing was written; add --yes to write it.\n"
    assert files(tmp_path) == {}
    assert CliRunner().invoke(cli, ["init-agent", str(tmp_path), "--yes"]).exit_code == 0
    assert set(files(tmp_path)) == {"AGENTS.md", ".mcp.json"}
    again = CliRunner().invoke(cli, ["init-agent", str(tmp_path), "--yes"])
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "Nothing to do.\n")
    assert CliRunner().invoke(cli, ["init-agent", str(tmp_path), "--remove", "-y"]).exit_code == 0
    assert files(tmp_path) == {}


def test_every_command_of_the_section_exists():
    import re

    for name in re.findall(r"`codesearch ([a-z-]+)", SECTION):
        assert cli.get_command(None, name) is not None
