"""What is trained computes what is indexed, with gradients, however its layers are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from indexer.chunking.pack import pack
from indexer.encoders.encoder import Encoder
from indexer.models.checkpoint import open_checkpoint
from indexer.records import Window
from indexer.training.trainable import TrainableModel
from tests.indexer.conftest import quiet


def test_training_computes_what_a_build_computes(untrained: Path, one_thread: None) -> None:
    checkpoint = open_checkpoint(str(untrained))
    random = np.random.default_rng(0)
    windows = [
        Window(i, random.integers(5, 390, n).astype(np.int32), 0, n) for i, n in enumerate((200, 90, 90, 7))
    ]
    (batch,) = pack(windows, 1000)
    with quiet():
        model = TrainableModel(checkpoint, "cpu")
    model.dtype = torch.float32
    expected = Encoder(checkpoint, device="cpu", dtype="float32", threads=1).encode(batch)
    gradients = []
    for low_memory in (False, True):
        model.low_memory = low_memory
        found = model.forward(batch)
        assert found.rows is not None
        assert expected.rows is not None
        assert np.abs(found.hidden.detach().numpy() - expected.hidden).max() < 1e-4
        assert np.abs(found.rows.detach().numpy() - expected.rows).max() < 1e-4
        (found.rows[3].sum() + found.hidden[250].sum()).backward()
        gradients.append({name: p.grad for name, p in model.parameters.items()})
        for parameter in model.parameters.values():
            parameter.grad = None
    for name, gradient in gradients[0].items():
        assert gradient is not None
        assert torch.isfinite(gradient).all()
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(model.forward(batch).hidden, found.hidden, atol=1e-4)
