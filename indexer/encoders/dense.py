"""The small linear layers behind a backbone, in NumPy: loading them and applying them.

Used for single vectors, for queries, and (weights alone) by the torch encoder for rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indexer.light_dataclasses import dataclass
from indexer.models.heads import DenseLayer
from indexer.models.weights import TensorFiles
from indexer.records import Float32Array

_ERFC_SERIES = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


@dataclass(frozen=True, slots=True)
class LoadedDense:
    """A `DenseLayer` with its weights."""

    weight: Float32Array
    """(out, in)"""
    bias: Float32Array | None
    """(out,)"""
    residual: Float32Array | None
    """(out, in), where sizes differ."""
    use_residual: bool
    activation: str


def load_dense(layers: Sequence[DenseLayer]) -> tuple[LoadedDense, ...]:
    """The weights of dense layers, as float32."""
    loaded = []
    for layer in layers:
        tensors = TensorFiles([layer.file])
        has_matrix = layer.use_residual and layer.in_features != layer.out_features
        loaded.append(
            LoadedDense(
                weight=tensors.float32("linear.weight"),
                bias=tensors.float32("linear.bias") if layer.has_bias else None,
                residual=tensors.float32("residual.weight") if has_matrix else None,
                use_residual=layer.use_residual,
                activation=layer.activation,
            )
        )
    return tuple(loaded)


def apply_dense(vectors: Float32Array, layers: Sequence[LoadedDense]) -> Float32Array:
    """Vectors (n, in) through the layers in order: (n, out)."""
    for layer in layers:
        out = vectors @ layer.weight.T
        if layer.bias is not None:
            out += layer.bias
        out = activate(out, layer.activation)
        if layer.use_residual:
            out = out + (vectors if layer.residual is None else vectors @ layer.residual.T)
        vectors = out
    return vectors


def activate(values: Float32Array, name: str) -> Float32Array:
    """An activation by the names of `DenseLayer` and `Architecture`, elementwise, float32."""
    out: Float32Array = values
    if name == "gelu":
        out = _gelu(values)
    elif name == "gelu_tanh":
        inner = np.float32(math.sqrt(2 / math.pi)) * (values + np.float32(0.044715) * values**3)
        out = (values * np.float32(0.5)) * (1 + np.tanh(inner))
    elif name == "silu":
        out = values / (1 + np.exp(-values))
    elif name == "relu":
        out = np.maximum(values, np.float32(0))
    elif name == "tanh":
        out = np.tanh(values)
    return out


def _gelu(values: Float32Array) -> Float32Array:
    """x times the normal distribution below x, which is exact to 1e-7 (Abramowitz and Stegun, 7.1.26).

    That is max(x, 0) less |x| / 2 times their series for 1 - erf(|x| / sqrt 2).
    """
    # In place: to allocate what each step gives costs more than the step.
    a = np.abs(values)
    t = a * np.float32(0.3275911 * math.sqrt(0.5))
    t += 1
    np.divide(1, t, out=t)
    first, *others = (np.float32(c / 2) for c in _ERFC_SERIES)
    series = t * first
    for c in others:
        series += c
        series *= t
    series *= a
    np.multiply(a, a, out=a)
    a *= np.float32(-0.5)
    series *= np.exp(a, out=a)
    out: Float32Array = np.maximum(values, np.float32(0), out=t)
    out -= series
    return out
