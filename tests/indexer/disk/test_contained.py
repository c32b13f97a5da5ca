"""Opening files of a tree without leaving it; the walk's own tests try it with whole trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer.disk.contained import NotRegularError, open_regular, read_regular


def test_a_file_is_read_up_to_one_byte_more_than_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"12345")
    assert read_regular(tmp_path, "a/b", 10) == b"12345"
    assert read_regular(tmp_path, "a/b", 5) == b"12345"
    assert read_regular(tmp_path, "a/b", 3) == b"1234"


def test_large_files_are_read_whole(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "a").write_bytes(content)
    assert read_regular(tmp_path, "a", 1_000_000) == content


def test_links_on_the_way_and_at_the_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_text("x")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "real/link").symlink_to("a")
    with pytest.raises(OSError, match="folder"):
        read_regular(tmp_path, "folder/a", 10)
    with pytest.raises(NotRegularError):
        read_regular(tmp_path, "real/link", 10)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_text("x")
    (tmp_path / "root").symlink_to("real")
    assert read_regular(tmp_path / "root", "a", 10) == b"x"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(NotRegularError):
            open_regular(tmp_path, path)


@pytest.mark.parametrize("path", ["", "/a", "a/", "../a", "a/../b", ".", "a//b", "a\0b"])
def test_paths_that_are_not_plainly_inside_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        open_regular(tmp_path, path)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    for _ in range(20):
        read_regular(tmp_path, "a", 10)
        with pytest.raises(OSError, match="pipe"):
            open_regular(tmp_path, "pipe")
        with pytest.raises(OSError, match="gone"):
            open_regular(tmp_path, "gone/a")
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    assert after == before
