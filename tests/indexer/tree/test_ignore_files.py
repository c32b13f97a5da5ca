"""Lines of .gitignore, one by one; whole trees are held against git in test_walk.py."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from indexer.tree import ignore_files
from indexer.tree.ignore_files import MAX_IGNORE_BYTES, IgnoreFiles


def rules(root: Path, text: str) -> IgnoreFiles:
    (root / ".gitignore").write_text(text)
    made = IgnoreFiles(root, (".gitignore",))
    made.enter("")
    return made


@pytest.mark.parametrize(
    ("line", "matched", "not_matched"),
    [
        ("a", ["a", "x/a"], ["ab", "x/ab"]),
        ("/a", ["a"], ["x/a"]),
        ("x/a", ["x/a"], ["y/x/a", "a"]),
        ("*.o", ["a.o", "x/.o"], ["a.ob"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("a*b*c", ["abc", "a1b2c", "abbc"], ["acb", "x"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("[]-]x", ["]x", "-x"], ["ax"]),
        ("[[:digit:]]x", ["1x"], ["ax"]),
        ("[a", [], ["[a", "a"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["ba"]),
        ("x/**", ["x/a", "x/y/a"], ["x"]),
        ("x/**/a", ["x/a", "x/y/z/a"], ["xa", "a"]),
        ("x/**/y/**/z", ["x/y/z", "x/1/y/2/3/z"], ["x/z", "y/z"]),
        ("x/*/a", ["x/y/a"], ["x/a", "x/y/z/a"]),
        ("\\!a", ["!a"], ["a"]),
        ("\\#a", ["#a"], ["a"]),
        ("a  ", ["a"], ["a  "]),
        ("a\\ ", ["a "], ["a"]),
        ("# a", [], ["a", "# a"]),
        ("/", [], ["a"]),
        ("a\\", [], ["a", "a\\"]),
    ],
)
def test_a_line_matches_what_git_says_it_matches(
    tmp_path: Path, line: str, matched: list[str], not_matched: list[str]
) -> None:
    made = rules(tmp_path, line + "\n")
    assert [path for path in matched if not made.verdict(path, is_folder=False)] == []
    assert [path for path in not_matched if made.verdict(path, is_folder=False)] == []


def test_the_later_line_wins_and_a_slash_at_the_end_means_folders(tmp_path: Path) -> None:
    made = rules(tmp_path, "*.txt\n!keep.txt\nbuild/\n")
    assert made.verdict("a.txt", is_folder=False) is True
    assert made.verdict("keep.txt", is_folder=False) is False
    assert made.verdict("build", is_folder=True) is True
    assert made.verdict("build", is_folder=False) is None
    assert made.verdict("other.py", is_folder=False) is None


def test_the_deeper_file_wins_for_what_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/.gitignore").write_text("!a.log\n/only\n")
    made = rules(tmp_path, "*.log\n")
    made.enter("sub")
    assert made.verdict("sub/a.log", is_folder=False) is False
    assert made.verdict("sub/b.log", is_folder=False) is True
    assert made.verdict("a.log", is_folder=False) is True
    assert made.verdict("sub/only", is_folder=False) is True
    assert made.verdict("only", is_folder=False) is None


def test_of_two_files_in_a_folder_the_later_name_wins(tmp_path: Path) -> None:
    (tmp_path / ".ignore").write_text("*.log\n*.tmp\n!kept\n")
    (tmp_path / ".codesearchignore").write_text("!a.log\nkept")
    for names, expected in [
        ((".ignore", ".codesearchignore"), [False, True, True, True]),
        ((".codesearchignore", ".ignore"), [True, True, True, False]),
    ]:
        made = IgnoreFiles(tmp_path, names)
        made.enter("")
        asked = ["a.log", "b.log", "c.tmp", "kept"]
        assert [made.verdict(path, is_folder=False) for path in asked] == expected


def test_gitignore_brings_back_what_the_list_of_excludes_of_git_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "sub/.git/info").mkdir(parents=True)
    (tmp_path / "sub/.git/info/exclude").write_bytes(b"\xef\xbb\xbf*.log\n*.tmp\n\xe9.txt")
    (tmp_path / "sub/.gitignore").write_text("!a.log\n")
    made = IgnoreFiles.of_git(tmp_path, "sub")
    asked = ["sub/a.log", "sub/b.log", "sub/c.tmp", "sub/\udce9.txt", "b.log"]
    assert [made.verdict(path, is_folder=False) for path in asked] == [False, True, True, True, None]


def test_without_rules_it_is_empty(tmp_path: Path) -> None:
    made = IgnoreFiles(tmp_path, (".gitignore",))
    made.enter("")
    assert made.is_empty
    assert rules(tmp_path, "# nothing\n\n").is_empty
    assert not rules(tmp_path, "a\n").is_empty


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    made = rules(tmp_path, "\ufeff*.log\r\nbuild/\r\n")
    assert made.verdict("a.log", is_folder=False)
    assert made.verdict("build", is_folder=True)


def test_an_ignore_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("*\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/.gitignore").symlink_to("../outside")
    made = IgnoreFiles(tmp_path / "tree", (".gitignore",))
    made.enter("")
    assert made.is_empty


@pytest.mark.parametrize("line", ["*a" * 60 + "b", "**/a/" * 60 + "b", "*" * 5000 + "b", "[a]*" * 60 + "b"])
def test_no_line_takes_long(tmp_path: Path, line: str) -> None:
    made = rules(tmp_path, line)
    started = time.process_time()
    made.verdict("a" * 250, is_folder=False)
    made.verdict("a/" * 120 + "a", is_folder=False)
    assert time.process_time() - started < 0.5


def test_a_giant_ignore_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    made = rules(tmp_path, "a.py\n" + "#" * MAX_IGNORE_BYTES + "\nb.py\n")
    assert made.verdict("a.py", is_folder=False)
    assert made.verdict("b.py", is_folder=False) is None


def test_rules_are_used_up_to_a_limit_for_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore_files, "MAX_TREE_LINES", 25)
    made = IgnoreFiles(tmp_path, (".gitignore",))
    for i in range(4):
        folder = tmp_path / f"f{i}"
        folder.mkdir()
        (folder / ".gitignore").write_text("".join(f"a{j}\n" for j in range(10)))
        made.enter(f"f{i}")
    assert [made.verdict(f"f{i}/a9", is_folder=False) for i in range(4)] == [True, True, None, None]
    assert made.verdict("f2/a4", is_folder=False)
