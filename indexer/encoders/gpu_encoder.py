"""Packed batches on a CUDA GPU, in torch: number type, batch size by the card's memory, the row head.

Installed by the extra `gpu`. The arithmetic is in `gpu_backbone.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from indexer.encoders.dense import LoadedDense, load_dense
from indexer.encoders.gpu_attention import Borders, make_attention
from indexer.encoders.gpu_backbone import GpuBackbone
from indexer.errors import InputError
from indexer.models.architecture import Architecture
from indexer.models.checkpoint import Checkpoint
from indexer.records import PackedBatch, TokenVectors

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MAX_BATCH_TOKENS = 262_144
_ALLOCATOR_OVERHEAD = 1.35
"""Measured bytes over counted ones, rounded up: holes between blocks of different sizes."""
_DENSE_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}


class GpuEncoder:
    """The backbone and row head of one checkpoint on one device. One caller at a time."""

    def __init__(self, checkpoint: Checkpoint, device: str, dtype: str = "auto") -> None:
        """Load the weights. `device` is torch's name; `dtype` is `auto`, `float32`, `bfloat16` or `float16`.

        Raises InputError for another type.
        """
        self._checkpoint = checkpoint
        self._device = torch.device(device)
        self.dtype_name = _dtype_name(dtype)
        torch_dtype = DTYPES[self.dtype_name]
        attention = make_attention(self._device, torch_dtype, checkpoint.architecture.half_window)
        self._backbone = GpuBackbone(checkpoint, self._device, torch_dtype, attention)
        self._row_layers = [
            _RowLayer(layer, self._device)
            for layer in load_dense(checkpoint.rows.dense if checkpoint.rows else ())
        ]
        # Its kernels compare no sequence with another, however long the lane, and compute no filling.
        self.short_lane_tokens, self.block_tokens = 0, 1
        self.batch_tokens = batch_tokens_within(checkpoint, self._device, torch_dtype)
        """Tokens that a batch should have at most; halved when the GPU runs out of memory."""

    def encode_all(self, batches: Iterable[PackedBatch]) -> Iterator[TokenVectors]:
        """The vectors of each batch, in order."""
        return map(self.encode, batches)

    def encode(self, batch: PackedBatch) -> TokenVectors:
        """Token vectors of a batch, in its order, as float32 in main memory.

        A GPU that runs out of memory gets the batch in halves. Raises InputError where it cannot hold
        a single sequence.
        """
        with suppress(torch.OutOfMemoryError):
            return self._compute(batch)
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
            torch.from_numpy(x).to(self._device)
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
        cu_lanes=np.array([0, last - first], np.int32),
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


def batch_tokens_within(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> int:
    """Tokens that a batch may have, at least one window; call it when the weights are loaded."""
    row_dim = 0 if checkpoint.rows is None else checkpoint.rows.dim
    per_token = bytes_per_token(checkpoint.architecture, dtype.itemsize, row_dim)
    free, _ = torch.cuda.mem_get_info(device)
    return max(min(int(0.8 * free) // per_token, _MAX_BATCH_TOKENS), checkpoint.window_tokens)


def bytes_per_token(architecture: Architecture, itemsize: int, row_dim: int) -> int:
    """Bytes that a forward pass holds at its peak for each token of a batch."""
    hidden, inner = architecture.hidden_size, architecture.intermediate_size
    stream = 4 * hidden  # the residual stream, float32
    attention = (
        4 * hidden + itemsize * hidden + itemsize * 3 * hidden + 4 * 2 * hidden + itemsize * 4 * hidden
    )
    feed_forward = 4 * hidden + itemsize * hidden + itemsize * 2 * inner + itemsize * hidden
    results = 4 * hidden + 8 * row_dim
    # The local layers' mask and scores: 3 * half_window values a token, several at a time.
    local = 3 * architecture.half_window * (4 + 2 * itemsize + 4 + 8)
    return int((stream + max(attention, feed_forward) + results + local) * _ALLOCATOR_OVERHEAD)


def _dtype_name(name: str) -> str:
    if name == "auto":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if name not in DTYPES:
        raise InputError(f"The number type {name} is unknown; use auto, float32, bfloat16 or float16.")
    return name
