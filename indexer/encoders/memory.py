"""How much memory a batch takes, so that a limit on a build's memory becomes a number of tokens.

A model of what the backbones allocate, checked against the measured peak by its test. Only the
encoder's part: the rest of a build streams and is small beside it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

import torch

from indexer.errors import InputError
from indexer.models.architecture import Architecture
from indexer.models.checkpoint import Checkpoint

_CPU_BATCH_TOKENS = 4096
"""More tokens make no CPU faster: the weights are read once a batch either way, the rest leaves the cache."""
_GPU_BATCH_TOKENS = 262_144
_LIBRARY_BYTES = 650_000_000
"""Python with torch and everything a build imports, at most."""
_RESERVED_BYTES = 200_000_000
"""Left to the other stages: file texts, offsets, vectors on their way to disk, SQLite's cache."""
_ALLOCATOR_OVERHEAD = 1.35
"""Measured bytes over counted ones, rounded up: holes between blocks of different sizes."""
_QUEUED_TOKENS = 65_536
"""Token vectors that wait to be pooled, beside the batch at hand."""
_KERNELS_KEPT = 64
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # mallopt's names for them, from malloc.h


def batch_tokens_within(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, max_memory_bytes: int
) -> int:
    """Tokens that a batch may have, at least one window; call it when the weights are loaded.

    Raises InputError where not even one window fits.
    """
    row_dim = 0 if checkpoint.rows is None else checkpoint.rows.dim
    per_token = bytes_per_token(checkpoint.architecture, dtype.itemsize, row_dim)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        tokens = min(int(0.8 * free) // per_token, _GPU_BATCH_TOKENS)
        return max(tokens, checkpoint.window_tokens)
    queued = _QUEUED_TOKENS * 4 * (checkpoint.architecture.hidden_size + row_dim)
    # What others hold in the same process (a notebook, a test run) is not this build's.
    weights = _LIBRARY_BYTES + int(1.5 * checkpoint.architecture.n_parameters * dtype.itemsize)
    own = min(resident_bytes(), weights)
    taken = own + _RESERVED_BYTES + queued + piece_bytes(checkpoint.window_tokens)
    left = max_memory_bytes - taken
    if left < per_token * checkpoint.window_tokens:
        needed = max_memory_bytes - left + per_token * checkpoint.window_tokens
        raise InputError(
            f"{checkpoint.name} needs {needed / 1e6:,.0f} MB of memory to read {checkpoint.window_tokens}"
            f" tokens at once, and the limit is {max_memory_bytes / 1e6:,.0f} MB; raise --max-memory."
        )
    return max(checkpoint.window_tokens, min(left // per_token, _CPU_BATCH_TOKENS))


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


def piece_bytes(window_tokens: int) -> int:
    """Bytes that a global layer's scores take at their peak, whatever the batch."""
    return 64_000_000 + 4 * 128 * window_tokens * torch.get_num_threads()


def resident_bytes() -> int:
    """Memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * 4096


def keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks: batches ask for the same sizes, and fresh pages cost 4 % of time."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 256_000_000)
    mallopt(_TRIM_THRESHOLD, 512_000_000)


def keep_few_kernels() -> None:
    """Ask oneDNN and torch's layer above it to keep what they made for a few shapes alone.

    Both compile for every shape of a product, both would keep a thousand, and batches and texts have
    hundreds of lengths: 2 to 5 MB each. Made again it costs nothing that can be measured. Both read their
    variable before their first product; one that is set already stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_KERNELS_KEPT))
    os.environ.setdefault("LRU_CACHE_CAPACITY", str(_KERNELS_KEPT // 2))


def release_memory() -> None:
    """Give back to the system what a released encoder leaves in the allocator, where that can be asked.

    Its buffers are larger than all that a build does after it: tables of 100,000 files would come on top.
    """
    gc.collect()
    with suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
