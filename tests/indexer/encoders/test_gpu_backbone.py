"""The GPU's forward pass computes what the CPU's does; both run here in float32 on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from indexer.encoders.attention import Borders, SdpaAttention
from indexer.encoders.cpu_backbone import CpuBackbone
from indexer.encoders.gpu_backbone import GpuBackbone
from indexer.models.checkpoint import open_checkpoint

torch.set_num_threads(1)
LENGTHS = (70, 33, 2, 1)


def inputs() -> tuple[torch.Tensor, torch.Tensor, Borders]:
    ids = torch.randint(5, 390, (sum(LENGTHS),), generator=torch.Generator().manual_seed(1))
    positions = torch.cat([torch.arange(n) for n in LENGTHS])
    ends = torch.tensor((0, *LENGTHS), dtype=torch.int32).cumsum(0).to(torch.int32)
    return ids, positions, Borders(ends, LENGTHS)


@pytest.mark.parametrize(
    "changes",
    [{}, {"attention_bias": True, "mlp_bias": True, "norm_bias": True}, {"hidden_activation": "relu"}],
)
def test_gpu_and_cpu_backbones_agree(
    tmp_path: Path, save_tiny: Callable[..., Path], changes: dict[str, Any]
) -> None:
    checkpoint = open_checkpoint(str(save_tiny(tmp_path / "m", **changes)))
    cpu = CpuBackbone(checkpoint, torch.float32, SdpaAttention(16))
    gpu = GpuBackbone(checkpoint, torch.device("cpu"), torch.float32, SdpaAttention(16))
    with torch.inference_mode():
        assert (cpu.forward(*inputs()) - gpu.forward(*inputs())).abs().max() < 1e-5


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
