"""From files to stored vectors: what a key stands for, and models of one kind of vectors end to end."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.chunking.chunks import cut_chunks
from indexer.chunking.regions import Regions
from indexer.errors import InputError
from indexer.ingest.ingest import Ingest
from indexer.models.checkpoint import open_checkpoint
from indexer.models.hub import BUNDLED_FOLDER
from indexer.models.tokens import ChunkTokenizer
from indexer.reading.parse import parse
from indexer.records import Chunk, Mode, SearchRequest, SourceFile, Span
from indexer.search import Searcher
from indexer.settings import BuildSettings
from indexer.storage.manifest import FORMAT_VERSION, Manifest

SAMPLES = Path(__file__).parents[3] / "sample_repos"
FILES = {
    "lamp.py": "class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n",
    "clock.py": "def strike(hour):\n    return ['dong'] * hour\n",
    "notes.md": "# Fog\n\nSound the horn.\n",
}


pytestmark = pytest.mark.usefixtures("one_encoder")


@pytest.fixture(scope="module")
def rows_alone(tmp_path_factory):
    """The bundled model, told to make no single vectors."""
    folder = tmp_path_factory.mktemp("models") / "rows-alone"
    shutil.copytree(BUNDLED_FOLDER / "codesearch-edge", folder)
    (folder / "codesearch.json").write_text('{"window_tokens": 1024, "single_vector": null}')
    return folder


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    return root


def ask(searcher, query, mode=Mode.HYBRID):
    return searcher.search(SearchRequest(query=query, mode=mode)).hits


def test_a_model_of_token_rows_alone(tree, rows_alone):
    settings = BuildSettings(model=str(rows_alone))
    assert build(tree, settings).n_encoded_chunks == 3
    (tree / "clock.py").unlink()
    (tree / "bell.py").write_text("def ring():\n    return 'ding'\n")
    assert build(tree, settings).n_encoded_chunks == 1
    with Searcher.open(tree) as searcher:
        tables = searcher._tables
        assert int(tables.n_single.sum()) == len(tables.wide) == 0
        assert (tables.n_rows > 0).all()
        for mode in (Mode.HYBRID, Mode.COLBERT, Mode.LEXICAL):
            best = ask(searcher, "ignite the lamp", mode)[0]
            assert searcher.chunk(best.chunk_id).path == "lamp.py"
            assert best.scores.single is None
        result = searcher.search(SearchRequest(query="ignite"))
        assert searcher.explain(result, result.hits[0]).matches
        with pytest.raises(InputError, match="makes no vectors for mode single"):
            ask(searcher, "lamp", Mode.SINGLE)


@pytest.mark.parametrize("vectors", ["exact", "faiss"])
def test_a_model_of_single_vectors_alone(tree, plain_folder, vectors):
    settings = BuildSettings(model=str(plain_folder), vectors=vectors)
    assert build(tree, settings).n_encoded_chunks == 3
    (tree / "clock.py").unlink()
    assert build(tree, settings).n_encoded_chunks == 0
    with Searcher.open(tree) as searcher:
        tables = searcher._tables
        assert int(tables.n_rows.sum()) == 0
        assert tables.n_single.tolist() == (1 + tables.n_regions + np.diff(tables.wide_start)).tolist()
        assert len(ask(searcher, "lamp", Mode.SINGLE)) == len(tables.regions)
        result = searcher.search(SearchRequest(query="ignite lamp"))
        best = searcher.explain(result, result.hits[0])
        assert searcher.chunk(best.chunk_id).path == "lamp.py"
        assert (best.scores.colbert, best.matches) == (None, ())
        with pytest.raises(InputError, match="makes no vectors for mode colbert"):
            ask(searcher, "lamp", Mode.COLBERT)


# --- keys ------------------------------------------------------------------------------------

CHUNK = Chunk(1, "a/b.py", "f" * 64, "python", "x = 1\n", 10, 16, 3, 3, 9, (), "a/b.py Outer.inner")
REGIONS = Regions(np.array([[0, 6]], np.int32), np.empty((0, 2), np.int32))
MANIFEST = Manifest("", FORMAT_VERSION, "m", "ab" * 32, 8192, 1024, 128, "int4")


@pytest.fixture
def key_of(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.ingest.ingest.ChunkTokenizer", lambda checkpoint: None)

    def key(chunk=CHUNK, regions=REGIONS, **manifest):
        wanted = replace(MANIFEST, **manifest)
        return Ingest(tmp_path, BuildSettings(), None, wanted, None, None, None)._key(chunk, regions)

    return key


def test_a_key_does_not_depend_on_where_a_chunk_stands(key_of):
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
def test_a_key_depends_on_all_that_shapes_the_vectors(key_of, change):
    assert key_of(**change) != key_of()


def test_a_file_of_many_chunks_is_encoded_and_reported_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.ingest.ingest._BLOCK_TOKENS", 256)
    lines = [f"{n:04d} the lamp of house {n * 7} was lit by keeper {n % 13}.\n" for n in range(200)]
    (tmp_path / "keepers.log").write_text("".join(lines))
    events = []
    report = build(tmp_path, BuildSettings(max_tokens=128), events.append)
    inside = [event for event in events if event.stage == "encode" and event.done == 0]
    assert inside[0].n_tokens == 0  # said before the file is read
    assert {event.path for event in inside} == {"keepers.log"}
    counts = [event.n_tokens for event in inside]
    assert counts == sorted(counts)
    assert len(set(counts)) > report.n_encoded_tokens / 256 / 2  # one step a block, or nearly
    with Searcher.open(tmp_path) as searcher:
        assert searcher.file_text("keepers.log") == "".join(lines)


@pytest.mark.parametrize("max_tokens", [64, 256, 8192])
@pytest.mark.parametrize("folder", ["", "a_folder_with_a_long_name/" * 12])
def test_files_read_once_are_cut_and_tokenised_as_if_read_twice(tmp_path, max_tokens, folder):
    settings, checkpoint = BuildSettings(max_tokens=max_tokens), open_checkpoint("codesearch-edge")
    ingest = Ingest(tmp_path, settings, checkpoint, MANIFEST, None, None, None)
    tokenizer = ChunkTokenizer(checkpoint)
    for path in sorted((SAMPLES / "task_queue").rglob("*.py"))[:8]:
        text = path.read_text()
        source = SourceFile(folder + path.name, text, "python", "0" * 64, len(text))
        spans = parse(source, 5.0).spans
        (token_chars,) = tokenizer.file_offsets([text])
        chunks = cut_chunks(source, spans, token_chars, max_tokens, tokenizer.count_header, 0)
        prepared = ingest._tokenized_chunks(source, spans)
        assert [chunk for chunk, _ in prepared] == chunks
        for (_, tokenized), expected in zip(prepared, tokenizer.tokenize(chunks), strict=True):
            assert tokenized.chunk_id == expected.chunk_id
            assert tokenized.input_ids.tolist() == expected.input_ids.tolist()
            assert tokenized.token_chars.tolist() == expected.token_chars.tolist()
            assert (tokenized.n_header, tokenized.n_tail) == (expected.n_header, expected.n_tail)
