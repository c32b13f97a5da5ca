from __future__ import annotations

import numpy as np
import pytest

from indexer.embeddings.embedding_store import StoredEmbedding
from indexer.errors import IndexCorruptError
from indexer.storage.database import ChunkKey
from indexer.storage.mapped_tables import (
    LACKING,
    WORDS_ONLY,
    load_tables,
    make_tables,
    save_tables,
    with_vectors,
)

NO_REGIONS = np.empty((0, 2), np.int32)

A = StoredEmbedding(0, 10, 4, 100, 7, np.array([[0, 5, 4], [5, 9, 7]], "<i4"), np.array([[0, 9]], "<i4"), 1)
B = StoredEmbedding(1, 0, 2, 0, 3, np.array([[0, 3, 3]], "<i4"), np.empty((0, 2), "<i4"), 1)
ROWS_ALONE = StoredEmbedding(2, 0, 0, 5, 3, np.array([[0, 3, 3]], "<i4"), np.empty((0, 2), "<i4"), 0)
KEYS = [ChunkKey(3, 1, "a", NO_REGIONS), ChunkKey(4, 1, "b", NO_REGIONS), ChunkKey(9, 2, "a", NO_REGIONS)]


def stored(keys):
    """What is stored under the keys, and nothing else."""
    return {key: {"a": A, "b": B}[key] for key in keys}


def test_columns_are_those_of_the_stored_embeddings():
    tables = make_tables(KEYS, stored)
    assert tables.n_chunks == 3
    assert tables.chunk_id.tolist() == [3, 4, 9]
    assert tables.file_id.tolist() == [1, 1, 2]
    assert tables.segment.tolist() == [0, 1, 0]
    assert tables.single_start.tolist() == [10, 0, 10]
    assert tables.rows_start.tolist() == [100, 0, 100]
    assert tables.n_header_rows.tolist() == [1, 1, 1]
    assert tables.region_start.tolist() == [0, 2, 3, 5]
    assert tables.wide_start.tolist() == [0, 1, 1, 2]
    assert tables.regions.tolist() == [[0, 5, 4], [5, 9, 7], [0, 3, 3], [0, 5, 4], [5, 9, 7]]
    assert tables.wide.tolist() == [[0, 9], [0, 9]]
    assert tables.position(np.array([9, 3])).tolist() == [2, 0]


@pytest.mark.parametrize("n_at_once", [1, 2, 3])
def test_chunks_asked_for_in_parts_give_the_same_tables(monkeypatch, n_at_once):
    whole = make_tables(KEYS, stored)
    asked = []

    def load(keys):
        asked.append(len(keys))
        return stored(keys)

    monkeypatch.setattr("indexer.storage.mapped_tables._CHUNKS_AT_ONCE", n_at_once)
    parts = make_tables(iter(KEYS), load)
    assert max(asked) == n_at_once
    assert sum(asked) == len(KEYS)
    for name in whole.__slots__:
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


@pytest.mark.parametrize("first", [{}, {"a": A}, {"b": B}])
def test_chunks_that_get_vectors_later_stand_as_if_they_had_had_them(first):
    """Of chunks without any, those that are to have some are told from those that are not."""
    regions = {"a": A.regions[:, :2], "b": B.regions[:, :2], "": np.array([[0, 2], [2, 8]], "<i4")}
    keys = [ChunkKey(at, 1, key, regions[key]) for at, key in enumerate(["a", "", "b", "b", "a"])]
    every = {"a": A, "b": B}
    some = make_tables(keys, lambda of: first)
    a, b = (every[key].segment if key in first else LACKING for key in "ab")
    assert some.segment.tolist() == [a, WORDS_ONLY, b, b, a]
    later = {
        at: every[row.embedding_key]
        for at, row in enumerate(keys)
        if row.embedding_key and row.embedding_key not in first
    }
    whole, after = make_tables(keys, lambda of: every), with_vectors(some, later)
    for name in whole.__slots__:
        assert np.array_equal(getattr(whole, name), getattr(after, name)), name


def test_a_model_without_single_vectors_has_no_wide_rows():
    tables = make_tables([ChunkKey(1, 1, "r", NO_REGIONS)], lambda keys: {"r": ROWS_ALONE})
    assert tables.wide_start.tolist() == [0, 0]


def test_an_index_without_chunks_has_empty_tables(tmp_path):
    save_tables(tmp_path, make_tables([], stored))
    loaded = load_tables(tmp_path)
    assert loaded.n_chunks == 0
    assert loaded.region_start.tolist() == [0]


def test_saved_tables_are_mapped_and_the_same(tmp_path):
    tables = make_tables(KEYS, stored)
    save_tables(tmp_path, tables)
    loaded = load_tables(tmp_path)
    for name in tables.__slots__:
        assert np.array_equal(getattr(tables, name), getattr(loaded, name)), name
    assert isinstance(loaded.regions.base, np.memmap)
    assert not loaded.regions.flags.writeable


def damage(folder, name, content):
    path = folder / f"{name}.npy"
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    elif content is None:
        path.unlink()
    else:
        path.write_bytes(content(path.read_bytes()))


@pytest.mark.parametrize("name", ["chunks", "regions", "wide"])
@pytest.mark.parametrize(
    "content",
    [
        None,
        lambda raw: b"",
        lambda raw: raw[:-3],
        lambda raw: b"nonsense" + raw,
        np.array([[0, 1, 2, 3]]),
        np.array([{"a": 1}], dtype=object),
        np.zeros((7, 2), np.float32),
    ],
    ids=["gone", "empty", "cut", "overwritten", "columns", "pickled", "floats"],
)
def test_damaged_tables_are_refused(tmp_path, name, content):
    save_tables(tmp_path, make_tables(KEYS, stored))
    damage(tmp_path, name, content)
    with pytest.raises(IndexCorruptError, match="tables of the index"):
        load_tables(tmp_path)


@pytest.mark.parametrize("name", ["chunks", "regions", "wide"])
def test_tables_of_another_index_do_not_go_with_these(tmp_path, name):
    save_tables(tmp_path, make_tables(KEYS, stored))
    rows = np.load(tmp_path / f"{name}.npy")
    damage(tmp_path, name, rows[:-1])
    with pytest.raises(IndexCorruptError, match="do not match each other"):
        load_tables(tmp_path)
