"""A packed batch to token vectors: ModernBERT's forward pass over T tokens without padding, in torch.

Loads any checkpoint of the family from its safetensors; transformers is not involved. Importing this
module imports torch, so it is imported where a build begins and by nothing that answers a query.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.attention import CpuAttention
from indexer.checkpoint import Checkpoint
from indexer.dense import load_dense
from indexer.records import PackedBatch, TokenVectors
from indexer.weights import TensorFiles


class Encoder:
    """The backbone and row head of one checkpoint, ready to compute."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        threads: int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_memory_bytes: int = 2_000_000_000,
    ) -> None:
        self._checkpoint = checkpoint
        self.batch_tokens = max(8192, checkpoint.window_tokens)
        tensors = TensorFiles(checkpoint.weight_files)
        self._w = {
            name: torch.from_numpy(tensors.float32(checkpoint.tensor_prefix + name).copy())
            for name in checkpoint.architecture.expected_shapes()
        }
        self._dense = load_dense(checkpoint.rows.dense) if checkpoint.rows else ()
        self._attention = CpuAttention(checkpoint.architecture.half_window, torch.float32)

    @torch.inference_mode()
    def encode(self, batch: PackedBatch) -> TokenVectors:
        """Token vectors of a batch, in its order."""
        a, w = self._checkpoint.architecture, self._w
        n = len(batch.input_ids)

        def norm(x: Tensor, name: str) -> Tensor:
            return F.layer_norm(x, (a.hidden_size,), w[f"{name}.weight"], w.get(f"{name}.bias"), a.norm_eps)

        def linear(x: Tensor, name: str) -> Tensor:
            return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

        positions = torch.from_numpy(batch.position_ids)
        tables = {is_global: _rope(a.global_theta if is_global else a.local_theta, a.head_dim, positions)
                  for is_global in (True, False)}  # fmt: skip
        self._attention.prepare(batch)
        x = norm(
            F.embedding(torch.from_numpy(batch.input_ids), w["embeddings.tok_embeddings.weight"]),
            "embeddings.norm",
        )
        for i, is_global in enumerate(a.layer_is_global):
            h = norm(x, f"layers.{i}.attn_norm") if i else x
            q, k, v = linear(h, f"layers.{i}.attn.Wqkv").view(n, 3, a.n_heads, a.head_dim).unbind(1)
            cos, sin = tables[is_global]
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            attend = self._attention.full if is_global else self._attention.local
            x = x + linear(attend(q, k, v).reshape(n, -1), f"layers.{i}.attn.Wo")
            up, gate = linear(norm(x, f"layers.{i}.mlp_norm"), f"layers.{i}.mlp.Wi").chunk(2, -1)
            x = x + linear(F.gelu(up) * gate, f"layers.{i}.mlp.Wo")
        x = norm(x, "final_norm")
        rows = None
        if self._dense:
            rows = x
            for layer in self._dense:
                rows = F.linear(rows, torch.from_numpy(layer.weight.copy()))
            rows = F.normalize(rows, dim=-1).numpy()
        return TokenVectors(x.numpy(), rows, batch.cu_seqlens, batch.sequence_ids)


def _rope(theta: float, head_dim: int, positions: Tensor) -> tuple[Tensor, Tensor]:
    inverse = 1.0 / (theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
    angles = positions[:, None].float() * inverse
    return angles.cos()[:, None, :], angles.sin()[:, None, :]  # (T, 1, head_dim / 2)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
