"""The walk of a tree that means harm: links, devices, names, configuration; nothing outside is touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from indexer.reading.source_file import read_source
from indexer.records import FoundFile, SkippedFile
from indexer.tree.walk import walk
from tests.indexer.walking import DEFAULT, found, git, put, read, skipped


@pytest.mark.parametrize("with_git", [True, False])
def test_links_are_never_followed(tree: Path, tmp_path: Path, with_git: bool) -> None:
    put(tmp_path, "outside/secret.py")
    put(tree, "docs/a.md")
    (tree / "docs/again.md").symlink_to("a.md")
    (tree / "loop").symlink_to(".")
    (tree / "out").symlink_to(tmp_path / "outside")
    (tree / "up.py").symlink_to("../outside/secret.py")
    (tree / "broken").symlink_to("nowhere")
    if with_git:
        git(tree, "init", "-q")
        git(tree, "add", ".")
    assert found(tree) == ["docs/a.md"]
    assert skipped(tree) == {
        "broken": "link",
        "docs/again.md": "link",
        "loop": "link",
        "out": "link-outside",
        "up.py": "link-outside",
    }


def test_a_tracked_folder_that_became_a_link_leads_nowhere(tree: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/a.py")
    git(tree, "init", "-q")
    put(tree, "folder/a.py")
    git(tree, "add", ".")
    shutil.rmtree(tree / "folder")
    (tree / "folder").symlink_to(tmp_path / "outside")
    assert found(tree) == []
    assert skipped(tree)["folder"] == "link-outside"


def test_a_folder_exchanged_for_a_link_between_walk_and_read_leads_nowhere(
    tree: Path, tmp_path: Path
) -> None:
    put(tmp_path, "outside/a.py", text="secret = 1\n")
    put(tree, "folder/a.py")
    (entry,) = (entry for entry in walk(tree, DEFAULT) if isinstance(entry, FoundFile))
    shutil.rmtree(tree / "folder")
    (tree / "folder").symlink_to(tmp_path / "outside")
    result = read_source(tree, entry, DEFAULT)
    assert isinstance(result, SkippedFile)
    assert result.reason == "unreadable"


@pytest.mark.parametrize("path", ["../a.py", "/etc/passwd", "a/../../b", "a//b", "./a", ""])
def test_a_path_that_is_not_inside_is_refused(tree: Path, path: str) -> None:
    put(tree, "a/x.py")
    with pytest.raises(ValueError, match="not a path inside"):
        read(tree, path)


@pytest.mark.parametrize("with_git", [True, False])
def test_fifos_and_sockets_are_never_opened(
    tree: Path, with_git: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_git:
        git(tree, "init", "-q")
    put(tree, "a.py")
    os.mkfifo(tree / "pipe.py")
    monkeypatch.chdir(tree)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.py")
        assert found(tree) == ["a.py"]
        result = read(tree, "pipe.py")  # returns at once though nobody writes
        assert isinstance(result, SkippedFile)
        assert result.reason == "special"
    (tree / "a.py").unlink()
    os.mkfifo(tree / "a.py")
    assert found(tree) == []


@pytest.mark.parametrize("with_git", [True, False])
def test_names_that_cannot_be_stored_or_shown_are_skipped_and_escaped(tree: Path, with_git: bool) -> None:
    if with_git:
        git(tree, "init", "-q")
    for name in (
        b"new\nline.py",
        b"esc\x1b[31m.py",
        b"not\xffutf8.py",
        b"bell\x07/inner.py",
        "größe.py".encode(),
    ):
        path = os.fsencode(tree) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"x = 1\n")
    assert found(tree) == ["größe.py"]
    assert set(skipped(tree).values()) == {"name"}
    assert sorted(skipped(tree)) == ["bell\\x07/", "esc\\x1b[31m.py", "new\\nline.py", "not\\udcffutf8.py"]


def test_a_repository_cannot_make_git_run_or_reach_anything(tree: Path, tmp_path: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py")
    git(tree, "add", ".")
    put(tmp_path, "outside/b.py")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    hook = tree / ".git/hooks/post-index-change"
    shutil.copy(trap, hook)
    for key, value in {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(tree / ".git/hooks"),
        "core.worktree": str(tmp_path / "outside"),
        "core.pager": str(trap),
        "core.excludesFile": str(tmp_path / "fifo"),
        "filter.x.clean": str(trap),
        "alias.ls-files": f"!{trap}",
    }.items():
        subprocess.run(["git", "config", "-f", str(tree / ".git/config"), key, value], check=True)
    os.mkfifo(tmp_path / "fifo")
    put(tree, ".gitattributes", text="*.py filter=x\n")
    put(tree, "a.py", text="y = 2222\n")
    assert found(tree) == ["a.py"]
    assert not (tmp_path / "sprung").exists()


def test_git_variables_of_the_caller_do_not_redirect_the_walk(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    put(other, "b.py")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert found(tree) == ["a.py"]


def test_an_ignore_file_made_to_be_slow_is_not(tree: Path) -> None:
    put(tree, "a" * 200 + ".py")
    put(tree, ".codesearchignore", text="*a" * 30 + "b\n" + "x\n" * 1000)
    assert found(tree) == ["a" * 200 + ".py"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tree: Path) -> None:
    put(tree, "a.py", "locked/b.py")
    (tree / "a.py").chmod(0)
    (tree / "locked").chmod(0)
    try:
        assert skipped(tree)["locked/"] == "unreadable"
        result = read(tree, "a.py")
        assert isinstance(result, SkippedFile)
        assert result.reason == "unreadable"
    finally:
        (tree / "locked").chmod(0o700)
