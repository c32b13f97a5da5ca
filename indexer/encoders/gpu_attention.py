"""Attention over packed sequences: no token sees another sequence, and no padding is computed.

One interface, `VarlenAttention`, and three ways to do it, chosen by capability in `make_attention`:
flash-attn's kernel, torch's own varlen kernel, and fused SDPA, which any device and type has. There, a
global layer works sequence by sequence, and a local layer in banded blocks over the packed tokens: 64
queries see the 192 keys around them, so that its cost grows with T and never with T².
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Borders:
    """Where the sequences of a batch lie."""

    cu_seqlens: Tensor
    """(B + 1,) int32, on the device that computes."""
    lengths: tuple[int, ...]
    """(B,)"""


class VarlenAttention(Protocol):
    """Bidirectional attention within each sequence of one packed batch.

    All tensors are (T, heads, head_dim), of any strides.
    """

    def prepare(self, borders: Borders) -> None:
        """Take a batch's borders; calls of `full` and `local` then work on its T tokens."""

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Every token sees its whole sequence."""

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Token i sees the tokens j of its sequence with |i - j| <= half_window."""


def make_attention(device: torch.device, dtype: torch.dtype, half_window: int) -> VarlenAttention:
    """The fastest attention that this device, type and installation can do."""
    if device.type == "cuda" and dtype in (torch.float16, torch.bfloat16):
        kernel = _flash_attn_kernel()
        if kernel is not None and torch.cuda.get_device_capability(device) >= (8, 0):
            return FlashAttention(kernel, half_window)
        kernel = _torch_varlen_kernel()
        if kernel is not None and torch.cuda.get_device_capability(device) >= (8, 0):
            return TorchVarlenAttention(kernel, half_window)
    # Older GPUs, and float32: no varlen kernel exists.
    return SdpaAttention(half_window)


def _flash_attn_kernel() -> Callable[..., Any] | None:
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        return None
    return flash_attn_varlen_func  # type: ignore[no-any-return]


def _torch_varlen_kernel() -> Callable[..., Any] | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn


class FlashAttention:
    """flash-attn 2 on CUDA; its window bounds are inclusive on both sides, as ours."""

    def __init__(self, kernel: Callable[..., Any], half_window: int) -> None:
        self._kernel = kernel
        self._window = (half_window, half_window)

    def prepare(self, borders: Borders) -> None:
        """As in `VarlenAttention`."""
        self._cu_seqlens, self._longest = borders.cu_seqlens, max(borders.lengths)

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        return self._call(q, k, v, (-1, -1))

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        return self._call(q, k, v, self._window)

    def _call(self, q: Tensor, k: Tensor, v: Tensor, window: tuple[int, int]) -> Tensor:
        out: Tensor = self._kernel(
            q, k, v, self._cu_seqlens, self._cu_seqlens, self._longest, self._longest, window_size=window
        )
        return out


class TorchVarlenAttention(FlashAttention):
    """torch's own `varlen_attn` (2.10 and later) on CUDA; the arguments stand in the same order."""


class SdpaAttention:
    """Fused SDPA: one call for each run of equally long sequences, one for all blocks of a local layer."""

    def __init__(self, half_window: int) -> None:
        self._half_window = half_window

    def prepare(self, borders: Borders) -> None:
        """As in `VarlenAttention`."""
        self._runs = find_runs(borders.lengths)
        self._is_all_near = max(borders.lengths) <= self._half_window + 1
        if not self._is_all_near:
            self._mask = block_mask(borders, self._half_window).unsqueeze(1)

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        parts = []
        for run in self._runs:
            qs, ks, vs = (
                run.view(x).transpose(1, 2) for x in (q, k, v)
            )  # (sequences, heads, length, head_dim)
            mixed = F.scaled_dot_product_attention(qs, ks, vs).transpose(1, 2)
            parts.append(mixed.reshape(-1, *q.shape[1:]))
        return torch.cat(parts)

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        if self._is_all_near:
            return self.full(q, k, v)
        n_tokens, block = q.shape[0], self._half_window
        q_blocks = query_blocks(q.transpose(0, 1), block).transpose(0, 1)
        k_blocks, v_blocks = (key_blocks(x.transpose(0, 1), block).transpose(0, 1) for x in (k, v))
        out = F.scaled_dot_product_attention(q_blocks, k_blocks, v_blocks, attn_mask=self._mask.to(q.dtype))
        return out.transpose(1, 2).reshape(-1, *q.shape[1:])[:n_tokens]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring sequences of one length."""

    start: int
    n_sequences: int
    length: int

    def view(self, x: Tensor) -> Tensor:
        """Its part of (T, ...) as (sequences, length, ...)."""
        part = x[self.start : self.start + self.n_sequences * self.length]
        return part.view(self.n_sequences, self.length, *x.shape[1:])


def find_runs(lengths: tuple[int, ...]) -> list[Run]:
    """Runs of equal lengths, in order; packing puts equal lengths side by side."""
    runs, start = [], 0
    for length, group in itertools.groupby(lengths):
        n_sequences = len(list(group))
        runs.append(Run(start, n_sequences, length))
        start += n_sequences * length
    return runs


def query_blocks(x: Tensor, block: int) -> Tensor:
    """(..., T, head_dim) cut into (..., blocks, block, head_dim), the last filled up with zeros."""
    n_filling = -x.shape[-2] % block
    return F.pad(x, (0, 0, 0, n_filling)).view(*x.shape[:-2], -1, block, x.shape[-1])


def key_blocks(x: Tensor, block: int) -> Tensor:
    """For each query block its keys and both neighbours': a view, (..., blocks, 3 * block, head_dim)."""
    n_filling = -x.shape[-2] % block
    return F.pad(x, (0, 0, block, block + n_filling)).unfold(-2, 3 * block, block).transpose(-1, -2)


def block_mask(borders: Borders, half_window: int) -> Tensor:
    """What to add to the scores of `query_blocks` over `key_blocks`: (blocks, block, 3 * block) float32.

    0 where a query may see a key, a large negative number elsewhere: beyond `half_window` (which is
    the block's length) or in another sequence.
    """
    block, device = half_window, borders.cu_seqlens.device
    n_tokens = sum(borders.lengths)
    n_blocks = -(-n_tokens // block)
    lengths = torch.tensor(borders.lengths, device=device)
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths, output_size=n_tokens)
    # Filling around the tokens belongs to no sequence, and sees itself alone so that no row is empty.
    owner = F.pad(owner, (block, (n_blocks + 1) * block - n_tokens), value=-1)
    keys = owner.unfold(0, 3 * block, block)  # (blocks, 3 * block)
    queries = keys[:, block : 2 * block]
    offset = torch.arange(3 * block, device=device) - torch.arange(block, 2 * block, device=device)[:, None]
    is_seen = (keys[:, None, :] == queries[:, :, None]) & (offset.abs() <= half_window)
    return torch.zeros(is_seen.shape, device=device).masked_fill_(~is_seen, -1e9)
