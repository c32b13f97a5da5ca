"""The GPU's forward pass computes what the CPU's does; both run here in float32 on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.chunking.pack import pack
from indexer.encoders.cpu_backbone import CpuBackbone
from indexer.encoders.gpu_attention import Borders, SdpaAttention
from indexer.encoders.gpu_backbone import GpuBackbone
from indexer.models.checkpoint import open_checkpoint
from indexer.records import PackedBatch, Window

torch.set_num_threads(1)
LENGTHS = (70, 33, 2, 1)


def packed() -> PackedBatch:
    rng = np.random.default_rng(1)
    windows = [Window(i, rng.integers(5, 390, n, dtype=np.int32), 0, n) for i, n in enumerate(LENGTHS)]
    return pack(windows, sum(LENGTHS))[0]


def inputs() -> tuple[torch.Tensor, torch.Tensor, Borders]:
    batch = packed()
    ids, positions, ends = map(torch.from_numpy, (batch.input_ids, batch.position_ids, batch.cu_seqlens))
    return ids, positions, Borders(ends, LENGTHS)


@pytest.mark.parametrize(
    "changes",
    [{}, {"attention_bias": True, "mlp_bias": True, "norm_bias": True}, {"hidden_activation": "relu"}],
)
def test_gpu_and_cpu_backbones_agree(
    tmp_path: Path, save_tiny: Callable[..., Path], changes: dict[str, Any]
) -> None:
    checkpoint = open_checkpoint(str(save_tiny(tmp_path / "m", **changes)))
    gpu = GpuBackbone(checkpoint, torch.device("cpu"), torch.float32, SdpaAttention(16))
    (cpu,) = CpuBackbone(checkpoint, "float32", 1).encode_all([packed()])
    with torch.inference_mode():
        assert np.abs(cpu.hidden - gpu.forward(*inputs()).numpy()).max() < 1e-5


def test_compiling_waits_until_it_pays_and_makes_few_graphs(
    monkeypatch: pytest.MonkeyPatch, plain_folder: Path
) -> None:
    from torch._dynamo.testing import CompileCounter

    counter, compile_ = CompileCounter(), torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda function, dynamic: compile_(function, backend=counter, dynamic=dynamic)
    )
    backbone = GpuBackbone(
        open_checkpoint(str(plain_folder)), torch.device("cpu"), torch.float32, SdpaAttention(16), 1e-9
    )
    with torch.inference_mode():
        plain = backbone.forward(*inputs())
        assert counter.frame_count == 0
        compiled = backbone.forward(*inputs())
        # The first layer has no attention norm: two graphs before attention, one or two behind it.
        assert 2 <= counter.frame_count <= 4
        assert (plain - compiled).abs().max() < 1e-5
