"""What the viewer opens, what it says about it, and what it refuses."""

from __future__ import annotations

import os

import pytest

from indexer.errors import InputError
from indexer.records import ComponentScores, Evidence, Passage
from tui.text import shown_file as files
from tui.text.shown_file import read_file


def passage(path="a.py", text="x = 1\n", start_line=1, omitted=(), stale=False):
    n_lines = text.count("\n")
    evidence = Evidence(ComponentScores(), (), ())
    end_line = max([start_line + n_lines - 1, *(end for _, end in omitted)])
    return Passage(path, start_line, end_line, text, "python", "", "", 1.0, 1, evidence, omitted, stale)


def test_a_file_as_it_was_indexed(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    shown = read_file(tmp_path, passage())
    assert (shown.text, shown.notice) == ("x = 1\ny = 2\n", "")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é\n".encode(), "é\n"),
        ("é\n".encode("utf-8-sig"), "é\n"),
        ("é\n".encode("utf-16"), "é\n"),
        ("é\n".encode("latin-1"), "é\n"),
        (b"a\r\nb\r\n", "a\r\nb\r\n"),
        (b"", ""),
    ],
)
def test_encodings(tmp_path, data, text):
    (tmp_path / "a.py").write_bytes(data)
    assert read_file(tmp_path, passage(text="é\n")).text == text


@pytest.mark.parametrize("now", ["x = 2\n", "new\nx = 1\n", ""])
def test_a_changed_file_says_so(tmp_path, now):
    (tmp_path / "a.py").write_text(now)
    shown = read_file(tmp_path, passage())
    assert "changed since it was indexed; lines may have moved" in shown.notice
    assert shown.state == "changed since it was indexed"


def test_line_ends_alone_are_no_change(tmp_path):
    (tmp_path / "a.py").write_bytes(b"x = 1\r\n")
    assert read_file(tmp_path, passage()).notice == ""


def test_a_passage_known_to_be_stale_says_so(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert "changed since" in read_file(tmp_path, passage(stale=True)).notice


def test_a_passage_with_omissions_is_compared_by_its_first_line(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    a\n    b\n    c\n")
    same = passage(text="def f():\n… 2 lines omitted (2-3) …\n    c\n", omitted=((2, 3),))
    assert read_file(tmp_path, same).notice == ""
    other = passage(text="def g():\n… 2 lines omitted (2-3) …\n    c\n", omitted=((2, 3),))
    assert "changed" in read_file(tmp_path, other).notice


def test_an_enormous_file_is_shown_from_its_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_SHOWN_BYTES", 1_000_000)
    (tmp_path / "a.py").write_text("x = 1\n" + "é234567\n" * 200_000)
    shown = read_file(tmp_path, passage())
    assert shown.notice == "The file is larger than 1 MB; this is its beginning."
    assert shown.state == "its beginning"
    assert 900_000 < len(shown.text.encode()) <= 1_000_000
    assert shown.text.endswith("\n")


def test_a_cut_in_the_middle_of_a_character_is_not_another_encoding(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_SHOWN_BYTES", 6)
    (tmp_path / "a.py").write_bytes("x\nééé".encode())
    assert read_file(tmp_path, passage(text="x\n")).text == "x\n"


def refused(tmp_path, path="a.py"):
    with pytest.raises(InputError) as caught:
        read_file(tmp_path, passage(path))
    return str(caught.value)


def test_a_file_that_is_gone(tmp_path):
    assert "a.py was deleted after it was indexed" in refused(tmp_path)


def test_a_binary_file(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\x7fELF\0\0\0")
    assert "binary" in refused(tmp_path)


def test_a_link_out_of_the_tree(tmp_path):
    (tmp_path / "secret").write_text("x = 1\n")
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").symlink_to(tmp_path / "secret")
    assert "a.py is a link" in refused(tmp_path / "repo")
    assert "not a path inside the repository" in refused(tmp_path / "repo", "../secret")


def test_a_folder_that_became_a_link_between_the_walk_and_the_look(tmp_path):
    """Also where the link stays in the tree: what lies there has another name in the index."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.py").write_text("x = 1\n")
    (tmp_path / "repo").symlink_to(tmp_path / "other")
    assert "behind a link" in refused(tmp_path, "repo/a.py")


def test_a_folder_or_a_pipe_in_its_place(tmp_path):
    (tmp_path / "a.py").mkdir()
    assert "a folder or a device now" in refused(tmp_path)
    os.mkfifo(tmp_path / "b.py")
    assert "a folder or a device now" in refused(tmp_path, "b.py")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "a.py").chmod(0)
    assert "cannot be read" in refused(tmp_path)
