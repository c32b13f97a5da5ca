"""The small layers behind a backbone, against hand-made numbers and the standard library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexer.encoders.dense import LoadedDense, activate, apply_dense


def test_gelu_is_exact_to_float32() -> None:
    values = np.linspace(-6, 6, 4001, dtype=np.float32)
    before = values.copy()
    exact = np.array([value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in values.tolist()])
    assert np.abs(activate(values, "gelu") - exact).max() < 1e-6
    assert (values == before).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gelu", 0.8413447), ("gelu_tanh", 0.8411920), ("silu", 0.7310586), ("relu", 1.0), ("tanh", 0.7615942)],
)
def test_activations_at_one(name: str, expected: float) -> None:
    out = activate(np.array([1.0, -0.0], np.float32), name)
    assert out[0] == pytest.approx(expected, abs=1e-6)
    assert out[1] == 0
    assert out.dtype == np.float32


def test_layers_chain_with_bias_and_residuals() -> None:
    x = np.array([[1.0, 2.0]], np.float32)
    same = LoadedDense(np.eye(2, dtype=np.float32) * 2, np.array([1, 1], np.float32), None, True, "identity")
    narrow = LoadedDense(
        np.array([[1, 1]], np.float32), None, np.array([[0, 10]], np.float32), True, "identity"
    )
    # 2x + 1 + x = [4, 7]; then 4 + 7 + 10 * 7.
    assert apply_dense(x, [same]).tolist() == [[4, 7]]
    assert apply_dense(x, [same, narrow]).tolist() == [[81]]
    assert apply_dense(x, []) is x
