from __future__ import annotations

import os

import pytest

from codesearch.tree_files import check_tree_file, read_tree_file
from indexer.errors import InputError


def test_a_file_and_one_byte_more_than_was_asked_for(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    assert read_tree_file(tmp_path, "a/b", 10) == b"12345"
    assert read_tree_file(tmp_path, "a/b", 3) == b"1234"
    check_tree_file(tmp_path, "a/b")


@pytest.mark.parametrize("ask", [check_tree_file, lambda root, path: read_tree_file(root, path, 9)])
def test_refusals(tmp_path, ask):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in ("link", "folder/file", "pipe", ".", "file/x"):
        with pytest.raises(InputError, match=r"is a link, a folder or a device|not a path inside"):
            ask(tmp_path, path)
    for path in ("../x", "/etc/passwd", "a//b", "", "a\0b"):
        with pytest.raises(InputError, match="not a path inside the repository"):
            ask(tmp_path, path)
    with pytest.raises(FileNotFoundError):
        ask(tmp_path, "gone")
