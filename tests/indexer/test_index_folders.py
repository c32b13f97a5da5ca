from __future__ import annotations

import pytest

from indexer import index_folders
from indexer.build import build
from indexer.disk.write_lock import write_lock
from indexer.errors import IndexBusyError, IndexMissingError, StorageError
from indexer.search import Searcher
from indexer.settings import BuildSettings


@pytest.fixture
def indexed(tmp_path, one_encoder):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.py").write_text("def lamp():\n    return 1\n")
    build(root, BuildSettings())
    return root


def test_an_index_is_deleted_and_the_tree_stays(indexed):
    found = index_folders.look_at(indexed)
    assert found.n_bytes == sum(p.stat().st_size for p in found.state.rglob("*") if p.is_file())
    assert found.built_at is not None
    with Searcher.open(indexed) as searcher:  # who has it open goes on
        index_folders.delete(indexed)
        assert searcher.paths() == ("a.py",)
    assert [path.name for path in indexed.iterdir()] == ["a.py"]
    assert index_folders.look_at(indexed) is None
    with pytest.raises(IndexMissingError):
        index_folders.delete(indexed)


def test_an_index_outside_is_deleted_also_where_its_tree_is_gone(indexed, tmp_path):
    build(indexed, BuildSettings(), outside=tmp_path / "kept")
    indexed.rename(tmp_path / "moved")
    index_folders.delete(indexed, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    assert index_folders.look_at(tmp_path / "moved") is not None


def test_nothing_behind_a_link_is_deleted(indexed, tmp_path):
    state = indexed / ".codesearch"
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "letter.txt").write_text("dear")
    (state / "planted").symlink_to(tmp_path / "precious")
    index_folders.delete(indexed)
    assert (tmp_path / "precious" / "letter.txt").read_text() == "dear"
    state.symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError, match="is a link or a file"):
        index_folders.delete(indexed)
    assert index_folders.look_at(indexed).n_bytes == 0
    assert (tmp_path / "precious" / "letter.txt").exists()


def test_what_a_build_writes_is_not_deleted(indexed):
    with write_lock(indexed / ".codesearch"), pytest.raises(IndexBusyError):
        index_folders.delete(indexed)
    assert index_folders.look_at(indexed).built_at is not None
