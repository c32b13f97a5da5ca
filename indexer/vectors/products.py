"""Products of a few rows with a large matrix, and of many rows with a few: in pieces that BLAS likes.

OpenBLAS, which NumPy brings, copies the operands of a product into an order of its own first, which for so
few rows takes longer than the arithmetic. It does not where a product has at most a million
multiplications: 11 rows through the 21 MB of the bundled model's layers take 1.3 ms in blocks and 3.0 ms
whole, 100,000 rows times 11 query rows 1.9 and 3.2 ms. The results are the same. Another BLAS loses nothing.
"""

from __future__ import annotations

import numpy as np

from indexer.records import Float32Array

_SMALL = 1_000_000
"""Multiplications of a product that OpenBLAS computes without copying."""
_KERNEL_ROWS = 16
"""Rows that OpenBLAS multiplies at once: those left over at a block's end take longer and round otherwise."""
_BLOCK_WIDTH = 32
"""Columns of a weight in a block: 40 rows of 768 numbers are still a small product."""


def weight_blocks(weight: Float32Array) -> Float32Array:
    """A linear layer's weight (out, in) as (blocks, in, width), for `times_blocks`."""
    n_out, n_in = weight.shape
    width = int(np.gcd(n_out, _BLOCK_WIDTH))
    if width < _BLOCK_WIDTH // 4:  # so narrow that the blocks themselves would cost more
        width = n_out
    return np.ascontiguousarray(weight.reshape(-1, width, n_in).transpose(0, 2, 1))


def times_blocks(rows: Float32Array, blocks: Float32Array) -> Float32Array:
    """`rows @ weight.T`, (n, out), for rows (n, in) and the blocks of a weight (out, in)."""
    n_blocks, n_in, width = blocks.shape
    out = np.empty((len(rows), n_blocks * width), np.float32)
    placed = out.reshape(len(rows), n_blocks, width).transpose(1, 0, 2)
    n_piece = _rows_of_small(n_in * width)
    for at in range(0, len(rows), n_piece):
        np.matmul(rows[at : at + n_piece], blocks, out=placed[:, at : at + n_piece])
    return out


def tall_product(rows: Float32Array, columns: Float32Array, out: Float32Array) -> None:
    """`rows @ columns`, (n, m), into `out`; rows (n, d) are many, columns (d, m) few."""
    n_block = _rows_of_small(columns.size)
    n_whole = len(rows) // n_block * n_block
    if n_whole:
        np.matmul(
            rows[:n_whole].reshape(-1, n_block, rows.shape[1]),
            columns,
            out=out[:n_whole].reshape(-1, n_block, columns.shape[1]),
        )
    if n_whole < len(rows):
        np.matmul(rows[n_whole:], columns, out=out[n_whole:])


def _rows_of_small(n_numbers: int) -> int:
    """Rows that make a small product with a matrix of so many numbers."""
    n_rows = max(1, _SMALL // max(1, n_numbers))
    return n_rows // _KERNEL_ROWS * _KERNEL_ROWS or n_rows
