"""The encoder against transformers' own ModernBERT, one sequence at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunking.pack import pack, split_vectors
from indexer.encoders import encoder as module
from indexer.encoders.encoder import Encoder
from indexer.errors import InputError, MissingExtraError
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.records import Window

torch.set_num_threads(1)
SaveTiny = Callable[..., Path]
N_WORDS = 390


class Oracle:
    """transformers' ModernBertModel on single sequences."""

    def __init__(self, folder: Path) -> None:
        from transformers import ModernBertModel

        self.model = ModernBertModel.from_pretrained(
            folder, attn_implementation="sdpa", dtype=torch.float32
        ).eval()

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            out: np.ndarray = self.model(torch.from_numpy(ids)[None].long()).last_hidden_state[0].numpy()
        return out


@pytest.fixture(scope="module")
def oracle(plain_folder: Path) -> Oracle:
    return Oracle(plain_folder)


@pytest.fixture(scope="module")
def checkpoint(plain_folder: Path) -> Checkpoint:
    return open_checkpoint(str(plain_folder))


@pytest.fixture(scope="module")
def encoder(checkpoint: Checkpoint) -> Encoder:
    return Encoder(checkpoint, device="cpu", dtype="float32")


def sequences(lengths: Sequence[int], seed: int = 0) -> list[Window]:
    rng = np.random.default_rng(seed)
    return [Window(i, rng.integers(5, N_WORDS, n, dtype=np.int32), 0, n) for i, n in enumerate(lengths)]


def encode_all(encoder: Encoder, windows: Sequence[Window], batch_tokens: int) -> dict[int, np.ndarray]:
    found = {}
    for vectors in encoder.encode_all(pack(windows, batch_tokens, encoder.short_lane_tokens)):
        for part in split_vectors(vectors):
            found[part.sequence_id] = part.hidden
    return found


def test_mixed_lengths_in_one_batch_equal_transformers_one_by_one(encoder: Encoder, oracle: Oracle) -> None:
    windows = sequences([1, 2, 15, 16, 17, 31, 32, 33, 34, 64, 65, 2, 500])
    found = encode_all(encoder, windows, 1000)
    for window in windows:
        assert np.abs(found[window.window_id] - oracle(window.input_ids)).max() < 1e-5


def test_the_real_window_of_128_and_the_lengths_around_it(tmp_path: Path, save_tiny: SaveTiny) -> None:
    folder = save_tiny(tmp_path / "m", local_attention=128, max_position_embeddings=1024)
    encoder, oracle = Encoder(open_checkpoint(str(folder)), device="cpu", dtype="float32"), Oracle(folder)
    windows = sequences([1, 2, 63, 64, 65, 127, 128, 129, 130, 1000])
    found = encode_all(encoder, windows, 2000)
    for window in windows:
        assert np.abs(found[window.window_id] - oracle(window.input_ids)).max() < 1e-5


def test_8192_tokens_beside_short_sequences(tmp_path: Path, save_tiny: SaveTiny) -> None:
    size = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}
    folder = save_tiny(tmp_path / "m", local_attention=128, max_position_embeddings=8192, **size)
    encoder, oracle = Encoder(open_checkpoint(str(folder)), device="cpu", dtype="float32"), Oracle(folder)
    windows = sequences([8192, 1, 2, 63, 64, 65, 127, 128, 129, 130, 1000])
    found = encode_all(encoder, windows, encoder.batch_tokens)
    for window in windows:
        assert np.abs(found[window.window_id] - oracle(window.input_ids)).max() < 1e-5


@given(order=st.permutations(range(8)), batch_tokens=st.integers(90, 400))
@settings(max_examples=15)
def test_neither_order_nor_batch_changes_a_vector(
    encoder: Encoder, order: list[int], batch_tokens: int
) -> None:
    windows = sequences([40, 3, 90, 17, 1, 40, 66, 5], seed=2)
    alone = {window.window_id: encode_all(encoder, [window], 100)[window.window_id] for window in windows}
    found = encode_all(encoder, [windows[i] for i in order], batch_tokens)
    for window_id, vectors in alone.items():
        assert np.abs(found[window_id] - vectors).max() < 1e-5


def test_position_ids_alone_do_not_separate_packed_documents(encoder: Encoder, oracle: Oracle) -> None:
    """What transformers does with packed input and no document mask, and that the encoder does not."""
    windows = sequences([40, 40], seed=3)
    (batch,) = pack(windows, 80)
    with torch.inference_mode():
        mixed = oracle.model(
            torch.from_numpy(batch.input_ids)[None], position_ids=torch.from_numpy(batch.position_ids)[None]
        ).last_hidden_state[0]
    second = oracle(batch.input_ids[40:])
    assert np.abs(mixed[40:].numpy() - second).max() > 0.01
    assert np.abs(encoder.encode(batch).hidden[40:] - second).max() < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_bias": True, "mlp_bias": True, "norm_bias": True},
        {"hidden_activation": "silu"},
        {"hidden_activation": "gelu_pytorch_tanh"},
        {"layer_types": ["sliding_attention", "full_attention"] * 2},
        {"global_attn_every_n_layers": 2, "norm_eps": 1e-3},
    ],
)
def test_other_architectures(tmp_path: Path, save_tiny: SaveTiny, changes: dict[str, Any]) -> None:
    folder = save_tiny(tmp_path / "m", **changes)
    encoder, oracle = Encoder(open_checkpoint(str(folder)), device="cpu", dtype="float32"), Oracle(folder)
    windows = sequences([50, 7])
    found = encode_all(encoder, windows, 60)
    for window in windows:
        assert np.abs(found[window.window_id] - oracle(window.input_ids)).max() < 2e-5


def test_bfloat16_stays_near_float32(checkpoint: Checkpoint, encoder: Encoder) -> None:
    """Tolerance: a token's vector keeps a cosine of 0.995 (0.9999 on average) with its float32 self."""
    rounded = Encoder(checkpoint, device="cpu", dtype="bfloat16")
    windows = sequences([200, 64, 5])
    exact, found = encode_all(encoder, windows, 300), encode_all(rounded, windows, 300)
    a = np.concatenate([exact[i] for i in range(3)])
    b = np.concatenate([found[i] for i in range(3)])
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosines.min() > 0.995
    assert cosines.mean() > 0.999
    assert b.dtype == np.float32


# --- devices, types, memory ------------------------------------------------------------------


@pytest.mark.parametrize("device", ["gpu", "mps", "cuda:99"])
def test_unknown_devices_are_refused(checkpoint: Checkpoint, device: str) -> None:
    with pytest.raises(InputError, match=device):
        Encoder(checkpoint, device=device)


def test_a_gpu_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setattr(module, "n_cuda_devices", lambda: 1)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'codesearch-local\[gpu\]'"):
        Encoder(checkpoint, device="cuda")
    assert Encoder(checkpoint, dtype="float32").device == "cpu"


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_types_that_the_cpu_lacks_are_refused(checkpoint: Checkpoint, dtype: str) -> None:
    with pytest.raises(InputError, match=dtype):
        Encoder(checkpoint, device="cpu", dtype=dtype)


@pytest.mark.parametrize(
    ("fast", "alike", "expected"),
    [(True, True, "bfloat16"), (True, False, "float32"), (False, True, "float32")],
)
def test_auto_takes_bfloat16_only_where_it_is_fast_and_ranks_alike(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, fast: bool, alike: bool, expected: str
) -> None:
    monkeypatch.setattr(module, "has_fast_bfloat16", lambda: fast)
    monkeypatch.setattr(module, "ranks_alike", lambda checkpoint: alike)
    assert Encoder(checkpoint, device="cpu").dtype_name == expected


def test_a_limit_too_small_for_one_window_is_refused_with_both_numbers(checkpoint: Checkpoint) -> None:
    with pytest.raises(InputError, match=r"needs \d+ MB .* limit is 100 MB"):
        Encoder(checkpoint, device="cpu", dtype="float32", max_memory_bytes=100_000_000)
