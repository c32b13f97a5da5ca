from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from codesearch.locate import has_index
from codesearch.workspace import Workspace
from indexer import doctor
from indexer.disk.state_place import ROOT_FILE, state_folder
from indexer.errors import CodesearchError, IndexCorruptError, IndexMissingError, StorageError
from indexer.storage.manifest import ForeignIndexError

_ONLY_READS = """
import os, sys
root, *commands = sys.argv[1:]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
def refuse(event, args):
    is_write = event == "open" and isinstance(args[2], int) and args[2] & WRITES
    if is_write or event in ("os.mkdir", "os.rename", "os.remove", "os.chmod", "sqlite3.connect"):
        path = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        if path.removeprefix("file://").startswith(root + os.sep):
            raise OSError(30, "Read-only file system", path)
sys.addaudithook(refuse)
from codesearch.cli.main import cli
for command in commands:
    sys.argv[1:] = [*command.split(), root]
    try:
        cli(prog_name="codesearch")
    except SystemExit as ended:
        print("exit code", ended.code, flush=True)
"""
"""Commands about a folder in a process for which nothing in that folder can be written."""

pytestmark = pytest.mark.usefixtures("one_encoder", "no_user_settings")


def tree(root: Path, text: str) -> Path:
    root.mkdir(parents=True)
    (root / "a.py").write_text(f"def {text}():\n    return '{text}'\n", encoding="utf-8")
    return root


def command(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_a_tree_that_cannot_be_written_is_indexed_and_searched(tmp_path, monkeypatch):
    root, state = tree(tmp_path / "tree", "harbour"), tmp_path / "kept"
    (root / "a.py").chmod(0o444)
    root.chmod(0o555)  # holds for all but root
    monkeypatch.setenv("CODESEARCH_STATE", str(state))

    def run(*commands: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-P", "-c", _ONLY_READS, str(root), *commands]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    done = run("index", "search harbour", "doctor")
    assert done.stdout.count("exit code 0\n") == 3, done.stderr
    for shown in ("Indexed 1 file", "a.py", "is sound"):
        assert shown in done.stdout
    assert os.listdir(root) == ["a.py"]  # noqa: PTH208
    monkeypatch.delenv("CODESEARCH_STATE")
    refused = run("index")
    assert refused.stdout == "exit code 2\n"
    assert "cannot be written" in refused.stderr
    root.chmod(0o755)


def test_the_option_is_the_setting_and_nothing_of_it_stays(tmp_path, monkeypatch):
    root, state = tree(tmp_path / "tree", "harbour"), tmp_path / "kept"
    assert command("index", "--state", state, root).exit_code == 0
    assert command("search", "harbour", root, "--state", state).exit_code == 0
    assert command("search", "harbour", root, "--no-build").exit_code == 2
    monkeypatch.chdir(tmp_path)
    assert command("status", root, "--state", "kept").exit_code == 0
    monkeypatch.setenv("CODESEARCH_STATE", "kept")
    refused = command("status", root)
    assert refused.exit_code == 2
    assert "must be an absolute path" in refused.stderr


def test_two_trees_of_one_name_have_an_index_each(tmp_path):
    state = tmp_path / "kept"
    roots = [tree(tmp_path / "one" / "app", "harbour"), tree(tmp_path / "two" / "app", "lighthouse")]
    for root in roots:
        CodeIndex.build(root, state=state).close()
    assert len(list(state.iterdir())) == 2
    with Workspace(roots, state=state) as workspace:
        for name, symbol in zip(workspace.names, ("harbour", "lighthouse"), strict=True):
            with workspace.opened(name) as index:
                assert [entry.span.name for entry in index.outline()] == [symbol]


def test_an_index_outside_is_kept_up_to_date_where_it_lies(tmp_path):
    root, state = tree(tmp_path / "tree", "harbour"), tmp_path / "kept"
    with CodeIndex.build(root, state=state) as index:
        (root / "b.py").write_text("def jetty(): pass\n", encoding="utf-8")
        index.update()
        assert index.paths() == ("a.py", "b.py")
        assert has_index(root, state)
        assert not has_index(root)
    with CodeIndex.open(root / "a.py", state=state) as index:
        assert index.root == root
    with pytest.raises(IndexMissingError):
        CodeIndex.open(root)
    with pytest.raises(IndexMissingError):
        CodeIndex.open(tree(tmp_path / "other", "mole"), state=state)


def test_a_folder_of_another_tree_is_not_taken_for_this_ones(tmp_path):
    state = tmp_path / "kept"
    one, two = tree(tmp_path / "one", "harbour"), tree(tmp_path / "two", "lighthouse")
    CodeIndex.build(one, state=state).close()
    state_folder(one, state).rename(state_folder(two, state))
    with pytest.raises(IndexCorruptError, match="is the index of another folder"):
        CodeIndex.open(two, state=state)
    with pytest.raises(StorageError, match="is the index of another folder"):
        CodeIndex.build(two, state=state)
    assert not doctor.examine(two, state).is_sound


def test_links_and_foreign_indexes_outside_are_refused_as_inside(tmp_path, monkeypatch):
    root, state, elsewhere = tree(tmp_path / "tree", "harbour"), tmp_path / "kept", tmp_path / "elsewhere"
    CodeIndex.build(root, state=state).close()
    own = state_folder(root, state)
    assert doctor.examine(root, state).is_sound
    with monkeypatch.context() as other_user:
        other_user.setenv("XDG_STATE_HOME", str(tmp_path / "keys of another"))
        with pytest.raises(ForeignIndexError):
            CodeIndex.open(root, state=state)
    own.rename(elsewhere)
    own.symlink_to(elsewhere)
    with pytest.raises(CodesearchError, match="is a link"):
        CodeIndex.build(root, state=state)
    assert not doctor.examine(root, state).is_sound


@pytest.mark.parametrize(
    "name",
    "index search context ask files similar outline status doctor mcp serve watch tui".split(),
)
def test_every_command_that_opens_an_index_knows_the_option(name):
    assert "--state DIR" in command(name, "--help").stdout


def test_a_background_build_writes_where_the_index_lies(tmp_path):
    root, state = tree(tmp_path / "tree", "harbour"), tmp_path / "kept"
    with CodeIndex.open(root, build="words", state=state) as index:
        index.encode_in_background()
        while index.is_encoding:
            time.sleep(0.05)
        index.follow()
        assert index.status().n_encoded == 1
    assert not has_index(root)


def test_a_tab_of_the_browser_is_told_where_indexes_lie(tmp_path):
    web = pytest.importorskip("tui.web")
    program = web.application([tmp_path], tmp_path / "kept")
    assert program[-3:] == ["--state", str(tmp_path / "kept"), str(tmp_path)]


def test_doctor_mends_an_index_outside(tmp_path):
    root, state = tree(tmp_path / "tree", "harbour"), tmp_path / "kept"
    CodeIndex.build(root, state=state).close()
    (state_folder(root, state) / ROOT_FILE).unlink()
    assert not doctor.examine(root, state).is_sound
    assert doctor.repair(root, outside=state).is_sound
    assert not has_index(root)


def test_a_folder_inside_the_tree_is_not_indexed_with_it(tmp_path):
    root = tree(tmp_path / "tree", "harbour")
    with CodeIndex.build(root, state=root / "kept") as index:
        index.update()
        assert index.paths() == ("a.py",)
