"""Every way to compute attention against the definition, and the choice among them with fakes."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders.gpu_attention import (
    Borders,
    FlashAttention,
    Run,
    SdpaAttention,
    TorchVarlenAttention,
    block_mask,
    find_runs,
    make_attention,
)

torch.set_num_threads(1)
HALF_WINDOW = 8


def borders_of(lengths: tuple[int, ...]) -> Borders:
    ends = torch.tensor((0, *lengths), dtype=torch.int32).cumsum(0).to(torch.int32)
    return Borders(ends, lengths)


def by_definition(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: tuple[int, ...], reach: int
) -> Any:
    """Softmax over the whole T x T matrix with everything masked that may not be seen."""
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    place = torch.arange(len(owner))
    seen = (owner[:, None] == owner) & ((place[:, None] - place).abs() <= reach)
    scores = torch.einsum("qhd,khd->hqk", q.double(), k.double()) * q.shape[-1] ** -0.5
    weights = torch.softmax(scores.masked_fill(~seen, float("-inf")), -1)
    return torch.einsum("hqk,khd->qhd", weights, v.double())


def random_qkv(n_tokens: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n_tokens, 2, 4, generator=generator) * 2 for _ in range(3))


@pytest.mark.parametrize("kind", [SdpaAttention])
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(max_examples=25)
def test_cpu_attention_is_the_definition(kind: type[Any], lengths: list[int]) -> None:
    q, k, v = random_qkv(sum(lengths))
    attention = kind(HALF_WINDOW)
    attention.prepare(borders_of(tuple(lengths)))
    full, local = attention.full(q, k, v), attention.local(q, k, v)
    assert full.shape == local.shape == q.shape
    assert (full - by_definition(q, k, v, tuple(lengths), 10**6)).abs().max() < 1e-5
    assert (local - by_definition(q, k, v, tuple(lengths), HALF_WINDOW)).abs().max() < 1e-5


@pytest.mark.parametrize("kind", [SdpaAttention])
def test_heads_may_lie_in_front(kind: type[Any]) -> None:
    lengths = (30, 30, 9)
    q, k, v = random_qkv(sum(lengths))
    strided = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in (q, k, v)]
    attention = kind(HALF_WINDOW)
    attention.prepare(borders_of(lengths))
    assert torch.allclose(attention.full(q, k, v), attention.full(*strided), atol=1e-6)
    assert torch.allclose(attention.local(q, k, v), attention.local(*strided), atol=1e-6)


@pytest.mark.parametrize("kind", [SdpaAttention])
def test_a_window_wider_than_every_sequence_costs_no_mask(kind: type[Any]) -> None:
    lengths = (9, 4, 4)
    q, k, v = random_qkv(sum(lengths))
    attention = kind(10**6)
    attention.prepare(borders_of(lengths))
    assert (attention.local(q, k, v) - by_definition(q, k, v, lengths, 10**6)).abs().max() < 1e-5


def test_one_token_attends_to_itself() -> None:
    q, k, v = random_qkv(1)
    for kind in (SdpaAttention,):
        attention = kind(HALF_WINDOW)
        attention.prepare(borders_of((1,)))
        assert torch.allclose(attention.full(q, k, v), v)
        assert torch.allclose(attention.local(q, k, v), v)


def test_runs_by_hand() -> None:
    assert find_runs((7, 7, 3, 7)) == [Run(0, 2, 7), Run(14, 1, 3), Run(17, 1, 7)]


def test_mask_by_hand() -> None:
    # Two sequences of 2 and 1 tokens, blocks of 2: token 2 is alone, the fourth place is filling.
    seen = block_mask(borders_of((2, 1)), half_window=2) == 0
    assert seen.shape == (2, 2, 6)
    assert seen[0].int().tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0]]
    assert seen[1].int().tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]


def test_local_cost_grows_with_length_and_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    products, attend = [], F.scaled_dot_product_attention

    def counted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        products.append(q.numel() * k.shape[-2])
        return attend(q, k, v, **kwargs)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    totals = []
    for n_tokens in (256, 512, 1024):
        products.clear()
        q, k, v = random_qkv(n_tokens)
        attention = SdpaAttention(HALF_WINDOW)
        attention.prepare(borders_of((n_tokens,)))
        attention.local(q, k, v)
        totals.append(sum(products))
    heads, head_dim = 2, 4
    assert totals == [n * 3 * HALF_WINDOW * heads * head_dim for n in (256, 512, 1024)]


# --- dispatch --------------------------------------------------------------------------------


class FakeKernel:
    """Remembers its arguments and returns the queries."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        self.calls.append({"args": args, **kwargs})
        out: torch.Tensor = args[0]
        return out


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (9, 0))


@pytest.fixture
def fake_flash_attn(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    kernel, package = FakeKernel(), types.ModuleType("flash_attn")
    package.flash_attn_varlen_func = kernel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    return kernel


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name in names:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.mark.usefixtures("fake_gpu")
def test_cuda_prefers_flash_attn(fake_flash_attn: FakeKernel) -> None:
    attention = make_attention(CUDA, torch.bfloat16, 64)
    assert type(attention) is FlashAttention
    attention.prepare(borders_of((3, 5)))
    q, k, v = random_qkv(8)
    attention.full(q, k, v)
    attention.local(q, k, v)
    full, local = fake_flash_attn.calls
    assert [full["window_size"], local["window_size"]] == [(-1, -1), (64, 64)]
    q_, k_, v_, cu_q, cu_k, longest_q, longest_k = local["args"]
    assert (q_, k_, v_) == (q, k, v) or (q_ is q and k_ is k and v_ is v)
    assert cu_q.tolist() == cu_k.tolist() == [0, 3, 8]
    assert (longest_q, longest_k) == (5, 5)


@pytest.mark.usefixtures("fake_gpu")
def test_cuda_without_flash_attn_uses_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "flash_attn")
    assert type(make_attention(CUDA, torch.float16, 64)) is TorchVarlenAttention


def test_torch_kernel_takes_the_arguments_that_are_passed() -> None:
    import inspect

    from torch.nn.attention.varlen import varlen_attn

    parameters = inspect.signature(varlen_attn).parameters
    assert list(parameters)[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]
    assert "window_size" in parameters


@pytest.mark.usefixtures("fake_gpu")
def test_cuda_without_any_kernel_or_in_float32_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(make_attention(CUDA, torch.float32, 64)) is SdpaAttention
    without(monkeypatch, "flash_attn", "torch.nn.attention.varlen")
    assert type(make_attention(CUDA, torch.bfloat16, 64)) is SdpaAttention


def test_an_old_gpu_has_no_varlen_kernel(
    monkeypatch: pytest.MonkeyPatch, fake_flash_attn: FakeKernel
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 5))
    assert type(make_attention(CUDA, torch.float16, 64)) is SdpaAttention
    assert fake_flash_attn.calls == []
