from __future__ import annotations

import os
import random

import numpy as np
import pytest

from indexer.embeddings import embedding_store
from indexer.embeddings.embedding_store import (
    NOWHERE,
    EmbeddingStore,
    NewEmbedding,
    RowLayout,
    SegmentReader,
    stored_rows,
)
from indexer.embeddings.segment_files import segment_path
from indexer.errors import IndexCorruptError, StorageError
from indexer.vectors.row_codec import row_codec

LAYOUT = RowLayout(4, row_codec("int8", 8))
OTHER = RowLayout(6, row_codec("float16", 16))
ROWS_ALONE = RowLayout(0, row_codec("int8", 8))
SINGLE_ALONE = RowLayout(4, None)


def embedding(key, n_single=3, n_rows=5, layout=LAYOUT, seed=0):
    rng = np.random.default_rng((seed, *key.encode()))
    return NewEmbedding(
        key=key,
        single=rng.standard_normal((n_single, layout.single_dim)).astype(np.float32),
        rows=rng.integers(0, 256, (n_rows, layout.n_row_bytes)).astype(np.uint8),
        regions=np.array([[0, 9, 2], [9, 20, n_rows]], np.int32),
        wide=np.array([[3, 20]], np.int32),
        n_header_rows=1,
    )


def add(folder, *embeddings, layout=LAYOUT):
    with EmbeddingStore(folder, layout) as store:
        for new in embeddings:
            store.add(new)


def check(folder, *wanted, layout=LAYOUT):
    """Every embedding is found as it was added, by a new store and a new reader."""
    with EmbeddingStore(folder, layout) as store:
        stored = store.load(new.key for new in wanted)
    reader = SegmentReader(folder, layout)
    assert set(stored) == {new.key for new in wanted}
    for new in wanted:
        found = stored[new.key]
        assert np.array_equal(found.regions, new.regions)
        assert np.array_equal(found.wide, new.wide)
        assert found.n_header_rows == new.n_header_rows
        if layout.single_dim:
            single = reader.single(found.segment, found.single_start, found.n_single)
            assert np.array_equal(single, new.single.astype(np.float16))
        if layout.codec:
            assert np.array_equal(reader.rows(found.segment, found.rows_start, found.n_rows), new.rows)


def test_what_is_added_is_found_again(tmp_path):
    first = [embedding("a"), embedding("b", n_single=1, n_rows=0), embedding("c", n_rows=300)]
    add(tmp_path, *first)
    check(tmp_path, *first)
    more = [embedding("d"), embedding("e")]
    add(tmp_path, *more)
    check(tmp_path, *first, *more)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0000.rows", "0000.single", "embeddings.db"]


def test_keys_are_known_once_they_are_queued(tmp_path):
    with EmbeddingStore(tmp_path, LAYOUT) as store:
        store.add(embedding("a"))
        assert store.known(["a", "b"]) == {"a"}
        assert store.load(["a"]) == {}
        store.commit()
        assert store.known(f"k{i}" for i in range(2000)) == set()
        assert store.known(["a", "b"]) == {"a"}
        assert set(store.load(["a", "b"])) == {"a"}


@pytest.mark.parametrize("layout", [ROWS_ALONE, SINGLE_ALONE])
def test_a_model_with_one_kind_of_vectors(tmp_path, layout):
    new = embedding("a", layout=layout)
    add(tmp_path, new, layout=layout)
    add(tmp_path, embedding("b", layout=layout), layout=layout)
    check(tmp_path, new, embedding("b", layout=layout), layout=layout)


def test_an_error_keeps_what_was_committed_and_nothing_else(tmp_path):
    store = EmbeddingStore(tmp_path, LAYOUT)

    def fail():
        with store:
            store.add(embedding("a"))
            store.commit()
            store.add(embedding("b"))
            raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        fail()
    check(tmp_path, embedding("a"))


def test_bytes_that_no_row_names_are_overwritten(tmp_path):
    """A writer killed between bytes and rows, at any byte."""
    add(tmp_path, embedding("a"))
    with segment_path(tmp_path, 0, "single").open("ab") as file:
        file.write(b"\x01" * 13)
    check(tmp_path, embedding("a"))
    add(tmp_path, embedding("b"))
    check(tmp_path, embedding("a"), embedding("b"))


def test_a_reader_sees_its_rows_while_a_writer_appends(tmp_path):
    add(tmp_path, embedding("a"))
    with segment_path(tmp_path, 0, "single").open("ab") as file:
        file.write(b"\x01")
        file.flush()
        reader = SegmentReader(tmp_path, LAYOUT)
        assert np.array_equal(reader.single(0, 0, 3), embedding("a").single.astype(np.float16))


def test_models_of_other_sizes_do_not_share_a_segment(tmp_path):
    add(tmp_path, embedding("a"))
    add(tmp_path, embedding("b", layout=OTHER), layout=OTHER)
    add(tmp_path, embedding("c"))
    check(tmp_path, embedding("a"), embedding("c"))
    check(tmp_path, embedding("b", layout=OTHER), layout=OTHER)


def test_a_full_segment_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_store, "SEGMENT_BYTES", 100)
    wanted = [embedding(f"k{i}", n_rows=20) for i in range(4)]
    for new in wanted:
        add(tmp_path, new)
    assert sum(path.suffix == ".rows" for path in tmp_path.iterdir()) == 4
    check(tmp_path, *wanted)


def test_lost_bytes_are_forgotten_and_may_be_added_again(tmp_path):
    add(tmp_path, embedding("a"))
    add(tmp_path, embedding("b"))
    os.truncate(segment_path(tmp_path, 0, "rows"), 7 * LAYOUT.n_row_bytes)
    with EmbeddingStore(tmp_path, LAYOUT) as store:
        assert store.known(["a", "b"]) == {"a"}
    add(tmp_path, embedding("b", seed=1))
    check(tmp_path, embedding("a"), embedding("b", seed=1))


def test_a_lost_segment_is_forgotten(tmp_path):
    add(tmp_path, embedding("a"))
    segment_path(tmp_path, 0, "single").unlink()
    with EmbeddingStore(tmp_path, LAYOUT) as store:
        assert store.known(["a"]) == set()
    with pytest.raises(IndexCorruptError, match=r"0000\.single"):
        SegmentReader(tmp_path, LAYOUT).single(0, 0, 1)


def test_after_the_only_segment_is_lost_a_store_goes_on(tmp_path):
    add(tmp_path, embedding("a"))
    for kind in ("single", "rows"):
        segment_path(tmp_path, 0, kind).unlink()
    add(tmp_path, embedding("b", seed=1))
    check(tmp_path, embedding("b", seed=1))
    assert {path.name for path in tmp_path.glob("*.rows")} == {"0001.rows"}


def test_rows_beyond_a_segment_are_an_error_and_not_an_empty_answer(tmp_path):
    add(tmp_path, embedding("a"))
    with pytest.raises(IndexCorruptError, match="shorter than the index records"):
        SegmentReader(tmp_path, LAYOUT).rows(0, 3, 50)


def test_a_damaged_database_is_refused(tmp_path):
    (tmp_path / "embeddings.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(IndexCorruptError, match="doctor --repair"):
        EmbeddingStore(tmp_path, LAYOUT)


def test_a_full_disk_is_one_sentence_and_loses_nothing_finished(tmp_path, monkeypatch):
    add(tmp_path, embedding("a"))
    real = os.pwrite

    def full(handle, raw, at):
        real(handle, bytes(raw[: len(raw) // 2]), at)
        raise OSError(28, "No space left on device")

    store = EmbeddingStore(tmp_path, LAYOUT)
    store.add(embedding("b"))
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match=r"No space left.*finished work is kept"):
        store.commit()
    monkeypatch.undo()
    assert segment_path(tmp_path, 0, "single").stat().st_size == 3 * 8
    store.close()
    add(tmp_path, embedding("b"))
    check(tmp_path, embedding("a"), embedding("b"))


def test_use_of_segments_and_dropping_them(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_store, "SEGMENT_BYTES", 1)
    for key in "abc":
        add(tmp_path, embedding(key))
    n_bytes = 3 * 8 + 5 * LAYOUT.n_row_bytes
    with EmbeddingStore(tmp_path, LAYOUT) as store:
        usage = store.usage({"a", "c"})
        assert [(use.segment, use.n_bytes, use.n_live_bytes) for use in usage] == [
            (0, n_bytes, n_bytes), (1, n_bytes, 0), (2, n_bytes, n_bytes),
        ]  # fmt: skip
        assert store.keys_in([0, 1], {"a", "b"}) == ["a", "b"]
        store.drop([0, 1], in_use={0})
        assert store.known("abc") == {"c"}
    names = {path.name for path in tmp_path.iterdir()}
    assert {"0000.rows", "0002.rows"} <= names
    assert "0001.rows" not in names
    check(tmp_path, embedding("c"))


def test_random_histories_against_a_dictionary(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_store, "SEGMENT_BYTES", 600)
    rng = random.Random(8)
    wanted: dict[str, NewEmbedding] = {}
    for step in range(25):
        new = [
            embedding(f"{step}-{i}", rng.randrange(4), rng.randrange(30), seed=step)
            for i in range(rng.randrange(4))
        ]
        add(tmp_path, *new)
        wanted |= {item.key: item for item in new}
        if rng.random() < 0.3:
            for kind in ("single", "rows"):
                path = max(tmp_path.glob(f"*.{kind}"), default=None)
                if path is not None:
                    with path.open("ab") as file:
                        file.write(rng.randbytes(rng.randrange(40)))
    check(tmp_path, *wanted.values())


def test_a_row_is_read_as_codes_and_as_a_start(tmp_path):
    codes = np.arange(30, dtype=np.uint8).reshape(3, 10)
    rows = stored_rows(codes, np.array([7, NOWHERE, 1 << 20]))
    new = NewEmbedding("a", np.ones((1, 4), np.float32), rows, np.array([[0, 9, 3]]), np.empty((0, 2)), 0)
    add(tmp_path, new)
    check(tmp_path, new)
    reader = SegmentReader(tmp_path, LAYOUT)
    assert np.array_equal(reader.codes(0, 0, 3), codes)
    assert reader.row_starts(0, 0, 3).tolist() == [7, NOWHERE, NOWHERE]
