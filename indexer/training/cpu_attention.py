"""Attention with gradients on a CPU: products and a softmax, which matrix units compute in bfloat16.

torch's fused attention runs forward alone at its best there: its backward pass takes half of a step. What is
kept for the backward pass grows with the square of a window's length, which is at most 1,024 tokens or so.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.encoders.gpu_attention import Borders, block_mask, find_runs, query_blocks


class ProductAttention:
    """As `VarlenAttention`; each call is differentiable."""

    def __init__(self, half_window: int) -> None:
        self._half_window = half_window

    def prepare(self, borders: Borders) -> None:
        """As in `VarlenAttention`."""
        self._runs = find_runs(borders.lengths)
        self._is_all_near = max(borders.lengths) <= self._half_window + 1
        if not self._is_all_near:
            self._mask = block_mask(borders, self._half_window)  # (blocks, block, 3 * block)

    def full(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        parts = []
        for run in self._runs:
            qs, ks, vs = (run.view(x).transpose(1, 2) for x in (q, k, v))
            parts.append(_attend(qs, ks, vs, None).transpose(1, 2).reshape(-1, *q.shape[1:]))
        return torch.cat(parts)

    def local(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As in `VarlenAttention`."""
        if self._is_all_near:
            return self.full(q, k, v)
        block = self._half_window
        q_blocks = query_blocks(q.transpose(0, 1), block)  # (heads, blocks, block, head_dim)
        k_blocks, v_blocks = (_neighbours(x.transpose(0, 1), block) for x in (k, v))
        out = _attend(q_blocks, k_blocks, v_blocks, self._mask)
        return out.flatten(1, 2).transpose(0, 1)[: q.shape[0]]


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    mixed: Tensor = scores.softmax(dim=-1, dtype=torch.float32).to(v.dtype) @ v
    return mixed


def _neighbours(x: Tensor, block: int) -> Tensor:
    """What `gpu_attention.key_blocks` gives, with a cheap way back: (..., blocks, 3 * block, head_dim)."""
    blocks = query_blocks(x, block)
    before = F.pad(blocks, (0, 0, 0, 0, 1, 0))[..., :-1, :, :]
    after = F.pad(blocks, (0, 0, 0, 0, 0, 1))[..., 1:, :, :]
    return torch.cat([before, blocks, after], dim=-2)
