"""From a file to chunks: what a key depends on, and one reading of the text where one is enough."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.chunking.chunks import cut_chunks
from indexer.chunking.regions import Regions
from indexer.ingest.prepare import Preparer, embedding_key, tokenized_chunks
from indexer.models.checkpoint import open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.reading.parse import parse
from indexer.records import Chunk, FoundFile, SourceFile, Span
from indexer.settings import BuildSettings
from indexer.storage.manifest import FORMAT_VERSION, Manifest

SAMPLES = Path(__file__).parents[3] / "sample_repos"
CHUNK = Chunk(1, "a/b.py", "f" * 64, "python", "x = 1\n", 10, 16, 3, 3, 9, (), "a/b.py Outer.inner")
REGIONS = Regions(np.array([[0, 6]], np.int32), np.empty((0, 2), np.int32))
MANIFEST = Manifest("", FORMAT_VERSION, "m", "ab" * 32, 8192, 1024, 128, "int4")


def key_of(chunk=CHUNK, regions=REGIONS, **manifest):
    return embedding_key(replace(MANIFEST, **manifest), chunk, regions)


def test_a_key_does_not_depend_on_where_a_chunk_stands():
    moved = replace(
        CHUNK, chunk_id=7, path="c.py", header="c.py Outer.inner", start_char=0, end_char=6, start_line=1
    )
    assert key_of(moved) == key_of()


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": replace(CHUNK, text="x = 2\n")},
        {"chunk": replace(CHUNK, header="a/b.py Outer.other")},
        {"chunk": replace(CHUNK, header="a/b.py")},
        {"chunk": replace(CHUNK, header="a/b.py Outer.innerx", text=" = 1\n")},
        {"chunk": replace(CHUNK, spans=(Span("section", "Fog", 10, 16, 3, 3),))},
        {"regions": replace(REGIONS, chars=np.array([[0, 3], [3, 6]], np.int32))},
        {"regions": replace(REGIONS, wide_chars=np.array([[0, 6]], np.int32))},
        {"model_fingerprint": "cd" * 32},
        {"window_tokens": 512},
        {"overlap_tokens": 64},
        {"codec": "int8"},
    ],
)
def test_a_key_depends_on_all_that_shapes_the_vectors(change):
    assert key_of(**change) != key_of()


@pytest.mark.parametrize("max_tokens", [64, 256, 8192])
@pytest.mark.parametrize("folder", ["", "a_folder_with_a_long_name/" * 12])
def test_files_read_once_are_cut_and_tokenised_as_if_read_twice(max_tokens, folder):
    checkpoint = open_checkpoint("codesearch-edge")
    tokenizer = ChunkTokenizer(checkpoint)
    samples = {path.name: path.read_text() for path in sorted((SAMPLES / "task_queue").rglob("*.py"))[:8]}
    odd_lines, no_lines = "def grösse():\n    return 价格[d]\n\n" * 40, "word " * 9_000
    for name, text in {**samples, "odd.py": odd_lines, "long.py": no_lines}.items():
        source = SourceFile(folder + name, text, "python", "0" * 64, len(text))
        spans = parse(source, 5.0).spans
        (token_chars,) = tokenizer.file_offsets([text])
        chunks = cut_chunks(source, spans, token_chars, max_tokens, tokenizer.count_header, 0)
        (prepared,) = tokenized_chunks([(source, spans)], tokenizer, max_tokens)
        assert [chunk for chunk, _ in prepared] == chunks
        for (_, tokenized), expected in zip(prepared, tokenizer.tokenize(chunks), strict=True):
            assert tokenized.chunk_id == expected.chunk_id
            assert tokenized.input_ids.tolist() == expected.input_ids.tolist()
            assert tokenized.token_chars.tolist() == expected.token_chars.tolist()
            assert (tokenized.n_header, tokenized.n_tail) == (expected.n_header, expected.n_tail)


def test_another_process_prepares_the_same_and_stored_chunks_are_prepared_again():
    root = SAMPLES / "task_queue"
    path = sorted(root.rglob("*.py"))[0]
    found = FoundFile(path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
    preparer = Preparer(root, BuildSettings(), open_checkpoint("codesearch-edge"), MANIFEST)
    here = preparer.prepare(found)
    there = pickle.loads(pickle.dumps(preparer)).prepare(found)
    again = preparer.prepare_chunks([prepared.chunk for prepared in here.chunks])
    assert here.chunks
    for other in (there.chunks, again):
        assert [prepared.key for prepared in other] == [prepared.key for prepared in here.chunks]
