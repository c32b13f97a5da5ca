from __future__ import annotations

import os

import pytest

from codesearch.tree_files import check_tree_file, read_tree_file, read_tree_text
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


def test_text_is_decoded_as_the_indexer_decodes_it_and_cut_at_a_line(tmp_path):
    line = "// 端口被占用时报错，请检查配置文件\n"
    for name, encoding in (("gbk", "gbk"), ("utf8", "utf-8"), ("utf16", "utf-16"), ("utf32", "utf-32")):
        content = (line * 9).encode(encoding)
        (tmp_path / name).write_bytes(content)
        assert read_tree_text(tmp_path, name, 10_000).text == line * 9
        for n_bytes in range(len(content) // 2, len(content) // 2 + 9):
            cut = read_tree_text(tmp_path, name, n_bytes)
            assert cut.is_cut
            assert (line * 9).startswith(cut.text)
            assert cut.text.count("请") in (3, 4, 5)
    (tmp_path / "stated").write_bytes("größer\n".encode("cp850"))
    (tmp_path / ".gitattributes").write_text("stated working-tree-encoding=cp850\n")
    assert read_tree_text(tmp_path, "stated", 99).text == "größer\n"
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is a binary file now"):
        read_tree_text(tmp_path, "binary", 999)
