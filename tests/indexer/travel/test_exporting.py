from __future__ import annotations

import os
import shutil

import pytest

from indexer.errors import IndexCorruptError, InputError, StorageError
from indexer.settings import STATE_FOLDER
from indexer.travel.exporting import export_index
from indexer.travel.header import WORDS


@pytest.fixture
def root(task_queue, tmp_path):
    shutil.copytree(task_queue, tmp_path / "tree")
    return tmp_path / "tree"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_closed_to_others_and_replaces_what_had_its_name(root, tmp_path):
    target = tmp_path / "out.tar.zst"
    target.write_text("before")
    exported = export_index(root, target, "1.0")
    assert target.stat().st_size == exported.n_bytes
    assert target.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["out.tar.zst", "tree"]


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.zst", ".tar"])
def test_the_same_index_gives_the_same_bytes(root, tmp_path, suffix):
    for name in ("a", "b"):
        export_index(root, tmp_path / f"{name}{suffix}", "1.0", carries=WORDS)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_an_unknown_suffix_and_a_folder_that_is_not_there_leave_nothing(root, tmp_path):
    with pytest.raises(InputError, match=r"one of \.tar\.gz"):
        export_index(root, tmp_path / "out.zip", "1.0")
    with pytest.raises(StorageError, match="cannot be written"):
        export_index(root, tmp_path / "gone" / "out.tar", "1.0")
    assert names(tmp_path) == ["tree"]


def test_damaged_vectors_are_not_exported(root, tmp_path):
    segment = root / STATE_FOLDER / "embeddings" / "0000.rows"
    figures = segment.stat()
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1  # not where the seal of a segment looks
    segment.write_bytes(content)
    os.utime(segment, ns=(figures.st_atime_ns, figures.st_mtime_ns))
    with pytest.raises(IndexCorruptError, match=r"has lost the vectors of .* chunks; `codesearch doctor"):
        export_index(root, tmp_path / "out.tar", "1.0")
    assert names(tmp_path) == ["tree"]
