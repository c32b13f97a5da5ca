"""Safetensors files as NumPy arrays: memory-mapped, no torch, no copy before a tensor is asked for.

Not a model: names and shapes only, whatever they mean. `checkpoint.py` reads the shapes, the encoder
and the query encoder read the values. The format is eight bytes of header length, a JSON header, data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CheckpointError
from indexer.light_dataclasses import dataclass
from indexer.records import Float32Array

_NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}
_MAX_HEADER_BYTES = 100_000_000
_SCAN_VALUES = 4_000_000
"""Values looked at together by `find_not_finite`."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies."""

    file: Path
    dtype: str
    """As safetensors writes it: `F32`, `F16`, `BF16`, ..."""
    shape: tuple[int, ...]
    start_byte: int
    """In the file."""
    end_byte: int


class TensorFiles:
    """The tensors of one or more safetensors files under one set of names."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.entries: dict[str, TensorEntry] = {}
        self._maps: dict[Path, NDArray[np.uint8]] = {}
        for file in files:
            self.entries.update(_read_header(file))

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Its shape, or None where no tensor has that name."""
        entry = self.entries.get(name)
        return None if entry is None else entry.shape

    def stored(self, name: str) -> NDArray[Any]:
        """A read-only view of the file; bfloat16 comes as the uint16 that holds its bits."""
        entry = self.entries[name]
        if entry.dtype not in _NUMPY_TYPES:
            raise CheckpointError(
                f"Tensor {name} in {entry.file} has type {entry.dtype}; save the model as float32, float16 or"
                " bfloat16."
            )
        if entry.file not in self._maps:
            self._maps[entry.file] = np.memmap(entry.file, dtype=np.uint8, mode="r")
        data = self._maps[entry.file][entry.start_byte : entry.end_byte]
        typed: NDArray[Any] = data.view(_NUMPY_TYPES[entry.dtype])
        return typed.reshape(entry.shape)

    def float32(self, name: str) -> Float32Array:
        """The tensor as float32; a copy unless it is stored so."""
        return _to_float32(self.stored(name), self.entries[name].dtype)

    def float32_rows(self, name: str, rows: NDArray[np.integer]) -> Float32Array:
        """Some rows of a matrix as float32, (len(rows), ...); only those rows are read from disk."""
        return _to_float32(self.stored(name)[rows], self.entries[name].dtype)

    def find_not_finite(self) -> str:
        """The name of the first tensor that holds NaN or infinity, or an empty string."""
        for name, entry in self.entries.items():
            if entry.dtype not in _NUMPY_TYPES:
                continue
            flat = self.stored(name).reshape(-1)
            for start in range(0, flat.size, _SCAN_VALUES):
                if not _all_finite(flat[start : start + _SCAN_VALUES], entry.dtype):
                    return name
        return ""


def _all_finite(values: NDArray[Any], dtype: str) -> bool:
    # Half types are compared as integers: an exponent of all ones is infinity or NaN.
    if dtype == "F16":
        return not bool(((values.view(np.uint16) & 0x7C00) == 0x7C00).any())
    if dtype == "BF16":
        return not bool(((values.view(np.uint16) & 0x7F80) == 0x7F80).any())
    return bool(np.isfinite(values).all())


def _to_float32(values: NDArray[Any], dtype: str) -> Float32Array:
    if dtype == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False)


def _read_header(file: Path) -> dict[str, TensorEntry]:
    damaged = f"{file} is not a complete safetensors file; download or save the model again."
    try:
        n_file_bytes = file.stat().st_size
        with file.open("rb") as stream:
            n_header_bytes = int.from_bytes(stream.read(8), "little")
            if not 2 <= n_header_bytes <= min(_MAX_HEADER_BYTES, n_file_bytes):
                raise CheckpointError(damaged)
            header = json.loads(stream.read(n_header_bytes))
    except (OSError, ValueError) as error:
        raise CheckpointError(damaged) from error
    entries = {}
    for name, fields in header.items():
        if name == "__metadata__":
            continue
        try:
            first, last = (8 + n_header_bytes + int(offset) for offset in fields["data_offsets"])
            entry = TensorEntry(file, str(fields["dtype"]), tuple(map(int, fields["shape"])), first, last)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(damaged) from error
        n_values = int(np.prod(entry.shape, dtype=np.int64))
        itemsize = _NUMPY_TYPES[entry.dtype].itemsize if entry.dtype in _NUMPY_TYPES else 0
        if last > n_file_bytes or first > last or (itemsize and n_values * itemsize != last - first):
            raise CheckpointError(damaged)
        entries[name] = entry
    return entries
