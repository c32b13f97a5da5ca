"""ModernBERT as an OpenVINO graph: sequences packed into lanes, told apart by numbers, no padding mask.

A batch is (L, W): L lanes of W slots, each filled with whole sequences. `segment` numbers them, filling
is -1, and no slot sees another number. Local layers work in blocks of `half_window` queries that see the
three blocks of keys around them, so that their cost grows with W and never with W². Norm weights and the
scale of attention lie in the matrices that follow them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.encoders.dense import LoadedDense
from indexer.models.architecture import Architecture
from indexer.records import Float32Array

if TYPE_CHECKING:
    from openvino import Model, Node

FILLING = -1
"""The segment of slots that hold no token."""
_BEYOND = -2
"""The segment of what lies outside a lane."""
_UNSEEN = -1e9
_LAST = np.iinfo(np.int64).max

Weights = Callable[[str], Float32Array | None]
"""A tensor by its name in `ModernBertModel`, or None where there is none."""


def build_graph(
    a: Architecture, weights: Weights, row_dense: tuple[LoadedDense, ...], *, fuses_rotation: bool = False
) -> Model:
    """The whole backbone and the row head; `fuses_rotation` as in `cpu_memory.py`.

    Inputs: `embedding` (L, W, H) float32, rows of the embedding matrix; `segment` (L, W) int32;
    `query_segment` int32, the same or (L, 1) where every lane holds one sequence, which spares a mask of
    W² values; `position` (L, W) int32. W is a multiple of `half_window`. Outputs: last hidden states
    (L, W, H) and, where there is a head, rows before they are given unit norm, (L, W, D).
    """
    import openvino

    graph = _Graph(a, weights, fuses_rotation)
    hidden = graph.forward()
    outputs = [hidden] if not row_dense else [hidden, graph.head(hidden, row_dense)]
    return openvino.Model([graph.op.result(x) for x in outputs], graph.inputs, "modernbert")


class _Graph:
    def __init__(self, a: Architecture, weights: Weights, fuses_rotation: bool) -> None:
        import openvino.opset13

        self.op: Any = openvino.opset13
        self._a, self._weights = a, weights
        self._fuses_rotation = fuses_rotation
        slots = [-1, -1]
        self._embedding = self.op.parameter([*slots, a.hidden_size], np.float32, "embedding")
        self._segment, self._query_segment, self._position = (
            self.op.parameter(slots, np.int32, name) for name in ("segment", "query_segment", "position")
        )
        self.inputs = [self._embedding, self._segment, self._query_segment, self._position]
        self._rotations = {kind: self._rotation(kind) for kind in sorted(set(a.layer_is_global))}
        self._masks = {kind: self._global_mask() if kind else self._local_mask() for kind in self._rotations}

    def forward(self) -> Node:
        """Last hidden states."""
        a, op = self._a, self.op
        x = self._norm(self._embedding, "embeddings.norm")
        for layer, is_global in enumerate(a.layer_is_global):
            name = f"layers.{layer}"
            qkv = self._after_norm(x, f"{name}.attn_norm" if layer else "", f"{name}.attn.Wqkv")
            qkv = op.reshape(qkv, _ints(0, 0, 3 * a.n_heads, a.head_dim), True)
            parts = op.variadic_split(qkv, np.int64(2), _ints(*[a.n_heads] * 3)).outputs()
            q, k, v = (op.transpose(part, _ints(0, 2, 1, 3)) for part in parts)  # (L, heads, W, head_dim)
            q, k = (self._rotated(part, is_global) for part in (q, k))
            mixed = (self._full if is_global else self._local)(q, k, v)
            mixed = op.reshape(op.transpose(mixed, _ints(0, 2, 1, 3)), _ints(0, 0, a.hidden_size), True)
            x = op.add(x, self._linear(mixed, f"{name}.attn.Wo"))
            # One product and a split, not two products: OpenVINO 2026.4 makes of two a kernel for AMX that
            # is slower, and that divides by zero on one thread.
            wide = self._after_norm(x, f"{name}.mlp_norm", f"{name}.mlp.Wi")
            up, gate = op.split(wide, np.int64(2), 2).outputs()
            gated = op.multiply(self._activated(up, a.activation), gate)
            x = op.add(x, self._linear(gated, f"{name}.mlp.Wo"))
        return self._norm(x, "final_norm")

    def head(self, x: Node, layers: tuple[LoadedDense, ...]) -> Node:
        """The dense layers of the row head, as `apply_dense`."""
        for layer in layers:
            out = self._activated(self._times(x, layer.weight, layer.bias), layer.activation)
            if layer.use_residual:
                out = self.op.add(out, x if layer.residual is None else self._times(x, layer.residual, None))
            x = out
        return x

    # --- pieces ------------------------------------------------------------------------------

    def _times(self, x: Node, weight: Float32Array, bias: Float32Array | None) -> Node:
        out = self.op.matmul(x, np.ascontiguousarray(weight), False, True)
        return out if bias is None else self.op.add(out, bias[None, None])

    def _linear(self, x: Node, name: str) -> Node:
        return self._times(x, self._tensor(f"{name}.weight"), self._weights(f"{name}.bias"))

    def _after_norm(self, x: Node, norm: str, name: str) -> Node:
        """The linear layer over a norm, whose weight and bias are folded in, as is attention's scale."""
        weight, bias = self._tensor(f"{name}.weight"), self._weights(f"{name}.bias")
        if norm:
            x, scale, shift = self._centred(x), self._tensor(f"{norm}.weight"), self._weights(f"{norm}.bias")
            if shift is not None:
                moved = weight @ shift
                bias = moved if bias is None else bias + moved
            weight = weight * scale
        if name.endswith("Wqkv"):
            factors = np.ones(len(weight), np.float32)
            factors[: self._a.hidden_size] = self._a.head_dim**-0.5
            weight, bias = weight * factors[:, None], None if bias is None else bias * factors
        return self._times(x, weight, bias)

    def _centred(self, x: Node) -> Node:
        return self.op.mvn(x, _ints(-1), True, self._a.norm_eps, "inside_sqrt")

    def _norm(self, x: Node, name: str) -> Node:
        out = self.op.multiply(self._centred(x), self._tensor(f"{name}.weight")[None, None])
        bias = self._weights(f"{name}.bias")
        return out if bias is None else self.op.add(out, bias[None, None])

    def _activated(self, x: Node, name: str) -> Node:
        op = self.op
        if name in ("gelu", "gelu_tanh"):
            return op.gelu(x, "erf" if name == "gelu" else "tanh")
        made = {"silu": lambda y: op.multiply(y, op.sigmoid(y)), "relu": op.relu, "tanh": op.tanh}
        return made[name](x) if name in made else x

    def _tensor(self, name: str) -> Float32Array:
        found = self._weights(name)
        if found is None:
            raise KeyError(name)
        return found

    # --- positions ---------------------------------------------------------------------------

    def _rotation(self, is_global: bool) -> tuple[Node, Node]:
        """Cosines and sines of each slot's position, (L, 1, W, head_dim)."""
        a, op = self._a, self.op
        theta = a.global_theta if is_global else a.local_theta
        inverse = 1.0 / theta ** (np.arange(0, a.head_dim, 2, dtype=np.float32) / np.float32(a.head_dim))
        angles = np.outer(np.arange(a.max_positions, dtype=np.float32), inverse.astype(np.float32))
        angles = np.concatenate([angles, angles], axis=1)
        cos, sin = (
            op.unsqueeze(op.gather(table.astype(np.float32), self._position, np.int64(0)), _ints(1))
            for table in (np.cos(angles), np.sin(angles))
        )
        return cos, sin

    def _rotated(self, x: Node, is_global: bool) -> Node:
        op, half = self.op, self._a.head_dim // 2
        first, second = op.variadic_split(x, np.int64(3), _ints(half, half)).outputs()
        # By its last axis counted from the end the plugin knows a rotation, and makes it one kernel.
        last = -1 if self._fuses_rotation else 3
        turned = op.concat([op.multiply(second, np.float32(-1)), first], last)
        cos, sin = self._rotations[is_global]
        return op.add(op.multiply(x, cos), op.multiply(turned, sin))

    # --- attention: q, k, v and the result are (L, heads, W, head_dim) -----------------------

    def _global_mask(self) -> Node:
        """What to add to scores, (L, 1, W or 1, W)."""
        op = self.op
        same = op.equal(op.unsqueeze(self._query_segment, _ints(2)), op.unsqueeze(self._segment, _ints(1)))
        return op.unsqueeze(op.select(same, np.float32(0), np.float32(_UNSEEN)), _ints(1))

    def _full(self, q: Node, k: Node, v: Node) -> Node:
        """Every token sees its whole sequence. The plugin fuses this: no W² scores are held."""
        return self.op.scaled_dot_product_attention(q, k, v, self._masks[True], np.float32(1))

    def _local_mask(self) -> Node:
        """What to add to the scores of blocks, (L, 1, blocks, half_window, 3 * half_window)."""
        op, block = self.op, self._a.half_window
        around = op.pad(self._segment, _ints(0, block), _ints(0, block), "constant", np.int32(_BEYOND))
        keys = self._three_blocks(around, _ints(0, -1, block), axis=1)
        queries = op.reshape(self._segment, _ints(0, -1, block), True)
        offsets = np.arange(3 * block)[None] - np.arange(block, 2 * block)[:, None]
        is_near = np.abs(offsets) <= block
        same = op.equal(op.unsqueeze(queries, _ints(3)), op.unsqueeze(keys, _ints(2)))
        seen = op.logical_and(same, op.constant(is_near[None, None]))
        return op.unsqueeze(op.select(seen, np.float32(0), np.float32(_UNSEEN)), _ints(1))

    def _local(self, q: Node, k: Node, v: Node) -> Node:
        """Token i sees the tokens j of its sequence with |i - j| <= half_window."""
        a, op, block = self._a, self.op, self._a.half_window
        shape = _ints(0, a.n_heads, -1, block, a.head_dim)

        def with_neighbours(x: Node) -> Node:
            around = op.pad(x, _ints(0, 0, block, 0), _ints(0, 0, block, 0), "constant", np.float32(0))
            return self._three_blocks(around, shape, axis=2)

        scores = op.matmul(op.reshape(q, shape, True), with_neighbours(k), False, True)
        weights = op.softmax(op.add(scores, self._masks[False]), 4)
        mixed = op.matmul(weights, with_neighbours(v), False, False)
        return op.reshape(mixed, _ints(0, a.n_heads, -1, a.head_dim), True)

    def _three_blocks(self, x: Node, shape: NDArray[np.int64], axis: int) -> Node:
        """For each block the one before it, itself and the one after it, side by side."""
        op, block = self.op, self._a.half_window
        ends = (-2 * block, -block, _LAST)
        parts = [
            op.reshape(op.slice(x, _ints(i * block), _ints(end), _ints(1), _ints(axis)), shape, True)
            for i, end in enumerate(ends)
        ]
        return op.concat(parts, axis + 1)


def _ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)
