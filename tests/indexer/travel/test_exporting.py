from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from indexer.build import build
from indexer.embeddings.embedding_store import EmbeddingStore
from indexer.embeddings.other_store import OtherStore
from indexer.errors import IndexCorruptError, InputError, StorageError
from indexer.ingest.excerpts import excerpt_key
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import STATE_FOLDER, BuildSettings
from indexer.travel.exporting import export_index
from indexer.travel.header import TEXTS, VECTORS, WORDS
from indexer.travel.importing import ImportRules, import_archive


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


KILLED = """
import os, signal, sys
from pathlib import Path
from indexer.travel import exporting

exporting.end_archive = lambda stream: os.kill(os.getpid(), signal.SIGKILL)
exporting.export_index(Path(sys.argv[1]), Path(sys.argv[2]), "1.0")
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a signal that cannot be caught")
def test_what_a_killed_export_left_is_removed_by_the_next_to_the_same_file(root, tmp_path):
    killed = [sys.executable, "-c", KILLED, root, tmp_path / "out[1].tar"]
    assert subprocess.run(killed, check=False).returncode == -9
    left = {*names(tmp_path)} - {"tree"}
    assert len(left) == 2
    at_work = f".out[1].tar.{os.getpid()}.ab_1.new"
    (tmp_path / at_work).mkdir()
    export_index(root, tmp_path / "other.tar", "1.0")
    assert left <= {*names(tmp_path)}
    export_index(root, tmp_path / "out[1].tar", "1.0")
    assert {*names(tmp_path)} == {at_work, "other.tar", "out[1].tar", "tree"}


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


@pytest.fixture
def searched(one_encoder, tmp_path, monkeypatch):
    """An index of words, two chunks, of which a search has encoded one."""
    monkeypatch.setattr("indexer.open_generation._FEW_CHUNKS", 0)  # only what words name is encoded
    root = tmp_path / "root"
    root.mkdir()
    (root / "lamp.py").write_text("def ignite(lamp):\n    return 'the lamp burns'\n")
    (root / "clock.py").write_text("def strike(hour):\n    return ['dong'] * hour\n")
    build(root, BuildSettings(), encode=False)
    with Searcher.open(root) as searcher:
        searcher.search(SearchRequest("ignite the lamp", encode_seconds=60.0))
    return root


def test_what_searches_have_encoded_since_the_last_build_travels_too(searched, tmp_path):
    clone, bare = tmp_path / "clone", tmp_path / "bare"
    shutil.copytree(searched, clone, ignore=shutil.ignore_patterns(STATE_FOLDER))
    bare.mkdir()
    for folder, carries in ((clone, TEXTS), (bare, WORDS)):
        exported = export_index(searched, tmp_path / "out.tar", "1.0", carries=carries)
        assert (exported.header.n_chunks, exported.header.n_encoded) == (2, 1)
        with (tmp_path / "out.tar").open("rb") as raw:
            assert import_archive(raw, folder, ImportRules()).n_vectors == 1
    assert build(clone, BuildSettings()).n_encoded_chunks == 1
    with Searcher.open(bare) as searcher:
        assert searcher.generation.tables.has_vectors.sum() == 1
        assert not searcher.generation.tables.lacks_vectors.any()  # words alone find the other for good


def test_excerpts_that_searches_have_read_stay_at_home(searched, tmp_path):
    with Searcher.open(searched) as searcher:
        layout = searcher.generation.layout
        keys = {row.embedding_key for row in searcher.generation.store.chunk_keys()}
    folder = searched / STATE_FOLDER / "embeddings"
    with closing(OtherStore(folder, layout)) as stored:
        (lamp,) = stored.load(keys)
    (lacking,) = keys - {lamp.key}
    with EmbeddingStore(folder, layout) as store:
        store.add(replace(lamp, key=excerpt_key(lacking)))
    (tmp_path / "other").mkdir()
    export_index(searched, tmp_path / "out.tar", "1.0", carries=VECTORS)
    with (tmp_path / "out.tar").open("rb") as raw:
        assert import_archive(raw, tmp_path / "other", ImportRules()).n_vectors == 1
