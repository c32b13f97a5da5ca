"""What .gitattributes and .editorconfig say of a file's encoding, and files read by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.reading.source_file import read_source
from indexer.reading.stated_encoding import stated_encoding
from indexer.records import FoundFile, SourceFile
from indexer.settings import WalkSettings

COMMENT = "// \u0448\u0443\u043c \u0434\u043e\u043c\n"


def plant(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        ("a.c", "GBK"),
        ("deep/a.c", "Shift-JIS"),
        ("deep/b.rc", "UTF-16LE"),
        ("deep/er/x.txt", ""),
        ("old/legacy.h", "koi8-r"),
        ("other.h", ""),
    ],
)
def test_the_deeper_file_and_the_later_line_win(tmp_path: Path, path: str, encoding: str) -> None:
    plant(
        tmp_path,
        _gitattributes="*.c text working-tree-encoding=latin1\n*.c working-tree-encoding=GBK text\n"
        "# *.h working-tree-encoding=big5\n/old/*.h working-tree-encoding=koi8-r\n"
        "*.rc\tworking-tree-encoding=UTF-16LE",
        deep___gitattributes="*.c working-tree-encoding=Shift-JIS\n",
    )
    assert stated_encoding(tmp_path, path) == encoding


@pytest.mark.parametrize(
    ("path", "charset"),
    [
        ("a.c", "utf-8"),
        ("a.rc", "utf-16le"),
        ("lib/deep/a.pas", "latin1"),
        ("lib/inner/a.c", ""),
        ("lib/inner/a.h", "utf-8-bom"),
    ],
)
def test_editorconfig_states_a_charset(tmp_path: Path, path: str, charset: str) -> None:
    plant(
        tmp_path,
        _editorconfig="root = true\n[*]\ncharset = utf-8\n[*.{rc,dlg}]\nCharset = utf-16le\n"
        "[lib/**.pas]\ncharset=latin1\n",
        lib__inner___editorconfig="[*]\ncharset = unset\n[*.h]\ncharset = utf-8-bom\n",
    )
    assert stated_encoding(tmp_path, path) == charset


def test_a_file_is_read_by_what_the_tree_states_then_by_the_setting(tmp_path: Path) -> None:
    content = COMMENT.encode("koi8-u")
    (tmp_path / "a.c").write_bytes(content)

    def text(settings: WalkSettings) -> str:
        read = read_source(tmp_path, FoundFile("a.c", len(content), 1), settings)
        assert isinstance(read, SourceFile)
        return read.text

    assert text(WalkSettings(encoding="cp866")) == content.decode("cp866")
    plant(tmp_path, _editorconfig="[*.c]\ncharset = koi8-u\n")
    assert text(WalkSettings(encoding="cp866")) == COMMENT
    plant(tmp_path, _gitattributes="*.c working-tree-encoding=windows-1251\n")
    assert text(WalkSettings()) == content.decode("cp1251")


def test_a_link_out_of_the_tree_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("* working-tree-encoding=GBK\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".gitattributes").symlink_to(tmp_path / "outside")
    assert stated_encoding(tmp_path / "tree", "a.c") == ""
