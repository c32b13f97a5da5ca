"""A packed batch to token vectors: which device, which number type, how large a batch, and the row head.

Loads any ModernBERT from its safetensors; transformers is not involved. Importing this module
imports torch, so that it is imported where a build first encodes and by nothing that answers a query.
The arithmetic is in `cpu_backbone.py` and `gpu_backbone.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.encoders.attention import Borders, make_attention
from indexer.encoders.cpu_backbone import CpuBackbone
from indexer.encoders.dense import LoadedDense, load_dense
from indexer.encoders.gpu_backbone import GpuBackbone
from indexer.encoders.memory import batch_tokens_within, keep_few_kernels, keep_freed_memory
from indexer.encoders.precision import ranks_alike
from indexer.errors import InputError
from indexer.models.checkpoint import Checkpoint
from indexer.records import PackedBatch, TokenVectors

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_DENSE_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}


class Backbone(Protocol):
    """What computes last hidden states."""

    def forward(self, input_ids: Tensor, position_ids: Tensor, borders: Borders) -> Tensor:
        """(T,) and (T,) int64 to (T, H) float32."""


class Encoder:
    """The backbone and row head of one checkpoint, ready to compute. One caller at a time."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        threads: int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_memory_bytes: int = 2_000_000_000,
    ) -> None:
        """Load the weights.

        `threads` is torch's, of the whole process; None leaves it. `device` is `auto`, `cpu`, `cuda` or
        `cuda:N`; `dtype` is `auto`, `float32`, `bfloat16` or `float16` (CUDA alone). `max_memory_bytes`
        bounds a build's resident memory; a GPU's own memory is filled to four fifths.
        Raises InputError where a device, type or limit cannot be had.
        """
        self._checkpoint = checkpoint
        keep_few_kernels()
        self.device = _device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        self.dtype_name = _dtype_name(dtype, self.device, checkpoint)
        torch_dtype = DTYPES[self.dtype_name]
        attention = make_attention(self.device, torch_dtype, checkpoint.architecture.half_window)
        self._backbone: Backbone
        self._is_gpu = self.device.type == "cuda"
        if not self._is_gpu:
            keep_freed_memory()
            self._backbone = CpuBackbone(checkpoint, torch_dtype, attention)
        else:
            self._backbone = GpuBackbone(checkpoint, self.device, torch_dtype, attention)
        self._row_layers = [
            _RowLayer(layer, self.device)
            for layer in load_dense(checkpoint.rows.dense if checkpoint.rows else ())
        ]
        self.batch_tokens = batch_tokens_within(checkpoint, self.device, torch_dtype, max_memory_bytes)
        """Tokens that a batch should have at most; halved when a GPU runs out of memory."""

    def encode(self, batch: PackedBatch) -> TokenVectors:
        """Token vectors of a batch, in its order, as float32 in main memory.

        A GPU that runs out of memory gets the batch in halves. Raises InputError where it cannot hold
        a single sequence.
        """
        try:
            return self._compute(batch)
        except torch.OutOfMemoryError:
            if not self._is_gpu:
                raise
        # Out of the handler, so that the failed attempt's tensors are gone.
        torch.cuda.empty_cache()
        if len(batch.sequence_ids) == 1:
            raise InputError(
                f"The GPU's memory does not hold one pass of {batch.max_seqlen} tokens; free some of it, or"
                " set CUDA_VISIBLE_DEVICES to nothing, so that the CPU computes."
            )
        self.batch_tokens = max(self._checkpoint.window_tokens, self.batch_tokens // 2)
        parts = [self.encode(half) for half in split_batch(batch)]
        rows = [part.rows for part in parts if part.rows is not None]
        return TokenVectors(
            hidden=np.concatenate([part.hidden for part in parts]),
            rows=np.concatenate(rows) if rows else None,
            cu_seqlens=batch.cu_seqlens,
            sequence_ids=batch.sequence_ids,
        )

    @torch.inference_mode()
    def _compute(self, batch: PackedBatch) -> TokenVectors:
        lengths = tuple(np.diff(batch.cu_seqlens).tolist())
        input_ids, position_ids, cu_seqlens = (
            torch.from_numpy(x).to(self.device)
            for x in (batch.input_ids, batch.position_ids, batch.cu_seqlens)
        )
        hidden = self._backbone.forward(input_ids, position_ids, Borders(cu_seqlens, lengths))
        rows = hidden
        for layer in self._row_layers:
            rows = layer(rows)
        return TokenVectors(
            hidden=hidden.cpu().numpy(),
            rows=F.normalize(rows, dim=-1).cpu().numpy() if self._row_layers else None,
            cu_seqlens=batch.cu_seqlens,
            sequence_ids=batch.sequence_ids,
        )


def split_batch(batch: PackedBatch) -> tuple[PackedBatch, PackedBatch]:
    """Two batches of the first and the last half of the sequences, at least one each."""
    middle = len(batch.sequence_ids) // 2
    return _part(batch, 0, middle), _part(batch, middle, len(batch.sequence_ids))


def _part(batch: PackedBatch, first: int, last: int) -> PackedBatch:
    start, end = int(batch.cu_seqlens[first]), int(batch.cu_seqlens[last])
    cu_seqlens = (batch.cu_seqlens[first : last + 1] - start).astype(np.int32)
    return PackedBatch(
        input_ids=batch.input_ids[start:end],
        position_ids=batch.position_ids[start:end],
        cu_seqlens=cu_seqlens,
        max_seqlen=int(np.diff(cu_seqlens).max()),
        sequence_ids=batch.sequence_ids[first:last],
    )


class _RowLayer:
    """A dense layer of the row head, on the encoder's device."""

    def __init__(self, layer: LoadedDense, device: torch.device) -> None:
        self._weight = torch.tensor(layer.weight, device=device)
        self._bias = None if layer.bias is None else torch.tensor(layer.bias, device=device)
        self._residual = None if layer.residual is None else torch.tensor(layer.residual, device=device)
        self._use_residual, self._activate = layer.use_residual, _DENSE_ACTIVATIONS[layer.activation]

    def __call__(self, x: Tensor) -> Tensor:
        out = self._activate(F.linear(x, self._weight, self._bias))
        if self._use_residual:
            out = out + (x if self._residual is None else F.linear(x, self._residual))
        return out


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"There is no device {name}; use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"The device {name} is not on this machine; use cpu or auto.")
    return device


def _dtype_name(name: str, device: torch.device, checkpoint: Checkpoint) -> str:
    if name == "auto":
        if device.type == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        return "bfloat16" if has_fast_bfloat16() and ranks_alike(checkpoint) else "float32"
    if name not in DTYPES or (name == "float16" and device.type == "cpu"):
        raise InputError(f"The number type {name} cannot be used on {device}; use auto, float32 or bfloat16.")
    return name


def has_fast_bfloat16() -> bool:
    """True where the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
