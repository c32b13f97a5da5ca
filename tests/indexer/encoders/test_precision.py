"""The check that bfloat16 ranks as float32 does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.encoders import cpu_backbone, precision
from indexer.encoders.precision import SAME_SCORE, agree, compare_types, ranks_alike
from indexer.models.checkpoint import open_checkpoint


def test_agreement_by_hand() -> None:
    exact = np.array([[0.5, 0.4, 0.1]], np.float32)
    assert agree(exact, np.array([[0.41, 0.40, 0.2]], np.float32))
    assert not agree(exact, np.array([[0.40, 0.41, 0.1]], np.float32))
    near = np.array([[0.5, 0.5 - SAME_SCORE / 2]], np.float32)
    assert agree(near, near[:, ::-1])


def test_the_bundled_model_ranks_alike() -> None:
    assert compare_types(open_checkpoint("codesearch-edge"))


def test_the_verdict_is_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plain_folder: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []
    monkeypatch.setattr(precision, "compare_types", lambda checkpoint: asked.append(checkpoint.name) or False)
    checkpoint = open_checkpoint(str(plain_folder))
    assert not ranks_alike(checkpoint)
    assert not ranks_alike(checkpoint)
    assert len(asked) == 1
    assert ranks_alike(open_checkpoint(str(plain_folder), truncate_dim=4)) is False
    assert len(asked) == 2


@pytest.mark.parametrize("changed", ["graph", "texts", "tie"])
def test_a_verdict_on_another_graph_or_by_another_check_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plain_folder: Path, changed: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    checkpoint = open_checkpoint(str(plain_folder))
    monkeypatch.setattr(precision, "compare_types", lambda checkpoint: True)
    assert ranks_alike(checkpoint)
    monkeypatch.setattr(precision, "compare_types", lambda checkpoint: False)
    assert ranks_alike(checkpoint), "it is remembered"
    if changed == "graph":
        monkeypatch.setattr(cpu_backbone, "_GRAPH_FORMAT", -1)
    elif changed == "texts":
        (tmp_path / "texts.json").write_text("[]")
        monkeypatch.setattr(precision, "_TEXTS", tmp_path / "texts.json")
    else:
        monkeypatch.setattr(precision, "SAME_SCORE", 0.5)
    assert not ranks_alike(checkpoint)


def test_an_unwritable_cache_costs_only_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plain_folder: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(precision, "compare_types", lambda checkpoint: True)
    assert ranks_alike(open_checkpoint(str(plain_folder)))
