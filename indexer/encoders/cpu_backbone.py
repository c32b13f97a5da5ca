"""ModernBERT's forward pass on the CPU: OpenVINO computes several batches at once, one thread each.

A thread that has a batch to itself waits for no other: on two cores a token costs a quarter less than
with two threads in one batch, and beside other processes nothing spins. Which batches are made for it is
`pack.py`'s matter, what is computed `cpu_graph.py`'s.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from indexer.disk.remembered import recall_bytes, remember_bytes
from indexer.encoders.chunk_vectors import normalize_rows
from indexer.encoders.cpu_graph import FILLING, build_graph
from indexer.encoders.cpu_memory import BATCH_TOKENS, fuses_rotation
from indexer.encoders.dense import load_dense
from indexer.light_dataclasses import dataclass
from indexer.models.checkpoint import Checkpoint
from indexer.models.weights import TensorFiles
from indexer.records import Float32Array, Int32Array, Int64Array, PackedBatch, TokenVectors

if TYPE_CHECKING:
    from openvino import CompiledModel, Core

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
_EMBEDDINGS = "embeddings.tok_embeddings.weight"
_MAX_KEPT_BYTES = 100_000_000
"""Larger models are compiled each time: it takes a small part of what they then compute."""
_SHORT_LANE_TOKENS = 256
"""Slots of a lane of short sequences: a global layer compares every slot of a lane with every other."""
_GRAPH_FORMAT = 4
"""Changed with `cpu_graph.py`, so that no older graph, nor a verdict on one, is taken from the cache."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """A batch as an array of lanes, each a multiple of a block wide."""

    slots: Int64Array
    """(T,): where each token lies in the flat array."""
    segment: Int32Array
    """(L, W): the number of the slot's sequence, `FILLING` where there is no token."""
    position: Int32Array
    """(L, W): 0, 1, 2, ... within each sequence."""


def lay_out(batch: PackedBatch, block: int) -> Lanes:
    """Every lane of a batch in a row of its own, as wide as the longest, up to a multiple of `block`."""
    first_tokens = batch.cu_seqlens[batch.cu_lanes].astype(np.int64)
    n_tokens = np.diff(first_tokens)
    width = -(-int(n_tokens.max()) // block) * block
    starts = np.arange(len(n_tokens)) * width - first_tokens[:-1]
    slots = np.arange(len(batch.input_ids)) + np.repeat(starts, n_tokens)
    segment = np.full(len(n_tokens) * width, FILLING, np.int32)
    segment[slots] = np.repeat(np.arange(len(batch.sequence_ids), dtype=np.int32), np.diff(batch.cu_seqlens))
    position = np.zeros(len(segment), np.int32)
    position[slots] = batch.position_ids
    return Lanes(slots, segment.reshape(-1, width), position.reshape(-1, width))


class CpuBackbone:
    """The backbone and row head of one checkpoint, its products in float32 or bfloat16."""

    def __init__(self, checkpoint: Checkpoint, dtype: str, n_streams: int, n_threads: int = 0) -> None:
        """Compile the graph; `n_streams` batches are computed at once, on a thread each or more in all."""
        self._files = TensorFiles(checkpoint.weight_files)
        self._embeddings = checkpoint.tensor_prefix + _EMBEDDINGS
        self.block_tokens = checkpoint.architecture.half_window
        self._window_tokens = checkpoint.window_tokens
        options = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[dtype],
            "NUM_STREAMS": n_streams,
            "INFERENCE_NUM_THREADS": max(n_streams, n_threads),
            "ENABLE_CPU_PINNING": False,
        }
        model = _compiled(checkpoint, self._files, dtype, options)
        self.batch_tokens, self.short_lane_tokens = BATCH_TOKENS, _SHORT_LANE_TOKENS
        n_requests = int(model.get_property("NUM_STREAMS"))
        self._requests = [model.create_infer_request() for _ in range(n_requests)]

    def encode_all(self, batches: Iterable[PackedBatch]) -> Iterator[TokenVectors]:
        """The vectors of each batch, in order; as many are computed ahead as there are streams.

        Precondition: no sequence is longer than the checkpoint's window.
        """
        free, running = list(self._requests), deque[tuple[Any, PackedBatch, Lanes]]()
        try:
            for batch in batches:
                if not free:
                    yield _finish(*running[0])
                    free.append(running.popleft()[0])
                request, lanes = free.pop(), lay_out(batch, self.block_tokens)
                request.start_async(self._inputs(batch, lanes), share_inputs=True)
                running.append((request, batch, lanes))
            while running:
                yield _finish(*running.popleft())
        finally:
            for request, *_ in running:
                request.wait()

    def _inputs(self, batch: PackedBatch, lanes: Lanes) -> list[NDArray[Any]]:
        if batch.max_seqlen > self._window_tokens:
            raise ValueError(f"a sequence of {batch.max_seqlen} tokens for a window of {self._window_tokens}")
        rows = self._files.float32_rows(self._embeddings, batch.input_ids)
        embedding = np.zeros((lanes.segment.size, rows.shape[1]), np.float32)
        embedding[lanes.slots] = rows
        n_lanes = len(lanes.segment)
        is_alone = len(batch.sequence_ids) == n_lanes
        # In the order of `build_graph`'s inputs.
        return [
            embedding.reshape(*lanes.segment.shape, -1),
            lanes.segment,
            np.arange(n_lanes, dtype=np.int32)[:, None] if is_alone else lanes.segment,
            lanes.position,
        ]


def _finish(request: Any, batch: PackedBatch, lanes: Lanes) -> TokenVectors:
    request.wait()
    found: list[Float32Array] = []
    for output in request.model_outputs:
        values = request.get_tensor(output).data
        found.append(values.reshape(-1, values.shape[-1])[lanes.slots])
    rows = normalize_rows(found[1]) if len(found) > 1 else None
    return TokenVectors(found[0], rows, batch.cu_seqlens, batch.sequence_ids)


@cache
def _core() -> Core:
    # Its package takes in the converter of other formats, and telemetry with that, where it finds them: two
    # thirds of the import's 0.12 CPU seconds, and nothing of it is used.
    hidden = {} if "openvino.tools" in sys.modules else {"openvino.tools": cast(ModuleType, None)}
    sys.modules.update(hidden)
    try:
        import openvino
    finally:
        for name in hidden:
            del sys.modules[name]
    return openvino.Core()


def has_fast_bfloat16() -> bool:
    """True where the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def graph_key(checkpoint: Checkpoint, dtype: str) -> str:
    """Of all that the compiled graph of a checkpoint depends on: weights, type, format, library and CPU."""
    core = _core()
    import openvino

    names = (core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"))
    cpu = hashlib.sha256(str([platform.machine(), *names]).encode()).hexdigest()[:16]
    library = f"{openvino.__version__}-{cpu}"
    parts = (checkpoint.fingerprint, checkpoint.window_tokens, library, _PRECISIONS[dtype], _GRAPH_FORMAT)
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:32]


def _compiled(
    checkpoint: Checkpoint, files: TensorFiles, dtype: str, options: dict[str, Any]
) -> CompiledModel:
    """The model, from the user's cache folder where it was compiled before by the same library and CPU."""

    def weights(name: str) -> Float32Array | None:
        name = checkpoint.tensor_prefix + name
        return files.float32(name) if name in files.entries else None

    # Tables of positions beyond the window would be a fourth of what is kept, mapped and checked.
    architecture = replace(checkpoint.architecture, max_positions=checkpoint.window_tokens)
    name = graph_key(checkpoint, dtype)
    kept = recall_bytes("openvino", name)
    if kept is not None:
        from openvino import Tensor

        with suppress(RuntimeError):  # what this library does not take is made again
            # It computes with the weights where they are mapped.
            return _core().import_model(Tensor(kept, shared_memory=True), "CPU", options)
    row_dense = load_dense(checkpoint.rows.dense) if checkpoint.rows else ()
    itemsize = 2 if dtype == "bfloat16" else 4
    fuses = fuses_rotation(architecture, itemsize, max(BATCH_TOKENS, checkpoint.window_tokens))
    graph = build_graph(architecture, weights, row_dense, fuses_rotation=fuses)
    model = _core().compile_model(graph, "CPU", options)
    if 4 * checkpoint.architecture.n_parameters < _MAX_KEPT_BYTES:
        remember_bytes("openvino", name, model.export_model().getvalue())
    return model
