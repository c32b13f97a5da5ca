"""From files to stored vectors: what a key stands for, and models of one kind of vectors end to end."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.errors import InputError
from indexer.models.hub import BUNDLED_FOLDER
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings

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
        tables = searcher.generation.tables
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
        tables = searcher.generation.tables
        assert int(tables.n_rows.sum()) == 0
        assert tables.n_single.tolist() == (1 + tables.n_regions + np.diff(tables.wide_start)).tolist()
        assert len(ask(searcher, "lamp", Mode.SINGLE)) == len(tables.regions)
        result = searcher.search(SearchRequest(query="ignite lamp"))
        best = searcher.explain(result, result.hits[0])
        assert searcher.chunk(best.chunk_id).path == "lamp.py"
        assert (best.scores.colbert, best.matches) == (None, ())
        with pytest.raises(InputError, match="makes no vectors for mode colbert"):
            ask(searcher, "lamp", Mode.COLBERT)


def test_a_file_of_many_chunks_is_encoded_and_reported_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.ingest.backlog.BLOCK_TOKENS", 256)
    lines = [f"{n:04d} the lamp of house {n * 7} was lit by keeper {n % 13}.\n" for n in range(200)]
    (tmp_path / "keepers.log").write_text("".join(lines))
    events = []
    report = build(tmp_path, BuildSettings(max_tokens=128), events.append)
    read = [event for event in events if event.stage == "read"]
    assert [(event.done, event.total, event.path) for event in read] == [
        (0, 1, "keepers.log"),  # told before the file is read
        (1, 1, "keepers.log"),
    ]
    encoded = [event for event in events if event.stage == "encode"]
    counts = [event.done for event in encoded]
    assert (counts[0], counts[-1]) == (0, report.n_encoded_tokens)
    assert counts == sorted(counts)
    assert {event.total for event in encoded} == {report.n_encoded_tokens}
    assert len(set(counts)) > report.n_encoded_tokens / 256 / 2  # one step a block, or nearly
    with Searcher.open(tmp_path) as searcher:
        assert searcher.file_text("keepers.log") == "".join(lines)
