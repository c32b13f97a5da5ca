"""Batches as rectangles, several at once, and compiled models that are kept. The numbers: test_encoder.py."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.chunking.pack import pack
from indexer.encoders import cpu_backbone as module
from indexer.encoders import cpu_memory
from indexer.encoders.cpu_backbone import FILLING, CpuBackbone, lay_out
from indexer.encoders.encoder import Encoder
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.records import PackedBatch, Window


@pytest.fixture(scope="module")
def checkpoint(plain_folder: Path) -> Checkpoint:
    return open_checkpoint(str(plain_folder))


def batches(lengths: list[int], batch_tokens: int, short: int = 0) -> list[PackedBatch]:
    rng = np.random.default_rng(0)
    windows = [Window(i, rng.integers(5, 390, n, dtype=np.int32), 0, n) for i, n in enumerate(lengths)]
    return pack(windows, batch_tokens, short)


def test_lanes_by_hand() -> None:
    (batch,) = batches([2, 2, 1, 2], 16, 4)  # two lanes of four: 2 + 2, and 2 + 1
    lanes = lay_out(batch, 3)
    assert batch.sequence_ids.tolist() == [0, 1, 3, 2]
    assert lanes.segment.tolist() == [
        [0, 0, 1, 1, FILLING, FILLING],
        [2, 2, 3, FILLING, FILLING, FILLING],
    ]
    assert lanes.position.tolist() == [[0, 1, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert lanes.slots.tolist() == [0, 1, 2, 3, 6, 7, 8]


def test_batches_come_in_order_however_many_run_at_once(checkpoint: Checkpoint) -> None:
    many = batches([90, 5, 60, 60, 33, 7, 2, 1] * 3, 100, 32)
    one, two = (list(CpuBackbone(checkpoint, "float32", n).encode_all(many)) for n in (1, 2))
    assert len(one) == len(two) == len(many)
    for batch, a, b in zip(many, one, two, strict=True):
        assert a.sequence_ids.tolist() == b.sequence_ids.tolist() == batch.sequence_ids.tolist()
        assert np.abs(a.hidden - b.hidden).max() < 1e-5


def test_a_brief_encoder_computes_one_batch_at_a_time_and_the_same(checkpoint: Checkpoint) -> None:
    many = batches([90, 5, 60, 33], 100, 32)
    brief, whole = (
        Encoder(checkpoint, threads=2, device="cpu", dtype="float32", is_brief=b) for b in (True, False)
    )
    assert len(brief._engine._requests) == 1  # type: ignore[union-attr]
    for a, b in zip(brief.encode_all(many), whole.encode_all(many), strict=True):
        assert np.abs(a.hidden - b.hidden).max() < 1e-5


def test_a_caller_that_stops_early_leaves_a_backbone_that_computes(checkpoint: Checkpoint) -> None:
    many, backbone = batches([50] * 6, 50), CpuBackbone(checkpoint, "float32", 2)
    expected = [vectors.hidden for vectors in backbone.encode_all(many)]
    stopped = backbone.encode_all(many)
    next(stopped)
    stopped.close()
    for vectors, hidden in zip(backbone.encode_all(many), expected, strict=True):
        assert np.array_equal(vectors.hidden, hidden)


def test_a_sequence_beyond_the_window_is_not_computed_with_positions_that_are_not_there(
    checkpoint: Checkpoint,
) -> None:
    window = checkpoint.window_tokens
    backbone = CpuBackbone(replace(checkpoint, window_tokens=64), "float32", 1)
    whole = CpuBackbone(checkpoint, "float32", 1)
    (batch,) = batches([64], window)
    (found,), (expected,) = backbone.encode_all([batch]), whole.encode_all([batch])
    assert np.array_equal(found.hidden, expected.hidden)
    with pytest.raises(ValueError, match="65 tokens for a window of 64"):
        list(backbone.encode_all(batches([65], window)))


@pytest.mark.parametrize("damage", [b"", b"not a model", None])
def test_a_compiled_model_is_kept_and_a_damaged_one_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Checkpoint, damage: bytes | None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = []

    def build_graph(*arguments: object, **named: object) -> object:
        built.append(1)
        return real(*arguments, **named)  # type: ignore[arg-type]

    real = module.build_graph
    monkeypatch.setattr(module, "build_graph", build_graph)
    (batch,) = batches([40], 40)
    (expected,) = CpuBackbone(checkpoint, "float32", 1).encode_all([batch])
    (kept,) = (tmp_path / "codesearch" / "openvino").iterdir()
    if damage is None:
        kept.write_bytes(kept.read_bytes()[:-1000])
    elif damage:
        module.remember_bytes("openvino", kept.name, damage)
    (found,) = CpuBackbone(checkpoint, "float32", 1).encode_all([batch])
    assert np.array_equal(found.hidden, expected.hidden)
    assert len(built) == (1 if damage == b"" else 2)


def test_float32_and_bfloat16_are_kept_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (batch,) = batches([40], 40)
    CpuBackbone(checkpoint, "bfloat16", 1)
    (found,) = CpuBackbone(checkpoint, "float32", 1).encode_all([batch])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    (expected,) = CpuBackbone(checkpoint, "float32", 1).encode_all([batch])
    assert np.array_equal(found.hidden, expected.hidden)


@pytest.mark.parametrize("limit", [0, 20_000_000])
def test_rotation_is_one_kernel_where_memory_allows_it_and_the_same_vectors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Checkpoint, limit: int
) -> None:
    (batch,) = batches([40, 30, 7], 100)
    (expected,) = CpuBackbone(checkpoint, "float32", 1).encode_all([batch])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cpu_memory, "_MAX_ROTATED_BYTES", limit)
    backbone = CpuBackbone(checkpoint, "float32", 1)
    operations = backbone._requests[0].get_compiled_model().get_runtime_model().get_ordered_ops()
    kinds = [each.get_rt_info()["layerType"].value for each in operations]
    assert kinds.count("RoPE") == (2 * checkpoint.architecture.n_layers if limit else 0)
    (found,) = backbone.encode_all([batch])
    assert np.abs(found.hidden - expected.hidden).max() < 1e-5


ONE_CORE = """
import os, sys, time
import numpy as np
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from indexer.chunking.pack import pack
from indexer.encoders.encoder import Encoder
from indexer.models.checkpoint import open_checkpoint
from indexer.records import Window
encoder = Encoder(open_checkpoint("codesearch-edge"), device="cpu", dtype="float32")
windows = [Window(i, np.arange(10, 200, dtype=np.int32), 0, 190) for i in range(4)]
for _ in encoder.encode_all(pack(windows, 200)):
    pass
before = time.process_time()
time.sleep(0.3)
print(len(encoder._engine._requests), time.process_time() - before, "openvino_telemetry" in sys.modules)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are bound to cores on Linux")
def test_one_core_gets_one_batch_at_once_and_nothing_spins_after_it() -> None:
    """Processor time of a process that sleeps: other work on the machine adds nothing to it.

    Nor is the converter of other formats loaded, which takes longer than all the rest and sends telemetry.
    """
    command = [sys.executable, "-c", ONE_CORE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    n_at_once, idle_seconds, has_telemetry = done.stdout.split()
    assert (n_at_once, has_telemetry) == ("1", "False")
    assert float(idle_seconds) < 0.1
