"""Adapting as a whole: a tiny model learns, is written only where it is better, and loses nothing."""

from __future__ import annotations

import errno
import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.build import build
from indexer.encoders.query_encoder import QueryEncoder
from indexer.errors import (
    BuildInterruptedError,
    CheckpointError,
    InputError,
    MissingExtraError,
    StorageError,
    TrainingError,
)
from indexer.models.checkpoint import open_checkpoint
from indexer.settings import BuildSettings
from indexer.training import adapt as module
from indexer.training.adapt import AdaptReport, adapt
from indexer.training.settings import AdaptProgress, TrainSettings
from tests.indexer.conftest import quiet
from tests.indexer.training.conftest import write_bank

SETTINGS = TrainSettings(minutes=1, seed=1, rate=4e-3, batch_tokens=1024, max_steps=12, distillation=0.05,
                         row_temperature=0.05, single_temperature=0.1, learned_share=1.0)  # fmt: skip


def ignore(event: AdaptProgress) -> None:
    """No progress."""


@pytest.fixture
def bank(tree: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    monkeypatch.setattr(module, "MIN_PAIRS", 40)
    write_bank(tree)
    return tree


@pytest.fixture
def adapted(bank: Path, untrained: Path, tmp_path: Path) -> Callable[..., AdaptReport]:
    """Adapts the untrained model to the bank, as `mine`, by steps: no time passes."""

    def run(
        report: Callable[[AdaptProgress], None] = ignore, *, restart: bool = False, **changes: Any
    ) -> AdaptReport:
        settings = replace(SETTINGS, **changes)
        with quiet():
            return adapt(
                [bank],
                tmp_path / "mine",
                str(untrained),
                settings,
                report,
                restart=restart,
                clock=lambda: 0.0,
            )

    return run


def test_a_tiny_model_learns_its_folder_and_indexes_it(
    adapted: Callable[..., AdaptReport], bank: Path, untrained: Path, tmp_path: Path
) -> None:
    from pylate.models import ColBERT

    stages = set()
    done = adapted(lambda event: stages.add(event.stage))
    assert stages == {"read", "encode", "compare", "measure", "train"}
    assert np.mean(done.losses[-5:]) < 0.7 * np.mean(done.losses[:5])
    for kind in ("rows", "single"):
        assert done.after[kind] > done.before[kind] + 0.05
    assert done.is_written
    assert not (tmp_path / "mine.partial").exists()

    checkpoint = open_checkpoint(str(done.folder))
    assert checkpoint.kind == "both"
    assert checkpoint.window_tokens == 512
    assert checkpoint.fingerprint != open_checkpoint(str(untrained)).fingerprint
    own = json.loads((done.folder / "codesearch.json").read_text())
    assert own["window_tokens"] == 512
    card = (done.folder / "README.md").read_text()
    assert 0 < done.n_pairs == sum(int(n) for n in re.findall(r"(\d+) by ", card))
    assert f"12 steps over {done.n_tokens:,} tokens" in card
    kept = re.search(r"of\s+step (\d+), so", card)
    assert kept
    assert 0 < int(kept[1]) <= 12
    for said in (
        "rows | 0.",
        "tree, no history, licence not stated",
        "by documentation",
        "thread",
    ):
        assert said in card
    assert not [path for path in done.folder.rglob("*") if path.suffix in (".pt", ".bin", ".pkl")]
    with quiet():
        library = ColBERT(str(done.folder), device="cpu")
        theirs = library.encode(["refuse all strangers"], is_query=True, show_progress_bar=False)[0]
    ours = QueryEncoder(checkpoint).encode("refuse all strangers").rows
    assert ours is not None
    assert np.abs(ours - theirs).max() < 1e-4
    report = build(bank, BuildSettings(model=str(done.folder)))
    assert report.n_encoded_chunks == report.n_chunks > 20

    worse = adapted(rate=1e-12, max_steps=1)
    assert not worse.is_written
    assert worse.before == pytest.approx(done.after, abs=1e-6)
    assert open_checkpoint(str(done.folder)).fingerprint == checkpoint.fingerprint


@pytest.mark.parametrize(
    ("stage", "error", "kept"),
    [("read", KeyboardInterrupt, []), ("measure", BuildInterruptedError, ["mine.partial"])],
)
def test_before_the_first_step_an_interruption_loses_nothing(
    adapted: Callable[..., AdaptReport],
    tmp_path: Path,
    stage: str,
    error: type[BaseException],
    kept: list[str],
) -> None:
    def interrupt(event: AdaptProgress) -> None:
        if event.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(error):
        adapted(interrupt, max_steps=1)
    assert [path.name for path in tmp_path.glob("mine*")] == kept
    assert adapted(max_steps=1).n_steps == 1
    assert not (tmp_path / "mine.partial").exists()


def test_an_interrupted_run_goes_on_as_if_it_had_not_been_and_half_of_it_is_written(
    adapted: Callable[..., AdaptReport], untrained: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load

    whole = adapted(max_steps=8, learned_share=0.5)
    weights = {
        path.relative_to(whole.folder): path.read_bytes() for path in whole.folder.rglob("*.safetensors")
    }
    shutil.rmtree(whole.folder)

    def interrupt(event: AdaptProgress) -> None:
        n_steps[0] += event.stage == "train"
        if n_steps[0] == 3:
            raise KeyboardInterrupt

    n_steps = [0]
    with pytest.raises(BuildInterruptedError, match="the same command goes on from there"):
        adapted(interrupt, max_steps=8, learned_share=0.5)
    assert not (tmp_path / "mine").exists()
    with pytest.raises(InputError, match="--restart"):
        adapted(max_steps=8, learned_share=0.5, seed=2)
    resumed = adapted(max_steps=8, learned_share=0.5)
    assert (resumed.n_steps, len(resumed.losses)) == (8, 5)
    assert resumed.after == whole.after
    for path, content in weights.items():
        assert (resumed.folder / path).read_bytes() == content

    shutil.rmtree(whole.folder)
    assert adapted(max_steps=8).losses == whole.losses  # the share is of what is written alone
    for path, content in weights.items():
        half, trained, start = (
            load(content),
            *(load((f / path).read_bytes()) for f in (whole.folder, untrained)),
        )
        for name, tensor in half.items():
            assert torch.allclose(tensor, (start[name] + trained[name]) / 2, atol=1e-6)


def test_a_loss_that_is_no_number_ends_it_and_the_last_state_is_kept(
    adapted: Callable[..., AdaptReport], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"no longer a number after step \d+.*lower --rate"):
        adapted(rate=1e30)
    assert not (tmp_path / "mine").exists()
    assert adapted(max_steps=2).n_steps == 2


def test_a_full_disk_leaves_no_half_model(
    adapted: Callable[..., AdaptReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for writes in ("indexer.training.train._save", "indexer.training.result._write_tensors"):
        with monkeypatch.context() as patch:
            patch.setattr(writes, full)
            with pytest.raises(OSError, match="No space left"):
                adapted(max_steps=6)
        assert {path.name for path in tmp_path.iterdir()} == {"tree", "mine.partial"}
    (tmp_path / "mine.partial" / "state.safetensors").write_bytes(b"cut")
    with pytest.raises(StorageError, match="--restart"):
        adapted(max_steps=2)
    assert adapted(max_steps=2, restart=True).n_steps == 2


def test_what_cannot_be_adapted_is_refused_in_one_sentence(
    bank: Path, untrained: Path, plain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(
        kind: type[Exception], match: str, *folders: Path, start: Path = untrained, out: str = "new"
    ) -> None:
        with quiet(), pytest.raises(kind, match=match) as caught:
            adapt(folders or [bank], tmp_path / out, str(start), SETTINGS, ignore)
        assert str(caught.value).count(". ") == 0
        assert not list(tmp_path.glob("new*"))

    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "a.py").write_text("def add(a, b):\n    return a + b\n")
    refused(
        TrainingError, r"Found 0 training pairs in 1 file, none of them from docstrings.* 40 are needed", bare
    )
    other = shutil.copytree(untrained, tmp_path / "other")
    (other / "config.json").write_text('{"model_type": "bert"}')
    refused(CheckpointError, "is a bert, not ModernBERT", start=other)
    refused(CheckpointError, "was not trained to retrieve", start=plain_folder)
    refused(InputError, "is there already and is no model", out="bare")
    refused(InputError, "was not adapted here", out="other" if shutil.rmtree(other) else str(untrained))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(MissingExtraError, r"pip install 'codesearch-local\[train\]'")


def test_a_sentence_transformer_is_adapted_too(bank: Path, plain_folder: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Pooling, Transformer

    torch.manual_seed(2)
    start = tmp_path / "start"
    with quiet():
        modules = [Transformer(str(plain_folder), max_seq_length=300), Pooling(32, "mean"), Dense(32, 24)]
        prompts = {"query": "search: ", "document": "text: "}
        SentenceTransformer(modules=modules, device="cpu", prompts=prompts).save(
            str(start), create_model_card=False
        )
        done = adapt(
            [bank], tmp_path / "mine", str(start), replace(SETTINGS, max_steps=6), ignore, clock=lambda: 0.0
        )
        assert done.is_written
        found = open_checkpoint(str(done.folder))
        library = SentenceTransformer(str(done.folder), device="cpu")
        theirs = library.encode_query(["refuse all strangers"], normalize_embeddings=True)[0]
    assert (found.kind, found.single_dim, found.query_prompt) == ("single-vector", 24, "search: ")
    ours = QueryEncoder(found).encode("refuse all strangers").single
    assert ours is not None
    assert np.abs(ours - theirs).max() < 1e-4
