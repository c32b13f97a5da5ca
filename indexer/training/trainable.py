"""A checkpoint as something that can be trained: its library's modules, run on packed sequences.

PyLate or sentence-transformers load the model and hold its parameters; the pass over them is the one that a
GPU build runs (`encoders/gpu_backbone.py`), so that what is trained is what is indexed. On CUDA attention is
flash-attn's where it is installed, and no padding exists on any device.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from indexer.encoders.cpu_backbone import has_fast_bfloat16
from indexer.encoders.gpu_attention import Borders, VarlenAttention, make_attention
from indexer.encoders.gpu_backbone import after_attention, before_attention, layer_norm, rotation_table
from indexer.errors import MissingExtraError
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.records import PackedBatch
from indexer.training.cpu_attention import ProductAttention

_BEFORE = ("attn_norm", "attn.Wqkv")
_AFTER = ("attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo")


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a packed batch comes out as."""

    hidden: Tensor
    """(T, H) float32: the backbone's last hidden state, after its final norm."""
    rows: Tensor | None
    """(T, D) float32, unit norm; None where the checkpoint has no such head."""


class TrainableModel:
    """One checkpoint on one device, its parameters float32."""

    def __init__(self, checkpoint: Checkpoint, device: str, *, low_memory: bool = False) -> None:
        """Load the model by its own library.

        `low_memory` computes each layer twice instead of keeping what lies between (gradient
        checkpointing). The checkpoint is of PyLate's or sentence-transformers' format. Raises
        MissingExtraError without the extra `train`.
        """
        self.checkpoint = checkpoint
        self.device = torch.device(device)
        self.low_memory = low_memory
        self.dtype = torch.bfloat16 if _computes_bfloat16(self.device) else torch.float32
        self._library = _load(checkpoint).to(self.device).float()
        first, *behind = self._library.children()
        self._backbone: nn.Module = first.auto_model
        self._behind: list[nn.Module] = behind
        a = checkpoint.architecture
        self._rotations = {
            is_global: rotation_table(
                a.global_theta if is_global else a.local_theta, a.head_dim, a.max_positions, self.device
            )
            for is_global in sorted(set(a.layer_is_global))
        }

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Every tensor that is trained, by its name in the library's model."""
        return dict(self._library.named_parameters())

    def forward(self, batch: PackedBatch) -> Hidden:
        """Token vectors of a packed batch, with gradients where they are enabled."""
        borders = Borders(
            torch.from_numpy(batch.cu_seqlens).to(self.device),
            tuple((batch.cu_seqlens[1:] - batch.cu_seqlens[:-1]).tolist()),
        )
        ids, positions = (torch.from_numpy(x).to(self.device) for x in (batch.input_ids, batch.position_ids))
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            hidden = self._run(ids, positions, borders)
            rows = self._rows(hidden)
        return Hidden(hidden.float(), rows)

    def pool(self, pooled: Tensor) -> Tensor:
        """Pooled hidden vectors (V, H) through what lies behind the pooling: (V, D), unit norm."""
        head = self.checkpoint.single
        assert head is not None
        if self.checkpoint.format == "sentence-transformers":
            for module in self._behind[1:]:
                pooled = module({"sentence_embedding": pooled})["sentence_embedding"]
        return F.normalize(pooled[:, : head.dim], dim=-1)

    def _run(self, ids: Tensor, positions: Tensor, borders: Borders) -> Tensor:
        a, backbone = self.checkpoint.architecture, dict(self._backbone.named_parameters())
        # Of its own: a layer that is computed again needs this batch's borders, not the last one's.
        attention: VarlenAttention = ProductAttention(a.half_window)
        if self.device.type == "cuda" or not torch.is_grad_enabled():
            attention = make_attention(self.device, self.dtype, a.half_window)
        attention.prepare(borders)
        rotations = {kind: table[positions] for kind, table in self._rotations.items()}

        def get(*names: str) -> Any:
            return tuple(backbone.get(f"{name}.{part}") for name in names for part in ("weight", "bias"))

        def named(norm: str) -> Any:
            return {
                "weight": backbone[f"{norm}.weight"],
                "bias": backbone.get(f"{norm}.bias"),
                "epsilon": a.norm_eps,
            }

        def layer(x: Tensor, number: int) -> Tensor:
            is_global = a.layer_is_global[number]
            prefix = f"layers.{number}."
            qk, v = before_attention(a, x, rotations[is_global], *get(*(prefix + name for name in _BEFORE)))
            attend = attention.full if is_global else attention.local
            mixed = attend(qk[:, : a.n_heads], qk[:, a.n_heads :], v)
            return after_attention(a, x, mixed, get(*(prefix + name for name in _AFTER)))

        x = F.embedding(ids, backbone["embeddings.tok_embeddings.weight"])
        x = layer_norm(x, **named("embeddings.norm"))
        for number in range(a.n_layers):
            if self.low_memory and torch.is_grad_enabled():
                x = recompute(layer, x, number, use_reentrant=False)
            else:
                x = layer(x, number)
        return layer_norm(x, **named("final_norm"))

    def _rows(self, hidden: Tensor) -> Tensor | None:
        if self.checkpoint.rows is None:
            return None
        features = {"token_embeddings": hidden}
        for module in self._behind:
            features = module(features)
        return F.normalize(features["token_embeddings"].float(), dim=-1)


def pick_device() -> str:
    """`cuda` where torch can use one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_fast_bfloat16()  # elsewhere it is slower than float32


def _load(checkpoint: Checkpoint) -> Any:
    """The library's model, read from its folder and from nowhere else."""
    try:
        with _quiet():
            folder = str(checkpoint.folder)
            if checkpoint.format == "pylate":
                from pylate.models import ColBERT

                return ColBERT(folder, device="cpu", local_files_only=True)
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(folder, device="cpu", local_files_only=True)
    except ImportError as error:
        raise MissingExtraError(
            "Adapting a model needs two packages: pip install 'codesearch-local[train]'."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The libraries warn about things of their own, and draw bars, when they load a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.utils import logging as library

        logging: Any = library
        had_bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            if had_bars:
                logging.enable_progress_bar()
