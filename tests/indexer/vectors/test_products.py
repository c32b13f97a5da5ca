from __future__ import annotations

import numpy as np
import pytest

from indexer.vectors import products
from indexer.vectors.products import tall_product, times_blocks, weight_blocks


@pytest.mark.parametrize("n_out", [1, 7, 16, 64, 96, 130, 768])
@pytest.mark.parametrize("n_rows", [1, 11, 64, 70])
@pytest.mark.parametrize("most_rows", [None, 32, 0.5])
def test_blocks_of_a_weight_multiply_as_the_whole(monkeypatch, n_out, n_rows, most_rows):
    if most_rows is not None:
        monkeypatch.setattr(products, "_SMALL", int(most_rows * 48 * min(n_out, 32)))
    rng = np.random.default_rng(n_out)
    weight = rng.standard_normal((n_out, 48)).astype(np.float32)
    rows = rng.standard_normal((n_rows, 48)).astype(np.float32)
    found = times_blocks(rows, weight_blocks(weight))
    assert found.shape == (n_rows, n_out)
    assert found.dtype == np.float32
    assert np.abs(found - rows @ weight.T).max() < 1e-4


@pytest.mark.parametrize("n_rows", [0, 1, 9, 10, 11, 95])
def test_tall_products_are_the_same_in_blocks(monkeypatch, n_rows):
    monkeypatch.setattr(products, "_SMALL", 10 * 24 * 5)  # ten rows a block
    rng = np.random.default_rng(n_rows)
    rows = rng.standard_normal((n_rows, 24)).astype(np.float32)
    columns = rng.standard_normal((24, 5)).astype(np.float32)
    out = np.full((n_rows, 5), np.nan, np.float32)
    tall_product(rows, columns, out)
    assert np.abs(out - rows @ columns).max(initial=0) < 1e-5


def test_a_column_too_long_for_a_small_product_is_multiplied_row_by_row(monkeypatch):
    monkeypatch.setattr(products, "_SMALL", 4)
    rows, columns = np.ones((3, 8), np.float32), np.ones((8, 2), np.float32)
    out = np.empty((3, 2), np.float32)
    tall_product(rows, columns, out)
    assert (out == 8).all()
