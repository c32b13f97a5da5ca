"""The walk: git's view, the view without git, what is skipped and why, and what is never touched."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from indexer import git_files
from indexer.records import FoundFile, SkippedFile, SourceFile
from indexer.settings import WalkSettings
from indexer.walk import read_source, walk

DEFAULT = WalkSettings()


@pytest.fixture(autouse=True)
def own_git_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git_files._user_excludes.cache_clear()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    return root


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def put(root: Path, *paths: str, text: str = "x = 1\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found(root: Path, settings: WalkSettings = DEFAULT) -> list[str]:
    return [entry.path for entry in walk(root, settings) if isinstance(entry, FoundFile)]


def skipped(root: Path, settings: WalkSettings = DEFAULT) -> dict[str, str]:
    return {entry.path: entry.reason for entry in walk(root, settings) if isinstance(entry, SkippedFile)}


def read(root: Path, path: str, settings: WalkSettings = DEFAULT) -> SourceFile | SkippedFile:
    return read_source(root, FoundFile(path, 0, 0), settings)


# --- git's view ------------------------------------------------------------------------------


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


# --- without git -----------------------------------------------------------------------------


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
    monkeypatch.setattr(git_files, "GIT_SECONDS", 0.3)
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


# --- our own rules ---------------------------------------------------------------------------


@pytest.mark.parametrize("with_git", [True, False])
def test_codesearchignore_excludes_and_brings_back(tree: Path, with_git: bool) -> None:
    if with_git:
        git(tree, "init", "-q")
    put(tree, "a.py", "data/big.txt", "data/keep.txt", "sub/x.gen", "sub/y.gen", "sub/.codesearchignore")
    put(tree, ".github/workflows/ci.yml", ".hidden.py", "yarn.lock", "id_rsa", "docs/old/a.md")
    put(
        tree,
        ".codesearchignore",
        text="data/*\n!data/keep.txt\n*.gen\n!.github/\n!yarn.lock\n!id_rsa\nold/\n",
    )
    put(tree, "sub/.codesearchignore", text="!y.gen\n")
    assert found(tree) == [".github/workflows/ci.yml", "a.py", "data/keep.txt", "sub/y.gen", "yarn.lock"]
    reasons = skipped(tree)
    assert reasons["data/big.txt"] == reasons["docs/old/"] == reasons["sub/x.gen"] == "ignored"
    assert reasons["id_rsa"] == "secret"  # a repository cannot ask for these
    assert reasons[".hidden.py"] == "hidden"


@pytest.mark.parametrize("with_git", [True, False])
def test_names_that_say_enough_are_skipped_with_their_reason(tree: Path, with_git: bool) -> None:
    if with_git:
        git(tree, "init", "-q")
    expected = {
        ".cache/": "hidden",
        ".env": "secret",
        ".env.local": "secret",
        "a.min.js": "minified",
        "api_pb2.py": "generated",
        "empty.py": "empty",
        "go.sum": "lock-file",
        "keys/server.pem": "secret",
        "logo.png": "binary",
        "package-lock.json": "lock-file",
    }
    put(tree, "ok.py", "LICENSE", ".cache/x.py", *(path for path in expected if not path.endswith("/")))
    put(tree, "empty.py", text="")
    assert skipped(tree) == expected
    assert found(tree) == ["LICENSE", "ok.py"]
    everything = WalkSettings(include_hidden=True, include_generated=True, include_secrets=True)
    assert skipped(tree, everything) == {"logo.png": "binary", "empty.py": "empty"}


def test_the_size_limit_is_stated_when_it_bites(tree: Path) -> None:
    put(tree, "a.py", text="x" * 100)
    put(tree, "b.py", text="x" * 101)
    documents = ["guide.md", "manual.pdf", "page.HTML", "server.log"]
    put(tree, *documents, text="x" * 101)  # documents have a limit of their own
    small = WalkSettings(max_file_bytes=100)
    assert found(tree, small) == ["a.py", *documents]
    (skip,) = (entry for entry in walk(tree, small) if isinstance(entry, SkippedFile))
    assert skip.reason == "too-large"
    assert "101 bytes" in skip.detail
    assert "limit of 100" in skip.detail


@pytest.mark.parametrize("with_git", [True, False])
def test_git_and_our_own_folder_are_never_entered(tree: Path, with_git: bool) -> None:
    put(
        tree,
        "a.py",
        ".codesearch/index.py",
        "sub/.codesearch/x.py",
        ".Git/x.py",
        ".g\u200cit/y.py",
        ".git./z.py",
    )
    if with_git:
        git(tree, "init", "-q")
    everything = WalkSettings(include_hidden=True)
    assert [entry.path for entry in walk(tree, everything)] == ["a.py"]


# --- containment -----------------------------------------------------------------------------


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


# --- reading ---------------------------------------------------------------------------------


def test_a_source_file_is_the_text_as_on_disk(tree: Path) -> None:
    content = b"\xef\xbb\xbfdef f():\r\n\treturn '\xc3\xa9'\r\n"
    (tree / "a.py").write_bytes(content)
    source = read(tree, "a.py")
    assert isinstance(source, SourceFile)
    assert source.text == "def f():\r\n\treturn 'é'\r\n"
    assert (source.language, source.n_bytes) == ("python", len(content))
    assert source.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", b"\x00\x01\x02", "binary"),
        ("blank.py", b" \n\t\n", "empty"),
        ("gen.go", b"// Code generated by mockgen. DO NOT EDIT.\npackage a\n", "generated"),
        ("app.js", b"var a=1;" * 1000, "minified"),
    ],
)
def test_content_that_is_not_indexed_gives_its_reason(
    tree: Path, name: str, content: bytes, reason: str
) -> None:
    (tree / name).write_bytes(content)
    result = read(tree, name)
    assert isinstance(result, SkippedFile)
    assert result.reason == reason
    assert result.detail


def test_a_file_that_grew_since_the_walk_is_too_large(tree: Path) -> None:
    put(tree, "a.py", text="x" * 1000)
    result = read(tree, "a.py", WalkSettings(max_file_bytes=999))
    assert isinstance(result, SkippedFile)
    assert result.reason == "too-large"


def test_prose_is_read_up_to_the_limit_for_documents(tree: Path) -> None:
    put(tree, "guide.md", "page.html", text="word " * 200)
    small = WalkSettings(max_file_bytes=999)
    assert isinstance(read(tree, "guide.md", small), SourceFile)
    # A page that its own reader hands back is a program's text, and source has the smaller limit.
    result = read(tree, "page.html", small)
    assert isinstance(result, SkippedFile)
    assert "limit of 999 (--max-file-size)" in result.detail


def test_a_sparse_giant_is_skipped_unread(tree: Path) -> None:
    with (tree / "giant.txt").open("wb") as file:
        file.truncate(1 << 30)
    assert skipped(tree) == {"giant.txt": "too-large"}
    result = read(tree, "giant.txt")
    assert isinstance(result, SkippedFile)
    assert result.reason == "too-large"


def test_a_file_that_vanished_is_unreadable(tree: Path) -> None:
    result = read(tree, "gone.py")
    assert isinstance(result, SkippedFile)
    assert result.reason == "unreadable"
