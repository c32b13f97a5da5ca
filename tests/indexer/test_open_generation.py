"""What an open index holds: its own files for as long as it is open, a model once for all, nothing after."""

from __future__ import annotations

import gc
import weakref

import pytest

from indexer.build import build
from indexer.open_model import held_model
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings

pytestmark = pytest.mark.usefixtures("one_encoder")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "lamp.py").write_text("def ignite(lamp):\n    return 'the lamp burns'\n")
    (root / "clock.py").write_text("def strike(hour):\n    return ['dong'] * hour\n")
    build(root, BuildSettings(), encode=False)
    return root


@pytest.fixture
def no_collection():
    """What refers to itself stays for good, as it does for seconds in a server."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ask(searcher, query="ignite the lamp"):
    result = searcher.search(SearchRequest(query, encode_seconds=60.0))
    searcher.explain(result, result.hits[0])
    searcher.similar("lamp.py", 1)


@pytest.mark.usefixtures("no_collection")
def test_a_generation_is_gone_with_its_last_user(tree):
    searcher = Searcher.open(tree)
    ask(searcher)
    parts = [searcher.generation, searcher.generation.segments, searcher.generation._on_demand, searcher]
    gone = [weakref.ref(part) for part in parts]
    searcher.close()
    del searcher, parts
    assert [each() for each in gone] == [None] * 4


@pytest.mark.usefixtures("no_collection")
def test_a_model_is_held_once_and_goes_with_its_last_generation(tree):
    first = Searcher.open(tree)
    ask(first)
    model = first.generation.model
    embedder = first.generation._on_demand._embedder
    (tree / "horn.py").write_text("def sound(fog):\n    return fog\n")
    build(tree, BuildSettings(), encode=False)
    second = Searcher.open(tree)
    first.close()
    del first
    ask(second, "sound the horn")
    assert second.generation.model is model
    assert second.generation._on_demand._embedder is embedder

    build(tree, BuildSettings())
    third = Searcher.open(tree)
    assert third.missing() is None
    fingerprint, gone = model.checkpoint.fingerprint, weakref.ref(embedder)
    second.close()
    del second, embedder
    assert gone() is None  # nothing lacks vectors
    assert third.generation.model is model
    third.close()
    del third, model
    assert held_model(fingerprint) is None
