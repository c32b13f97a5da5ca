"""How much memory a batch takes, so that a limit on a build's memory becomes a number of batches at once.

A model of what the backbones allocate, checked against the measured peak by its test. Only the
encoder's part: the rest of a build streams and is small beside it.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

from indexer.errors import InputError
from indexer.models.architecture import Architecture
from indexer.models.checkpoint import Checkpoint
from indexer.process_memory import resident_bytes

BATCH_TOKENS = 1024
"""Tokens of a batch on the CPU. More leave the cache, fewer make the products thin."""
_LIBRARY_BYTES = 250_000_000
"""Python with OpenVINO and everything a build imports, at most."""
_RESERVED_BYTES = 150_000_000
"""Left to the other stages: file texts, offsets, vectors on their way to disk, SQLite's cache."""
_STREAM_BYTES = 30_000_000
"""Of a stream by itself: its kernels for the widths it has seen, a batch's arrays on their way in and out."""
_MAX_ROTATED_BYTES = 20_000_000
"""Of a stream's rotated queries and keys of all layers, where they are kept until its pass ends."""
_QUEUED_TOKENS = 65_536
"""Token vectors that wait to be pooled, beside the batches at hand."""


def streams_within(checkpoint: Checkpoint, dtype_name: str, max_memory_bytes: int, n_threads: int) -> int:
    """Batches that may be computed at once on the CPU, at most `n_threads`.

    Raises InputError where not even one fits.
    """
    a, row_dim = checkpoint.architecture, 0 if checkpoint.rows is None else checkpoint.rows.dim
    itemsize = 2 if dtype_name == "bfloat16" else 4
    # What others hold in the same process (a notebook, a test run) is not this build's.
    own = min(resident_bytes(), _LIBRARY_BYTES)
    weights = compiled_bytes(a, itemsize)
    queued = _QUEUED_TOKENS * 4 * (a.hidden_size + row_dim)
    taken = own + weights + queued + _RESERVED_BYTES
    n_tokens = max(BATCH_TOKENS, checkpoint.window_tokens)
    one = _STREAM_BYTES + n_tokens * bytes_per_token(a, itemsize, row_dim)
    if fuses_rotation(a, itemsize, n_tokens):
        one += n_tokens * _rotated_bytes(a, itemsize)
    if max_memory_bytes < taken + one:
        raise InputError(
            f"{checkpoint.name} needs {(taken + one) / 1e6:,.0f} MB of memory to read"
            f" {checkpoint.window_tokens} tokens at once, and the limit is {max_memory_bytes / 1e6:,.0f} MB;"
            " raise --max-memory."
        )
    return min(n_threads, (max_memory_bytes - taken) // one)


def compiled_bytes(architecture: Architecture, itemsize: int) -> int:
    """Bytes of a compiled model at their peak: its weights as they are stored, read and laid out."""
    n_embeddings = architecture.vocab_size * architecture.hidden_size
    tables = 16 * architecture.max_positions * architecture.head_dim
    return (8 + itemsize) * (architecture.n_parameters - n_embeddings) + tables


def bytes_per_token(architecture: Architecture, itemsize: int, row_dim: int) -> int:
    """Bytes that a stream holds at its peak for each token of a batch."""
    a = architecture
    local = 12 * a.n_heads * a.half_window  # a local layer's scores, their exponents, keys and values
    inside = 16 * a.hidden_size + 4 * a.intermediate_size + local
    return itemsize * inside + 4 * (2 * a.hidden_size + row_dim)


def fuses_rotation(architecture: Architecture, itemsize: int, n_tokens: int) -> bool:
    """Whether rotary positions are to be one kernel for each layer, in passes of up to `n_tokens`.

    A pass takes 0.93 of the time, and the library gives the results of no such kernel free within it.
    """
    return n_tokens * _rotated_bytes(architecture, itemsize) <= _MAX_ROTATED_BYTES


def _rotated_bytes(architecture: Architecture, itemsize: int) -> int:
    return itemsize * architecture.n_layers * 2 * architecture.hidden_size


def release_memory() -> None:
    """Give back to the system what a released encoder leaves in the allocator, where that can be asked.

    Its buffers are larger than all that a build does after it: tables of 100,000 files would come on top.
    """
    gc.collect()
    with suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
