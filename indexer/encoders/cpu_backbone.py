"""ModernBERT's forward pass on the CPU: packed tokens, packed weights, few passes over memory.

What makes it fast: weights laid out once for oneDNN, GeGLU's activation and product done inside the
matrix products, rotary positions as one complex product. Norms and the residual stream stay in
float32 whatever the type of the products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.encoders.activations import ACTIVATIONS
from indexer.encoders.attention import Borders, VarlenAttention
from indexer.models.checkpoint import Checkpoint
from indexer.models.weights import TensorFiles

_FUSED_ACTIVATIONS = {
    "gelu": ("gelu", "none"),
    "gelu_tanh": ("gelu", "tanh"),
    "silu": ("swish", ""),
    "relu": ("relu", ""),
}


class CpuBackbone:
    """The backbone of one checkpoint, its products in float32 or bfloat16."""

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype, attention: VarlenAttention) -> None:
        self._architecture = checkpoint.architecture
        self._dtype = dtype
        self._attention = attention
        self._tensors = _Tensors(checkpoint)
        tensors, a = self._tensors, checkpoint.architecture
        self._first_norm = _Norm(tensors, "embeddings.norm", a.norm_eps)
        self._last_norm = _Norm(tensors, "final_norm", a.norm_eps)
        self._layers = [_Layer(tensors, checkpoint, number, dtype) for number in range(a.n_layers)]
        self._rotations = {
            is_global: _rotation(a.global_theta if is_global else a.local_theta, a.head_dim, a.max_positions)
            for is_global in sorted(set(a.layer_is_global))
        }

    def forward(self, input_ids: Tensor, position_ids: Tensor, borders: Borders) -> Tensor:
        """Last hidden states of T packed tokens, (T, H) float32. Both ids are (T,) int64."""
        n_heads, head_dim, n_tokens = self._architecture.n_heads, self._architecture.head_dim, len(input_ids)
        self._attention.prepare(borders)
        rotations = {
            kind: table[position_ids] for kind, table in self._rotations.items()
        }  # (T, head_dim / 2)
        x = self._first_norm(self._tensors.embed(input_ids))
        for layer in self._layers:
            h = x if layer.attn_norm is None else layer.attn_norm(x)
            qkv = layer.qkv(h.to(self._dtype)).view(n_tokens, 3 * n_heads, head_dim).transpose(0, 1)
            q, k = _rotate(qkv[: 2 * n_heads], rotations[layer.is_global]).transpose(0, 1).chunk(2, dim=1)
            v = qkv[2 * n_heads :].contiguous().transpose(0, 1)
            attend = self._attention.full if layer.is_global else self._attention.local
            x.add_(layer.attn_out(attend(q, k, v).reshape(n_tokens, -1)))
            h = layer.mlp_norm(x).to(self._dtype)
            x.add_(layer.mlp_out(layer.gate.times(h, layer.up(h))))
        return self._last_norm(x)


class _Tensors:
    """The checkpoint's tensors in torch's hands, by their names in `ModernBertModel`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._files = TensorFiles(checkpoint.weight_files)
        self._prefix = checkpoint.tensor_prefix

    def get(self, name: str) -> Tensor:
        """A float32 copy."""
        return torch.from_numpy(self._files.float32(self._prefix + name).copy())

    def find(self, name: str) -> Tensor | None:
        """The same, or None where there is no such tensor."""
        return self.get(name) if self._prefix + name in self._files.entries else None

    def embed(self, input_ids: Tensor) -> Tensor:
        """Rows of the embedding matrix, (T, H) float32; the matrix itself stays in the mapped file."""
        name = self._prefix + "embeddings.tok_embeddings.weight"
        return torch.from_numpy(self._files.float32_rows(name, input_ids.numpy()))


class _Norm:
    def __init__(self, tensors: _Tensors, name: str, epsilon: float) -> None:
        self._weight, self._bias = tensors.get(f"{name}.weight"), tensors.find(f"{name}.bias")
        self._epsilon = epsilon

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self._weight.shape, self._weight, self._bias, self._epsilon)


def _linear(weight: Tensor, bias: Tensor | None, dtype: torch.dtype, activation: str = "") -> _Linear:
    weight, bias = weight.to(dtype).contiguous(), None if bias is None else bias.to(dtype)
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if has_onednn and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return _PackedLinear(weight, bias, activation)
    return _Linear(weight, bias, activation)


class _Linear:
    """activation(x @ W.T + b), by torch's ordinary operators: for a torch without oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str) -> None:
        self._weight, self._bias = weight, bias
        self._activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        out = F.linear(x, self._weight, self._bias)
        return ACTIVATIONS[self._activation](out) if self._activation else out

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """The result times `other`, value by value."""
        return self(x).mul_(other)


class _PackedLinear(_Linear):
    """The same with the weights laid out for oneDNN, and activation or product in the same pass."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str) -> None:
        super().__init__(torch.ops.mkldnn._reorder_linear_weight(weight), bias, activation)
        self._fused, self._algorithm = _FUSED_ACTIVATIONS.get(activation, ("none", ""))

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._weight, self._bias, self._fused, [], self._algorithm
        )
        return out

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """As in `_Linear`."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, other, self._weight, self._bias, "mul")
        return out


class _Layer:
    def __init__(self, tensors: _Tensors, checkpoint: Checkpoint, number: int, dtype: torch.dtype) -> None:
        a, name = checkpoint.architecture, f"layers.{number}"
        order = _pairwise_order(a.n_heads, a.head_dim)
        qkv, qkv_bias = tensors.get(f"{name}.attn.Wqkv.weight"), tensors.find(f"{name}.attn.Wqkv.bias")
        wide, wide_bias = tensors.get(f"{name}.mlp.Wi.weight"), tensors.find(f"{name}.mlp.Wi.bias")
        up_bias, gate_bias = (None, None) if wide_bias is None else wide_bias.chunk(2)
        self.is_global = a.layer_is_global[number]
        self.attn_norm = _Norm(tensors, f"{name}.attn_norm", a.norm_eps) if number else None
        self.qkv = _linear(qkv[order], None if qkv_bias is None else qkv_bias[order], dtype)
        self.attn_out = _linear(
            tensors.get(f"{name}.attn.Wo.weight"), tensors.find(f"{name}.attn.Wo.bias"), dtype
        )
        self.mlp_norm = _Norm(tensors, f"{name}.mlp_norm", a.norm_eps)
        self.up = _linear(wide[: a.intermediate_size], up_bias, dtype, a.activation)
        self.gate = _linear(wide[a.intermediate_size :], gate_bias, dtype)
        self.mlp_out = _linear(
            tensors.get(f"{name}.mlp.Wo.weight"), tensors.find(f"{name}.mlp.Wo.bias"), dtype
        )


def _pairwise_order(n_heads: int, head_dim: int) -> Tensor:
    """An order of Wqkv's rows that puts the two halves of each rotary pair side by side, in q and k alike.

    The inner products of q and k do not change, and a rotation becomes a complex product.
    """
    half = torch.arange(head_dim // 2)
    within = torch.stack([half, half + head_dim // 2], dim=1).flatten()
    rotated = (torch.arange(2 * n_heads)[:, None] * head_dim + within).flatten()
    return torch.cat([rotated, torch.arange(2 * n_heads * head_dim, 3 * n_heads * head_dim)])


def _rotation(theta: float, head_dim: int, max_positions: int) -> Tensor:
    """The unit complex numbers of every position and pair: (max_positions, head_dim / 2)."""
    inverse = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.arange(max_positions, dtype=torch.float32)[:, None] * inverse
    return torch.polar(torch.ones_like(angles), angles)


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """(heads, T, head_dim) in pairs, rotated by (T, head_dim / 2): a contiguous copy of x's type."""
    pairs = torch.empty(x.shape, dtype=torch.float32).copy_(x)
    torch.view_as_complex(pairs.view(*x.shape[:-1], -1, 2)).mul_(rotation)
    return pairs.to(x.dtype)
