"""A packed batch to token vectors: which device, which number type, how much at once.

Loads any ModernBERT from its safetensors. On a CPU OpenVINO computes (`cpu_backbone.py`), on a CUDA GPU
torch does (`gpu_encoder.py`), where the extra `gpu` is installed; neither is imported before it is used.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from indexer.encoders.cpu_backbone import CpuBackbone, has_fast_bfloat16
from indexer.encoders.cpu_memory import streams_within
from indexer.encoders.precision import ranks_alike
from indexer.errors import InputError, MissingExtraError
from indexer.models.checkpoint import Checkpoint
from indexer.records import PackedBatch, TokenVectors
from indexer.vectors.cores import usable_cores

if TYPE_CHECKING:
    from indexer.encoders.gpu_encoder import GpuEncoder

DTYPES = ("float32", "bfloat16", "float16")


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
        is_brief: bool = False,
    ) -> None:
        """Load the weights.

        `is_brief` where a few batches are all that will come: a CPU is ready sooner for one batch at a time,
        on all threads, than for one on each.
        `threads` on a CPU; None takes all that the process may use. `device` is `auto`, `cpu`, `cuda` or
        `cuda:N`; `dtype` is `auto`, `float32`, `bfloat16` or `float16` (CUDA alone). `max_memory_bytes`
        bounds a build's resident memory; a GPU's own memory is filled to four fifths.
        Raises InputError where a device, type or limit cannot be had, MissingExtraError for a GPU without
        torch.
        """
        self.device = _device(device)
        self._engine: CpuBackbone | GpuEncoder
        if self.device == "cpu":
            self.dtype_name = _cpu_dtype(dtype, checkpoint)
            n_threads = usable_cores() if threads is None else threads
            n_streams = streams_within(checkpoint, self.dtype_name, max_memory_bytes, n_threads)
            n_at_once = 1 if is_brief else n_streams
            self._engine = CpuBackbone(checkpoint, self.dtype_name, n_at_once, n_threads=n_streams)
        else:
            from indexer.encoders.gpu_encoder import GpuEncoder

            self._engine = GpuEncoder(checkpoint, self.device, dtype)
            self.dtype_name = self._engine.dtype_name

    @property
    def batch_tokens(self) -> int:
        """Tokens that a batch should have at most; halved when a GPU runs out of memory."""
        return self._engine.batch_tokens

    @property
    def short_lane_tokens(self) -> int:
        """Slots of a lane of short sequences; 0 where batches need no lanes."""
        return self._engine.short_lane_tokens

    @property
    def block_tokens(self) -> int:
        """What a lane's slots are a multiple of: 1 where batches need no lanes."""
        return self._engine.block_tokens

    def encode(self, batch: PackedBatch) -> TokenVectors:
        """Token vectors of a batch, in its order, as float32 in main memory.

        A GPU that runs out of memory gets the batch in halves. Raises InputError where it cannot hold
        a single sequence.
        """
        return next(iter(self.encode_all([batch])))

    def encode_all(self, batches: Iterable[PackedBatch]) -> Iterator[TokenVectors]:
        """The same for many batches, in their order; a CPU works at as many at once as it has threads."""
        return self._engine.encode_all(batches)


def _device(name: str) -> str:
    """`cpu`, or a CUDA device by its name in torch."""
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise InputError(f"There is no device {name}; use auto, cpu, cuda or cuda:N.")
    if kind == "cpu":
        return "cpu"
    n_devices = n_cuda_devices()
    has_torch = n_devices > 0 and importlib.util.find_spec("torch") is not None
    if kind == "auto":
        return "cuda" if has_torch and _torch_sees_cuda() else "cpu"
    if int(number or 0) >= n_devices:
        raise InputError(f"The device {name} is not on this machine; use cpu or auto.")
    if not has_torch:
        raise MissingExtraError("A GPU needs a package: pip install 'codesearch-local[gpu]'.")
    return name


def _torch_sees_cuda() -> bool:
    """False for a torch that was built for the CPU alone."""
    import torch

    return torch.cuda.is_available()


def n_cuda_devices() -> int:
    """CUDA devices by the driver's own count: torch takes seconds to say that there is none."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def _cpu_dtype(name: str, checkpoint: Checkpoint) -> str:
    if name == "auto":
        return "bfloat16" if has_fast_bfloat16() and ranks_alike(checkpoint) else "float32"
    if name not in ("float32", "bfloat16"):
        raise InputError(f"The number type {name} cannot be used on a CPU; use auto, float32 or bfloat16.")
    return name
