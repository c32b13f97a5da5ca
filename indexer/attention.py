"""Attention over packed sequences: no token sees another sequence, no padding is computed.

One interface, `VarlenAttention`, and three ways to do it, chosen by capability in `make_attention`:
flash-attn's kernel, torch's own varlen kernel (both CUDA), and the CPU, where a global layer is one
SDPA call for each run of equally long sequences and a local layer works in banded blocks: 64
queries see the 192 keys around them, so that its cost grows with T and never with T².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.records import PackedBatch


class VarlenAttention(Protocol):
    """Bidirectional attention within each sequence of one packed batch."""

    def prepare(self, batch: PackedBatch) -> None:
        """Take a batch's borders; `full` and `local` then work on tensors of its T tokens."""

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Every token sees its whole sequence. q, k, v and result are (T, heads, head_dim)."""

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Token i sees the tokens j of its sequence with |i - j| <= half_window."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring sequences of one length."""

    start: int
    n_sequences: int
    length: int


class CpuAttention:
    """See the module's first paragraph."""

    def __init__(self, half_window: int, dtype: torch.dtype) -> None:
        self._half_window = half_window
        self._dtype = dtype
        self._runs: list[_Run] = []
        self._mask = torch.empty(0)

    def prepare(self, batch: PackedBatch) -> None:
        """Find runs of equal length and build the mask of the local layers' blocks."""
        borders = batch.cu_seqlens.tolist()
        runs: list[_Run] = []
        for start, end in zip(borders, borders[1:], strict=False):
            last = runs[-1] if runs else None
            if last is not None and last.length == end - start:
                runs[-1] = _Run(last.start, last.n_sequences + 1, last.length)
            else:
                runs.append(_Run(start, 1, end - start))
        self._runs = runs
        self._mask = self._block_mask(torch.from_numpy(batch.cu_seqlens))

    def _block_mask(self, borders: Tensor) -> Tensor:
        """(blocks, 1, block, 3 * block): True where a query of the block may see the key."""
        n_tokens, block = int(borders[-1]), self._half_window
        n_blocks = -(-n_tokens // block)
        owner = torch.bucketize(torch.arange(n_tokens), borders[1:], right=True)
        # Filling in front of the first token and behind the last belongs to no sequence.
        padded = F.pad(owner, (block, (n_blocks + 1) * block - n_tokens), value=-1)
        keys = padded.unfold(0, 3 * block, block)  # (blocks, 3 * block)
        queries = padded[block : (n_blocks + 1) * block].view(n_blocks, block)
        distance = torch.arange(3 * block)[None, :] - torch.arange(block, 2 * block)[:, None]
        near = distance.abs() <= self._half_window  # (block, 3 * block)
        # A query in the filling sees the filling, so that no row of the mask is empty.
        return ((keys[:, None, :] == queries[:, :, None]) & near).unsqueeze(1)

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        out = torch.empty_like(q, memory_format=torch.contiguous_format)
        for run in self._runs:
            end = run.start + run.n_sequences * run.length
            shape = (run.n_sequences, run.length, *q.shape[1:])
            parts = [x[run.start : end].view(shape).transpose(1, 2) for x in (q, k, v)]
            out[run.start : end].view(shape).copy_(F.scaled_dot_product_attention(*parts).transpose(1, 2))
        return out

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        n_tokens, n_heads, head_dim = q.shape
        block, n_blocks = self._half_window, self._mask.shape[0]
        n_filling = n_blocks * block - n_tokens
        q = F.pad(q, (0, 0, 0, 0, 0, n_filling)).view(n_blocks, block, n_heads, head_dim)
        k = F.pad(k, (0, 0, 0, 0, block, block + n_filling)).unfold(0, 3 * block, block)
        v = F.pad(v, (0, 0, 0, 0, block, block + n_filling)).unfold(0, 3 * block, block)
        out = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(2, 3), v.transpose(2, 3), attn_mask=self._mask
        )  # (blocks, heads, block, head_dim)
        return out.transpose(1, 2).reshape(-1, n_heads, head_dim)[:n_tokens]
