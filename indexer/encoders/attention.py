"""Attention over packed sequences: no token sees another sequence, and no padding is computed.

One interface, `VarlenAttention`, and four ways to do it, chosen by capability in `make_attention`:
flash-attn's kernel, torch's own varlen kernel (both CUDA), and two for the CPU. There, a global layer
works sequence by sequence, and a local layer in banded blocks over the packed tokens: 64 queries see
the 192 keys around them, so that its cost grows with T and never with T².

In float32 the CPU's fused SDPA kernel runs near the speed of a matrix product. In bfloat16 it does
not (its inner products stay in float32 speed), so that there the two products and the softmax are
called one by one, on pieces whose scores stay in the cache.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_CACHED_SCORES = 512 * 1024
"""Scores that one thread works on at a time: a megabyte in bfloat16."""
_MIN_QUERIES = 128
"""Queries of a piece; fewer make the products too thin."""


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
    if device.type != "cuda":
        return BlockedAttention(half_window) if dtype == torch.bfloat16 else SdpaAttention(half_window)
    if dtype in (torch.float16, torch.bfloat16):
        kernel = _flash_attn_kernel()
        if kernel is not None and torch.cuda.get_device_capability(device) >= (8, 0):
            return FlashAttention(kernel, half_window)
        kernel = _torch_varlen_kernel()
        if kernel is not None and torch.cuda.get_device_capability(device) >= (8, 0):
            return TorchVarlenAttention(kernel, half_window)
    # Older GPUs, and float32: no varlen kernel exists; the CPU's way is right on any device.
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
        out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
        for run in self._runs:
            qs, ks, vs = (
                run.view(x).transpose(1, 2) for x in (q, k, v)
            )  # (sequences, heads, length, head_dim)
            run.view(out).copy_(F.scaled_dot_product_attention(qs, ks, vs).transpose(1, 2))
        return out

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        if self._is_all_near:
            return self.full(q, k, v)
        n_tokens, block = q.shape[0], self._half_window
        q_blocks = query_blocks(q.transpose(0, 1), block).transpose(0, 1)
        k_blocks, v_blocks = (key_blocks(x.transpose(0, 1), block).transpose(0, 1) for x in (k, v))
        out = F.scaled_dot_product_attention(q_blocks, k_blocks, v_blocks, attn_mask=self._mask.to(q.dtype))
        return out.transpose(1, 2).reshape(-1, *q.shape[1:])[:n_tokens]


class BlockedAttention:
    """Products and softmax one by one, in pieces that stay in the cache: for bfloat16 on the CPU."""

    def __init__(self, half_window: int) -> None:
        self._half_window = half_window

    def prepare(self, borders: Borders) -> None:
        """As in `VarlenAttention`."""
        self._runs = find_runs(borders.lengths)
        self._is_all_near = max(borders.lengths) <= self._half_window + 1
        if not self._is_all_near:
            self._mask = block_mask(borders, self._half_window)

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
        scale = q.shape[-1] ** -0.5
        n_cached = _CACHED_SCORES * torch.get_num_threads()
        for run in self._runs:
            parts = [run.view(x) for x in (q, k, v, out)]  # (sequences, length, heads, head_dim)
            # The larger of the two outer axes is the batch of a product, the smaller is walked.
            if run.n_sequences < q.shape[1]:
                parts = [x.transpose(1, 2) for x in parts]
            else:
                parts = [x.permute(2, 0, 1, 3) for x in parts]
            n_outer, n_inner, length = parts[0].shape[:3]
            n_queries = min(length, max(_MIN_QUERIES, _CACHED_SCORES // length))
            n_together = max(1, n_cached // (n_queries * length))
            for outer in range(n_outer):
                for first in range(0, n_inner, n_together):
                    inner = slice(first, first + n_together)
                    keys, values = parts[1][outer, inner].transpose(1, 2), parts[2][outer, inner]
                    for start in range(0, length, n_queries):
                        rows = slice(start, start + n_queries)
                        scores = torch.bmm(parts[0][outer, inner, rows] * scale, keys)
                        parts[3][outer, inner, rows] = torch.bmm(torch.softmax(scores, -1), values)
        return out

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        if self._is_all_near:
            return self.full(q, k, v)
        n_tokens, n_heads, head_dim = q.shape
        block = self._half_window
        if self._mask.dtype != q.dtype:
            self._mask = self._mask.to(q.dtype)
        n_filled = len(self._mask) * block
        out = torch.empty((n_filled, n_heads, head_dim), dtype=q.dtype, device=q.device)
        scale = head_dim**-0.5
        for head in range(n_heads):
            queries = query_blocks(q[:, head], block)  # (blocks, block, head_dim)
            keys = key_blocks(k[:, head], block).contiguous()  # (blocks, 3 * block, head_dim)
            scores = torch.baddbmm(self._mask, queries, keys.transpose(1, 2), alpha=scale)
            values = key_blocks(v[:, head], block)
            out[:, head] = torch.bmm(torch.softmax(scores, -1), values).view(n_filled, head_dim)
        return out[:n_tokens]


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
