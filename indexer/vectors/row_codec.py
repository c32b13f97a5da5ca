"""How a token row becomes bytes on disk, and floats again: float16, int8 or 4 bits a number.

Every codec is streaming: it needs no training and no state beside its name and the row size, so a
row's bytes depend on that row alone and a segment file can be appended to for ever. Rows are unit
norm. This is not an index and reads no files; `build.py` encodes with it, `exact.py` scores with it.

Two spaces: a codec may keep rows rotated. Inner products are the same in both, so scoring rotates
the few query rows (`rotate`) and never the many stored ones (`decode_rotated`); `decode` gives rows
back in the model's own space.

`int4` is a random rotation and then a fixed 16-level quantiser for each number, the idea of
TurboQuant (arXiv 2504.19874) and RaBitQ (arXiv 2409.09913) without their residual stages: after the
rotation the numbers of a unit row are close to Gaussian with variance 1/D whatever the model, for
which the best 16 levels are known. A 2-byte scale gives each decoded row its unit norm back.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.records import Float32Array

UInt8Array = NDArray[np.uint8]

DEFAULT_CODEC = "int4"

# Lloyd-Max levels of a 16-level quantiser for the unit Gaussian, positive half (Max 1960, table I).
_GAUSSIAN_LEVELS = (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326)
_STRETCHES = (0.85, 0.95, 1.05, 1.15)


class RowCodec(Protocol):
    """Rows of size `dim` to bytes and back. Stateless: `codec(name, dim)` is all there is to store."""

    @property
    def name(self) -> str:
        """What the manifest records: `float16`, `int8`, `int4`."""

    @property
    def dim(self) -> int:
        """D: numbers in a row."""

    @property
    def bytes_per_row(self) -> int:
        """Columns of the code array."""

    def encode(self, rows: Float32Array) -> UInt8Array:
        """Rows (n, D) float32, unit norm, as codes (n, bytes_per_row) uint8."""

    def decode(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, bytes_per_row) as rows (n, D) float32 in the model's space; into `out` if given."""

    def decode_rotated(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """As `decode`, in the codec's own space: for inner products with `rotate`d queries."""

    def decode_unscaled(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """As `decode_rotated`, but for `scales`: a score is cheaper to scale than a row."""

    def scales(self, codes: UInt8Array) -> Float32Array | None:
        """(n,) what each row of `decode_unscaled` is to be multiplied by; None for 1."""

    def rotate(self, queries: Float32Array) -> Float32Array:
        """Query rows (Q, D) in the codec's own space; inner products do not change."""


def row_codec(name: str, dim: int) -> RowCodec:
    """The codec called `name` for rows of `dim` numbers.

    Raises InputError for a name that is not in `CODECS`.
    """
    if name not in CODECS:
        raise InputError(f"There is no row codec {name!r}; choose one of {', '.join(sorted(CODECS))}.")
    return CODECS[name](dim)


class Float16Codec:
    """Two bytes a number: the reference that the others are measured against."""

    name = "float16"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.bytes_per_row = 2 * dim

    def encode(self, rows: Float32Array) -> UInt8Array:
        """Rows (n, D) as codes (n, 2 D)."""
        return np.ascontiguousarray(rows, dtype="<f2").view(np.uint8).reshape(len(rows), self.bytes_per_row)

    def decode(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, 2 D) as rows (n, D)."""
        return float16_to_float32(np.ascontiguousarray(codes).view(np.float16), out)

    decode_rotated = decode_unscaled = decode

    def scales(self, codes: UInt8Array) -> Float32Array | None:
        """None: numbers are stored as they are."""
        return None

    def rotate(self, queries: Float32Array) -> Float32Array:
        """The queries as they are."""
        return queries


class Int8Codec:
    """One byte a number and a 2-byte scale a row: the row's largest number becomes 127."""

    name = "int8"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.bytes_per_row = dim + 2

    def encode(self, rows: Float32Array) -> UInt8Array:
        """Rows (n, D) as codes (n, D + 2)."""
        # The scale is rounded to its stored precision first, so that the numbers are rounded for it.
        scale = (np.abs(rows).max(axis=1, initial=0.0) / 127.0).astype(np.float16)  # (n,)
        divisor = np.where(scale > 0, scale, np.float16(1)).astype(np.float32)
        numbers = np.clip(np.rint(rows / divisor[:, None]), -127, 127).astype(np.int8)
        codes = np.empty((len(rows), self.bytes_per_row), dtype=np.uint8)
        codes[:, : self.dim] = numbers.view(np.uint8)
        codes[:, self.dim :] = _scale_bytes(scale)
        return codes

    def decode(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, D + 2) as rows (n, D)."""
        out = self.decode_unscaled(codes, out)
        out *= self.scales(codes)[:, None]
        return out

    decode_rotated = decode

    def decode_unscaled(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, D + 2) as whole numbers, -127 to 127, (n, D) float32."""
        out = _buffer(out, len(codes), self.dim)
        np.copyto(out, codes[:, : self.dim].view(np.int8))
        return out

    def scales(self, codes: UInt8Array) -> Float32Array:
        """(n,) float32."""
        return _read_scale(codes, self.dim)

    def rotate(self, queries: Float32Array) -> Float32Array:
        """The queries as they are."""
        return queries


class Int4Codec:
    """Half a byte a number after a fixed rotation, and a 2-byte scale a row.

    D must be a multiple of 4: four numbers are looked up at once.
    """

    name = "int4"

    def __init__(self, dim: int) -> None:
        if dim % 4:
            raise InputError(f"The int4 codec needs a row size that is a multiple of 4, not {dim}.")
        self.dim = dim
        self.bytes_per_row = dim // 2 + 2

    def encode(self, rows: Float32Array) -> UInt8Array:
        """Rows (n, D) as codes (n, D / 2 + 2)."""
        rotated = self.rotate(np.asarray(rows, dtype=np.float32)) * np.float32(np.sqrt(self.dim))
        best = np.full(len(rows), -np.inf, dtype=np.float32)
        nibbles = np.zeros(rotated.shape, dtype=np.uint8)
        scale = np.zeros(len(rows), dtype=np.float32)
        # A row is not quite Gaussian: of four stretches, each row takes the one that points most like it.
        for stretch in _STRETCHES:
            tried = _nearest_levels(rotated * np.float32(stretch))
            coarse = _levels()[tried]
            norm = np.linalg.norm(coarse, axis=1)
            overlap = np.einsum("nd,nd->n", rotated, coarse) / norm
            better = overlap > best
            nibbles[better], best[better] = tried[better], overlap[better]
            scale[better] = 1 / norm[better]  # a decoded row has unit norm, as the row it stands for
        scale[best <= 0] = 0
        codes = np.empty((len(rows), self.bytes_per_row), dtype=np.uint8)
        np.bitwise_or(nibbles[:, 0::2], nibbles[:, 1::2] << 4, out=codes[:, : self.dim // 2])
        codes[:, self.dim // 2 :] = _scale_bytes(scale.astype(np.float16))
        return codes

    def decode(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, D / 2 + 2) as rows (n, D) in the model's space."""
        out = _buffer(out, len(codes), self.dim)
        np.matmul(self.decode_rotated(codes), _rotation(self.dim).T, out=out)
        return out

    def decode_rotated(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, D / 2 + 2) as rows (n, D) in rotated space."""
        out = self.decode_unscaled(codes, out)
        out *= self.scales(codes)[:, None]
        return out

    def decode_unscaled(self, codes: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Codes (n, D / 2 + 2) as levels of the quantiser, (n, D) float32, in rotated space."""
        out = _buffer(out, len(codes), self.dim)
        words = codes[:, : self.dim // 2].view("<u2")  # (n, D / 4)
        # One gather moves four floats: NumPy has no 16-byte type but this one.
        np.take(_four_levels(), words, out=out.view(np.complex128), mode="clip")
        return out

    def scales(self, codes: UInt8Array) -> Float32Array:
        """(n,) float32."""
        return _read_scale(codes, self.dim // 2)

    def rotate(self, queries: Float32Array) -> Float32Array:
        """Rows (n, D) in rotated space."""
        return queries @ _rotation(self.dim)


CODECS: dict[str, type[Float16Codec] | type[Int8Codec] | type[Int4Codec]] = {
    "float16": Float16Codec,
    "int8": Int8Codec,
    "int4": Int4Codec,
}


def float16_to_float32(numbers: NDArray[np.float16], out: Float32Array | None = None) -> Float32Array:
    """`numbers.astype(float32)` for finite numbers, several times faster than NumPy's own.

    The 16 bits are moved to where a float32 keeps sign, exponent and fraction, and one
    multiplication mends the exponent's bias; subnormal numbers come out right too.
    """
    if out is None:
        out = np.empty(numbers.shape, dtype=np.float32)
    bits = out.view(np.int32)
    np.copyto(bits, numbers.view(np.int16))
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, np.int32(-0x70002000), out=bits)  # keeps the sign and bits 13 to 27
    np.multiply(out, np.float32(2.0**112), out=out)
    return out


def _buffer(out: Float32Array | None, n_rows: int, dim: int) -> Float32Array:
    """`out`, or a new buffer (n_rows, dim)."""
    return np.empty((n_rows, dim), dtype=np.float32) if out is None else out


def _scale_bytes(scale: NDArray[np.float16]) -> UInt8Array:
    """(n,) float16 as (n, 2) bytes, low byte first on every machine."""
    return scale.astype("<f2").view(np.uint8).reshape(-1, 2)


def _read_scale(codes: UInt8Array, column: int) -> Float32Array:
    """The (n,) scales that stand in two bytes from `column` on."""
    return codes[:, column : column + 2].view("<f2")[:, 0].astype(np.float32)


def _nearest_levels(numbers: Float32Array) -> UInt8Array:
    """The number (0 to 15) of the level nearest to each."""
    levels = _levels()
    found = np.zeros(numbers.shape, dtype=np.uint8)
    for border in (levels[1:] + levels[:-1]) / 2:  # faster than a binary search, for it vectorises
        found += numbers > border
    return found


@cache
def _levels() -> Float32Array:
    """(16,) levels for the unit Gaussian, ascending."""
    half = np.array(_GAUSSIAN_LEVELS, dtype=np.float32)
    return np.concatenate([-half[::-1], half])


@cache
def _four_levels() -> NDArray[np.complex128]:
    """(65536,) items of four float32: the levels of the four nibbles of a 16-bit word, lowest first."""
    words = np.arange(1 << 16)
    levels = _levels()
    four = np.stack([levels[(words >> shift) & 15] for shift in (0, 4, 8, 12)], axis=1)
    return np.ascontiguousarray(four).view(np.complex128).ravel()


@cache
def _rotation(dim: int) -> Float32Array:
    """(D, D), orthogonal: random signs, then a Hadamard transform crossed with a cosine transform.

    Built by arithmetic and SHA-256 rather than by a random generator, whose stream may change from
    one NumPy version to the next and with it the meaning of every stored row.
    """
    power = dim & -dim  # the largest power of two that divides dim
    hadamard = np.ones((1, 1))
    while len(hadamard) < power:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    rest = dim // power
    steps = np.arange(rest)
    cosine = np.cos(np.pi * (steps[:, None] + 0.5) * steps[None, :] / rest) * np.sqrt(2 / rest)
    cosine[:, 0] /= np.sqrt(2)
    digest = hashlib.shake_256(b"codesearch row rotation").digest(dim)
    signs = np.where(np.frombuffer(digest, dtype=np.uint8) & 1, 1.0, -1.0)
    return np.asarray(signs[:, None] * np.kron(hadamard / np.sqrt(power), cosine), dtype=np.float32)
