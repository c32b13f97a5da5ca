"""What is around the forward pass on a GPU: number types, batches by the card's memory. Runs on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from indexer.chunking.pack import pack
from indexer.encoders.encoder import Encoder
from indexer.encoders.gpu_encoder import GpuEncoder, batch_tokens_within, bytes_per_token, split_batch
from indexer.errors import InputError
from indexer.models.architecture import Architecture, read_architecture
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.records import PackedBatch, TokenVectors, Window

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return open_checkpoint("codesearch-edge")


def sequences(lengths: Sequence[int]) -> list[Window]:
    rng = np.random.default_rng(0)
    return [Window(i, rng.integers(5, 390, n, dtype=np.int32), 0, n) for i, n in enumerate(lengths)]


def test_it_computes_what_the_cpu_does(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8_000_000, 8_000_000))
    (batch,) = pack(sequences([200, 70, 3]), 300)
    ours = GpuEncoder(checkpoint, "cpu", "float32").encode(batch)
    expected = Encoder(checkpoint, device="cpu", dtype="float32").encode(batch)
    assert ours.rows is not None
    assert expected.rows is not None
    assert np.abs(ours.hidden - expected.hidden).max() < 1e-4
    assert np.abs(ours.rows - expected.rows).max() < 1e-4


def test_unknown_types_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(InputError, match="int8"):
        GpuEncoder(checkpoint, "cpu", "int8")


def test_a_gpu_is_filled_to_four_fifths(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100_000_000, 200_000_000))
    tokens = batch_tokens_within(replace(checkpoint, window_tokens=64), torch.device("cuda"), torch.bfloat16)
    assert tokens == 80_000_000 // bytes_per_token(checkpoint.architecture, 2, 64)


def test_a_base_model_takes_more_than_an_edge_model(checkpoint: Checkpoint) -> None:
    base: Architecture = read_architecture({"model_type": "modernbert"}, "base")
    assert bytes_per_token(base, 4, 128) > 2 * bytes_per_token(checkpoint.architecture, 4, 64)


def test_split_batch_by_hand() -> None:
    (batch,) = pack(sequences([4, 3, 2]), 9)
    first, second = split_batch(batch)
    assert first.sequence_ids.tolist() == [0]
    assert second.sequence_ids.tolist() == [1, 2]
    assert second.cu_seqlens.tolist() == [0, 3, 5]
    assert second.position_ids.tolist() == [0, 1, 2, 0, 1]
    assert np.concatenate([first.input_ids, second.input_ids]).tolist() == batch.input_ids.tolist()
    assert second.max_seqlen == 3
    assert second.cu_lanes.tolist() == [0, 2]


def test_a_full_gpu_gets_the_batch_in_halves(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8_000_000, 8_000_000))
    encoder = GpuEncoder(replace(checkpoint, window_tokens=32), "cpu", "float32")
    (batch,) = pack(sequences([20, 20, 20, 20, 9]), 100)
    expected = encoder.encode(batch).hidden
    compute, sizes = GpuEncoder._compute, []

    def small(self: GpuEncoder, batch: PackedBatch) -> TokenVectors:
        sizes.append(len(batch.input_ids))
        if len(batch.input_ids) > 45:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(self, batch)

    monkeypatch.setattr(GpuEncoder, "_compute", small)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    before = encoder.batch_tokens
    vectors = encoder.encode(batch)
    assert sizes == [89, 40, 49, 20, 29]
    assert np.abs(vectors.hidden - expected).max() < 1e-6
    assert vectors.sequence_ids.tolist() == batch.sequence_ids.tolist()
    assert encoder.batch_tokens < before

    (single,) = pack(sequences([50]), 50)
    with pytest.raises(InputError, match="one pass of 50 tokens"):
        encoder.encode(single)
