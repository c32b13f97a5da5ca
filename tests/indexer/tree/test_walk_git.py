"""The walk as git sees the tree, and the same view where git cannot be asked."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from indexer.settings import WalkSettings
from indexer.tree import git_runner
from indexer.tree.walk import walk
from tests.indexer.walking import DEFAULT, found, git, put, skipped

# --- git's view -----------------------------------------------------------------------------


def test_tracked_and_untracked_but_not_ignored_files_are_found_in_order(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "b.py", "a.py", "ignored.log", "sub/c.py", "sub/kept.log", "sub/deep/d.log", "excluded.py")
    put(tree, "forced.log")
    put(tree, ".gitignore", text="*.log\n")
    put(tree, "sub/.gitignore", text="!kept.log\n")
    put(tree, ".git/info/exclude", text="excluded.py\n")
    git(tree, "add", "-f", "a.py", "forced.log")
    assert found(tree) == ["a.py", "b.py", "forced.log", "sub/c.py", "sub/kept.log"]


def test_a_tracked_file_that_was_deleted_is_not_mentioned(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "gone.py", "folder/gone.py")
    git(tree, "add", ".")
    (tree / "gone.py").unlink()
    shutil.rmtree(tree / "folder")
    put(tree, "folder")  # a file where a folder was
    assert [entry.path for entry in walk(tree, DEFAULT)] == ["a.py", "folder"]


def test_a_tracked_file_that_became_a_folder_gives_its_files_once(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a")
    git(tree, "add", ".")
    (tree / "a").unlink()
    put(tree, "a/x.py", "a/y.py")
    assert found(tree) == ["a/x.py", "a/y.py"]


def test_a_file_in_conflict_is_found_once(tree: Path) -> None:
    git(tree, "init", "-q", "-b", "main")
    put(tree, "a.py", text="base\n")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "base")
    git(tree, "checkout", "-qb", "other")
    put(tree, "a.py", text="other\n")
    git(tree, "commit", "-qam", "other")
    git(tree, "checkout", "-q", "main")
    put(tree, "a.py", text="main\n")
    git(tree, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(tree, "merge", "other")
    assert found(tree) == ["a.py"]


def test_a_folder_of_a_repository_is_walked_by_the_rules_of_the_whole(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "top.py", "sub/a.py", "sub/b.log", "sub/own.tmp")
    put(tree, ".gitignore", text="*.log\n/sub/own.tmp\n")
    assert found(tree / "sub") == ["a.py"]


def test_an_ignored_folder_that_is_asked_for_is_walked_all_the_same(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "scratch/a.py")
    put(tree, ".gitignore", text="scratch/\n")
    assert found(tree) == []
    assert found(tree / "scratch") == ["a.py"]


def test_submodules_and_nested_repositories_are_walked_by_their_own_rules(tree: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    put(library, "lib.py")
    put(library, ".gitignore", text="*.tmp\n")
    git(library, "add", ".")
    git(library, "commit", "-qm", "library")
    git(tree, "init", "-q")
    put(tree, "a.py")
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "libs/library")
    put(tree, "libs/library/new.py", "libs/library/x.tmp")
    (tree / "nested").mkdir()
    git(tree / "nested", "init", "-q")
    put(tree, "nested/n.py", "nested/n.skip")
    put(tree, "nested/.gitignore", text="*.skip\n")
    git(tree / "nested", "add", "n.py")
    git(tree / "nested", "commit", "-qm", "nested")
    assert found(tree) == ["a.py", "libs/library/lib.py", "libs/library/new.py", "nested/n.py"]


def test_a_submodule_that_was_never_checked_out_is_nothing(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py")
    git(tree, "add", ".")
    git(tree, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},libs/library")
    (tree / "libs/library").mkdir(parents=True)
    assert found(tree) == ["a.py"]


def test_another_checkout_of_a_repository_is_skipped(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "first")
    git(tree, "worktree", "add", "-q", "copy")
    assert found(tree) == ["a.py"]
    assert skipped(tree) == {"copy/": "worktree"}
    assert found(tree / "copy") == ["a.py"]


def test_repositories_in_a_folder_that_is_none_are_asked_themselves(tree: Path) -> None:
    put(tree, "notes.md", "one/a.py", "one/skip.tmp", "one/forced.tmp", "deep/two/b.py")
    put(tree, "one/.gitignore", text="*.tmp\n")
    for name in ("one", "deep/two"):
        git(tree / name, "init", "-q")
        git(tree / name, "add", "-f", ".")
    git(tree / "one", "rm", "-q", "--cached", "skip.tmp")
    git(tree / "one", "commit", "-qm", "first")
    git(tree / "one", "worktree", "add", "-q", "../one-again")
    assert found(tree) == ["deep/two/b.py", "notes.md", "one/a.py", "one/forced.tmp"]
    assert skipped(tree)["one-again/"] == "worktree"
    (tree / "one").rename(tree.parent / "one")  # the checkout's repository is elsewhere: it counts
    assert "one-again/a.py" in found(tree)


def test_the_users_own_ignore_file_counts(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "a.personal")
    put(Path.home(), ".config/git/ignore", text="*.personal\n")
    assert found(tree) == ["a.py"]


def test_excludes_of_includeif_count_where_git_says_so(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "a.personal")
    put(Path.home(), "ignore", text="*.personal\n")
    put(Path.home(), "work.conf", text="[core]\n\texcludesFile = ~/ignore\n")
    config = '[includeIf "gitdir:{}"]\n\tpath = ~/work.conf\n'
    put(Path.home(), ".gitconfig", text=config.format(f"{tree}/"))
    assert found(tree) == ["a.py"]
    put(Path.home(), ".gitconfig", text=config.format("/elsewhere/"))
    assert found(tree) == ["a.personal", "a.py"]


@pytest.mark.parametrize("variable", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"])
def test_excludes_of_the_users_and_the_machines_configuration_count(
    tree: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "a.personal")
    put(Path.home(), "ignore", text="*.personal\n")
    put(Path.home(), "config", text="[core]\n\texcludesFile = ~/ignore\n")
    monkeypatch.setenv(variable, str(Path.home() / "config"))
    assert found(tree) == ["a.py"]


def test_excludes_of_a_command_line_that_runs_git_count(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "a.personal")
    put(Path.home(), "ignore", text="*.personal\n")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.excludesFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "~/ignore")
    assert found(tree) == ["a.py"]


def test_the_repositorys_own_configuration_names_no_ignore_file(tree: Path) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "a.personal", "b.theirs")
    put(Path.home(), ".config/git/ignore", text="*.personal\n")
    put(tree.parent, "theirs", text="*.theirs\n")
    git(tree, "config", "core.excludesFile", str(tree.parent / "theirs"))
    assert found(tree) == ["a.py", "b.theirs"]


def test_git_is_not_taken_from_the_tree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tree, "init", "-q")
    put(tree, "git", text=f"#!/bin/sh\ntouch {tree.parent}/mark\n")
    (tree / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    assert found(tree) == ["git"]
    assert not (tree.parent / "mark").exists()


@pytest.mark.parametrize("seed", range(16))
def test_random_trees_are_seen_as_git_sees_them_with_git_and_without(tree: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["a", "b", "build", "x.py", "y.txt", "foo.o", "data.csv", "a b", "é.py", "[z]", "tmp1"]
    lines = [
        "*.o", "build/", "/a", "a/", "b/*", "!b/x.py", "**/tmp1", "a/**/y.txt", "*.txt", "!y.txt", "foo.*",
        "a b", "tmp?", "[a-c]", "\\[z\\]", "/b/a/", "é*", "data.csv ", "# comment", "x.py/", "!/build", "a/b",
        "*", "!*/", "!*.py", "**/b/**", "b/**", "[!a].py", "\\!x", "/*/x.py", "a//b", "foo.o\\ ",
    ]  # fmt: skip
    folders = [""]
    for _ in range(12):
        folders.append(os.path.join(chance.choice(folders), chance.choice(names)))  # noqa: PTH118
    for folder in folders:
        if not any(parent.is_file() for parent in ((tree / folder), *(tree / folder).parents)):
            (tree / folder).mkdir(parents=True, exist_ok=True)
            for name in chance.sample(names, 3):
                if not (tree / folder / name).exists():
                    put(tree / folder, name)
            if chance.random() < 0.5:
                put(tree / folder, ".gitignore", text="\n".join(chance.sample(lines, 4)) + "\n")
    git(tree, "init", "-q")
    listed = git(tree, "-c", "core.quotePath=false", "ls-files", "-z", "-co", "--exclude-standard")
    # What the names say is another test's matter.
    expected = sorted(path for path in listed.split("\0") if path and not path.endswith((".gitignore", ".o")))
    assert found(tree) == expected
    shutil.rmtree(tree / ".git")
    assert found(tree) == expected


# --- without git ----------------------------------------------------------------------------


def test_without_git_the_repository_is_walked_by_its_ignore_files(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py", "b.log", "excluded.py", "sub/c.py")
    put(tree, ".gitignore", text="*.log\n")
    put(tree, ".git/info/exclude", text="excluded.py\n")
    monkeypatch.setenv("PATH", str(tree / "nothing"))
    assert found(tree) == ["a.py", "sub/c.py"]


def test_a_git_that_hangs_or_fails_is_done_without(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tree, "init", "-q")
    put(tree, "a.py")
    os.mkfifo(tree / ".gitignore")
    monkeypatch.setattr(git_runner, "GIT_SECONDS", 0.3)
    assert found(tree) == ["a.py"]


def test_dependency_folders_are_skipped_unless_git_tracks_them(tree: Path) -> None:
    put(
        tree,
        "a.py",
        "node_modules/x/index.js",
        "env/lib/b.py",
        "env/pyvenv.cfg",
        "venv/notes.py",
        "vendor/v.go",
    )
    assert found(tree) == ["a.py", "vendor/v.go", "venv/notes.py"]
    assert skipped(tree) == {"node_modules/": "vendored", "env/": "vendored"}
    git(tree, "init", "-q")
    git(tree, "add", "-f", "node_modules")
    assert found(tree) == ["a.py", "node_modules/x/index.js", "vendor/v.go", "venv/notes.py"]
    without = WalkSettings(include_vendored=False)
    assert found(tree, without) == ["a.py", "venv/notes.py"]


def test_of_a_bare_repository_one_checkout_is_indexed(tree: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "-q", "-b", "trunk")
    put(source, "a.py")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "one")
    git(tree, "clone", "-q", "--bare", str(source), ".bare")
    put(tree, ".git", text="gitdir: ./.bare\n")
    for branch in ("alpha", "trunk", "zeta"):
        git(
            tree,
            "worktree",
            "add",
            "-q",
            "-B" if branch != "trunk" else "-f",
            *([branch] * (branch != "trunk")),
            branch,
        )
    assert found(tree) == ["trunk/a.py"]
    assert skipped(tree) == {".bare/": "hidden", "alpha/": "worktree", "zeta/": "worktree"}
    assert found(tree / "zeta") == ["a.py"]
    shutil.rmtree(tree / "trunk")
    assert found(tree) == ["alpha/a.py"]
