"""ModernBERT's forward pass on a GPU: plain torch between varlen attention kernels, compiled when it pays.

The residual stream has the products' type, and `torch.compile` fuses what lies between two products.
Runs on any device, which is how its arithmetic is tested without a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.disk.remembered import private_folder
from indexer.encoders.gpu_attention import Borders, VarlenAttention
from indexer.light_dataclasses import dataclass
from indexer.models.architecture import Architecture
from indexer.models.checkpoint import Checkpoint
from indexer.models.weights import TensorFiles

_COMPILE_AFTER_SECONDS = 30.0
"""Compiling takes about this long, so that a build must have computed this long before it pays."""


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": F.silu,
    "relu": F.relu,
}


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer's tensors in the order in which its two halves take them; None where there is none."""

    is_global: bool
    before: tuple[Tensor | None, ...]
    """Attention norm, Wqkv: weight and bias each."""
    after: tuple[Tensor | None, ...]
    """Attention's Wo, feed-forward norm, Wi, Wo: weight and bias each."""


class GpuBackbone:
    """The backbone of one checkpoint on one device."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        dtype: torch.dtype,
        attention: VarlenAttention,
        compile_after_seconds: float = _COMPILE_AFTER_SECONDS,
    ) -> None:
        self._architecture = a = checkpoint.architecture
        self._attention = attention
        files = TensorFiles(checkpoint.weight_files)

        def get(name: str) -> Tensor:
            values = torch.from_numpy(files.float32(checkpoint.tensor_prefix + name).copy())
            return values.to(device=device, dtype=dtype)

        def find(name: str) -> Tensor | None:
            return get(name) if checkpoint.tensor_prefix + name in files.entries else None

        self._embeddings = get("embeddings.tok_embeddings.weight")
        self._first_norm = (get("embeddings.norm.weight"), find("embeddings.norm.bias"))
        self._last_norm = (get("final_norm.weight"), find("final_norm.bias"))

        def find_all(*names: str) -> tuple[Tensor | None, ...]:
            return tuple(find(f"{name}.{part}") for name in names for part in ("weight", "bias"))

        self._layers = [
            _Layer(
                is_global,
                before=find_all(f"layers.{i}.attn_norm", f"layers.{i}.attn.Wqkv"),
                after=find_all(
                    *(f"layers.{i}.{name}" for name in ("attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo"))
                ),
            )
            for i, is_global in enumerate(a.layer_is_global)
        ]
        self._rotations = {
            is_global: rotation_table(
                a.global_theta if is_global else a.local_theta, a.head_dim, a.max_positions, device
            )
            for is_global in sorted(set(a.layer_is_global))
        }
        self._before: Callable[..., Any] = partial(before_attention, a)
        self._after: Callable[..., Any] = partial(after_attention, a)
        self._seconds_left = compile_after_seconds
        self._is_compiled = False

    def forward(self, input_ids: Tensor, position_ids: Tensor, borders: Borders) -> Tensor:
        """Last hidden states of T packed tokens, (T, H) float32. Both ids are (T,) int64."""
        start = time.perf_counter()
        if self._seconds_left <= 0 and not self._is_compiled:
            # Inductor runs code from a folder of /tmp with a name that others can take, unless it is told.
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(private_folder("torchinductor")))
            self._before = torch.compile(self._before, dynamic=True)
            self._after = torch.compile(self._after, dynamic=True)
            self._is_compiled = True
        n_heads, epsilon = self._architecture.n_heads, self._architecture.norm_eps
        self._attention.prepare(borders)
        rotations = {kind: table[position_ids] for kind, table in self._rotations.items()}  # (T, head_dim)
        x = layer_norm(F.embedding(input_ids, self._embeddings), *self._first_norm, epsilon)
        for layer in self._layers:
            qk, v = self._before(x, rotations[layer.is_global], *layer.before)
            attend = self._attention.full if layer.is_global else self._attention.local
            x = self._after(x, attend(qk[:, :n_heads], qk[:, n_heads:], v), layer.after)
        hidden = layer_norm(x, *self._last_norm, epsilon).float()
        self._seconds_left -= time.perf_counter() - start
        return hidden


def before_attention(
    a: Architecture,
    x: Tensor,
    rotation: Tensor,
    norm: Tensor | None,
    norm_bias: Tensor | None,
    qkv: Tensor,
    qkv_bias: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Norm, projection, rotary positions: q and k as (T, 2 * heads, head_dim), v (T, heads, head_dim)."""
    h = x if norm is None else layer_norm(x, norm, norm_bias, a.norm_eps)
    split = F.linear(h, qkv, qkv_bias).view(-1, 3 * a.n_heads, a.head_dim)
    first, second = split[:, : 2 * a.n_heads].float().chunk(2, dim=-1)
    cos, sin = rotation[:, None].chunk(2, dim=-1)
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
    return turned.to(split.dtype), split[:, 2 * a.n_heads :]


def after_attention(
    a: Architecture,
    x: Tensor,
    mixed: Tensor,
    weights: tuple[Tensor, ...],
) -> Tensor:
    """Attention's projection, residual, and the whole feed-forward part: (T, H).

    `weights` are weight and bias, which may be None, of: projection, norm, wide layer, output.
    """
    attn_out, attn_out_bias, norm, norm_bias, wide, wide_bias, mlp_out, mlp_out_bias = weights
    x = x + F.linear(mixed.reshape(x.shape), attn_out, attn_out_bias)
    up, gate = F.linear(layer_norm(x, norm, norm_bias, a.norm_eps), wide, wide_bias).chunk(2, dim=-1)
    return x + F.linear(_ACTIVATIONS[a.activation](up) * gate, mlp_out, mlp_out_bias)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, epsilon: float) -> Tensor:
    """Each row of (T, H) to mean 0 and variance 1, then weighted."""
    return F.layer_norm(x, weight.shape, weight, bias, epsilon)


def rotation_table(theta: float, head_dim: int, max_positions: int, device: torch.device) -> Tensor:
    """Cosines and sines of every position, side by side: (max_positions, head_dim) float32."""
    inverse = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim)
    angles = torch.arange(max_positions, dtype=torch.float32, device=device)[:, None] * inverse
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
