"""Commits are read from git's objects; what is missing is said in a sentence."""

from __future__ import annotations

import pytest

from indexer.errors import InputError
from indexer.settings import WalkSettings
from indexer.tree.git_objects import Commit, find_commit, list_commit, read_blobs
from indexer.tree.revision_tree import laid_out
from tests.git_command import git

FILES = {"a.py": "x = 1\n", "inner/b.py": "y = 2\n", "inner/same.py": "x = 1\n"}


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    for path, text in FILES.items():
        (folder / path).write_text(text)
    (folder / "link.py").symlink_to("/etc/passwd")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "v1")
    return folder


def texts(root, name="v1", within=None, max_bytes=1000):
    """What is laid out of a revision."""
    within = within or root.parent
    with laid_out(root, find_commit(root, name), within, max_bytes) as tree:
        assert tree.folder.parent == within
        found = {
            path: (tree.folder / path).read_text() for path in tree.paths if (tree.folder / path).exists()
        }
        assert sorted(p for p in tree.folder.rglob("*") if p.is_file() or p.is_symlink()) == sorted(
            tree.folder / path for path in found
        )
    assert not tree.folder.exists()
    return found


def committed_tree(repository, entries):
    """A commit of a tree whose entries git itself would not write: mode, name, content."""
    lines = b""
    for mode, name, content in entries:
        kind = "tree" if mode == "040000" else "blob"
        blob = content if kind == "tree" else git(repository, "hash-object", "-w", "--stdin", given=content)
        lines += f"{mode} {kind} {blob}\t{name}\0".encode()
    tree = git(repository, "mktree", "-z", given=lines)
    return git(repository, "commit-tree", tree, "-m", "odd")


def test_files_are_as_they_were_committed_and_links_are_left_out(repository):
    (repository / "a.py").write_text("changed since\n")
    assert texts(repository) == texts(repository, "HEAD") == texts(repository, "trunk") == FILES
    assert texts(repository / "inner") == {"b.py": "y = 2\n", "same.py": "x = 1\n"}


def test_a_time_says_which_content_a_file_has(repository):
    def times(name):
        with laid_out(repository, find_commit(repository, name), repository.parent, 1000) as tree:
            return {path: (tree.folder / path).stat().st_mtime_ns for path in tree.paths}

    before = times("v1")
    assert before["a.py"] == before["inner/same.py"] != before["inner/b.py"]
    assert max(before.values()) < 10**17  # 1973
    (repository / "inner" / "b.py").write_text("y = 3\n")
    git(repository, "commit", "-qam", "second")
    after = times("HEAD")
    assert [path for path in before if before[path] != after[path]] == ["inner/b.py"]


def test_a_large_file_is_a_hole_of_its_size(repository):
    (repository / "large.bin").write_bytes(b"x" * 2000)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "large")
    assert texts(repository, "HEAD")["large.bin"] == "\0" * 2000


def test_names_that_lead_elsewhere_are_left_out(repository):
    blob = git(repository, "hash-object", "-w", "--stdin", given=b"#!/bin/sh\n")
    hooks = git(repository, "mktree", "-z", given=f"100755 blob {blob}\tpost-checkout\0".encode())
    commit = committed_tree(
        repository,
        [
            ("100644", "good.py", b"z = 3\n"),
            ("100644", "..", b"out"),
            ("100644", ".GIT", b"[core]"),
            ("100644", "n" * 250, b"long"),
            ("040000", ".git", hooks),
        ],
    )
    found = texts(repository, commit)
    assert set(found) == {"good.py", "n" * 250}
    with laid_out(repository, find_commit(repository, commit), repository.parent, 1000) as tree:
        assert set(tree.paths) == set(found)
        walked = [entry.path for entry in tree.walk(WalkSettings())]
    assert walked == ["good.py", "n" * 250]
    assert not (repository.parent / "out").exists()


def test_neither_hooks_nor_filters_of_the_repository_run(repository, tmp_path):
    mark = tmp_path / "ran"
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git(repository, "config", "filter.evil.smudge", f"touch {mark}")
    git(repository, "config", "core.fsmonitor", f"touch {mark}")
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    git(repository, "add", ".gitattributes")
    git(repository, "commit", "-qm", "attributes")
    mark.unlink(missing_ok=True)  # the test's own git ran them
    assert texts(repository, "HEAD")["a.py"] == "x = 1\n"
    assert not mark.exists()


@pytest.mark.parametrize("name", ["nothing", "v1:a.py", "--all", "-h", "v1^{tree}", "", "ä ö", "v1..HEAD"])
def test_what_is_no_commit_is_said(repository, name):
    with pytest.raises(InputError, match=r"has no revision .*`git branch -a`"):
        find_commit(repository, name)


def test_a_shallow_clone_a_bare_one_and_no_repository(repository, tmp_path):
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert texts(tmp_path / "bare.git") == FILES
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-tags", repository.as_uri(), "shallow")
    assert texts(tmp_path / "shallow", "HEAD") == FILES
    with pytest.raises(InputError, match="shallow, and `git fetch --unshallow`"):
        find_commit(tmp_path / "shallow", "v1")
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match="is not in a git repository"):
        find_commit(tmp_path / "plain", "HEAD")


def test_missing_objects_are_said_and_nothing_is_left(repository):
    commit = find_commit(repository, "v1")
    blob = git(repository, "rev-parse", "v1:inner/b.py")
    path = repository / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.unlink()
    for asked in (lambda: texts(repository), lambda: list(read_blobs(repository, commit, [blob]))):
        with pytest.raises(InputError, match="lacks objects of v1"):
            asked()
    assert [p.name for p in repository.parent.iterdir()] == ["repository"]


def test_submodules_are_named_and_a_commit_without_files_is_said(repository):
    entry = f"160000 commit {'1' * 40}\tvendored\0".encode()
    tree = git(repository, "mktree", "-z", "--missing", given=entry)
    commit = Commit("modules", git(repository, "commit-tree", tree, "-m", "modules"))
    with pytest.raises(InputError, match="holds no files"):
        list_commit(repository, commit)
    blob = git(repository, "rev-parse", "v1:a.py")
    tree = git(repository, "mktree", "-z", "--missing", given=entry + f"100644 blob {blob}\ta.py\0".encode())
    listing = list_commit(repository, Commit("both", git(repository, "commit-tree", tree, "-m", "both")))
    assert ([b.path for b in listing.blobs], listing.submodules) == (["a.py"], ("vendored",))
