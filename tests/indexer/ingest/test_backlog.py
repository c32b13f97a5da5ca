"""What waits between the database and the model, and how much memory it may take meanwhile."""

from __future__ import annotations

import pytest

from indexer import build as build_module
from indexer.build import build
from indexer.ingest import backlog
from indexer.ingest.embed import Embedder
from indexer.settings import BuildSettings

pytestmark = pytest.mark.usefixtures("one_encoder")


def write_small_files(root, n):
    for i in range(n):
        (root / f"lamp_{i}.py").write_text(f"def lamp_{i}():\n    return {i}\n")


def test_many_small_chunks_are_not_all_kept_for_having_few_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(backlog, "_KEPT_TOKENS", 500)
    kept = []
    keep = backlog.Backlog.keep

    def watched(self, chunks):
        keep(self, chunks)
        kept.append(len(self._kept))

    monkeypatch.setattr(backlog.Backlog, "keep", watched)
    write_small_files(tmp_path, 12)
    report = build(tmp_path, BuildSettings())
    assert report.n_tokens < 500
    assert 2 <= kept[-1] <= 500 // backlog._TOKENS_OF_A_CHUNK < 12 == report.n_encoded_chunks


def test_the_model_is_let_go_before_vectors_are_indexed(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.build._AT_ONCE_TOKENS", 0)
    steps = []
    for owner, name in ((Embedder, "embed"), (Embedder, "release")):
        monkeypatch.setattr(owner, name, _told(steps, name, getattr(owner, name)))
    monkeypatch.setattr(
        "indexer.build.build_single_index", _told(steps, "index", build_module.build_single_index)
    )
    write_small_files(tmp_path, 3)
    assert build(tmp_path, BuildSettings()).n_encoded_chunks == 3
    assert steps == ["index", "embed", "release", "index"]  # the first is of words


def _told(steps, name, call):
    def told(*arguments):
        steps.append(name)
        return call(*arguments)

    return told
