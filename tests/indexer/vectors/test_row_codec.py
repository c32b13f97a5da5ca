from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.vectors import row_codec as module
from indexer.vectors.row_codec import CODECS, float16_to_float32, row_codec

NAMES = sorted(CODECS)


def unit_rows(n: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("name", "n_bytes"), [("float16", 128), ("int8", 66), ("int4", 34)])
def test_bytes_per_row_at_64_numbers(name: str, n_bytes: int) -> None:
    codec = row_codec(name, 64)
    codes = codec.encode(unit_rows(5, 64))
    assert codec.bytes_per_row == n_bytes
    assert codes.shape == (5, n_bytes)
    assert codes.dtype == np.uint8
    assert (codec.name, codec.dim) == (name, 64)


@pytest.mark.parametrize(("name", "worst"), [("float16", 1e-3), ("int8", 5e-3), ("int4", 7e-2)])
@pytest.mark.parametrize("dim", [4, 12, 48, 64, 96, 128])
def test_inner_products_survive(name: str, worst: float, dim: int) -> None:
    rows, queries = unit_rows(500, dim, 1), unit_rows(20, dim, 2)
    codec = row_codec(name, dim)
    codes = codec.encode(rows)
    exact = queries @ rows.T
    rotated = codec.rotate(queries) @ codec.decode_rotated(codes).T
    plain = queries @ codec.decode(codes).T
    np.testing.assert_allclose(rotated, plain, atol=2e-6)
    # The error of a 4-bit inner product shrinks with the square root of the row's size.
    assert np.abs(rotated - exact).max() < worst * max(1.0, np.sqrt(64 / dim) * 1.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_rows_bytes_depend_on_that_row_alone(name: str) -> None:
    rows = unit_rows(100, 64)
    codec = row_codec(name, 64)
    together = codec.encode(rows)
    apart = np.concatenate([codec.encode(rows[:1]), codec.encode(rows[1:37]), codec.encode(rows[37:])])
    # A rotation's sums may round differently in another batch, and move a number at the border of two levels.
    assert (together != apart).mean() < 1e-3
    np.testing.assert_allclose(codec.decode(together), codec.decode(apart), atol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_out_is_filled_and_returned(name: str) -> None:
    codec = row_codec(name, 64)
    codes = codec.encode(unit_rows(9, 64))
    for decode in (codec.decode, codec.decode_rotated):
        out = np.full((9, 64), np.nan, dtype=np.float32)
        assert decode(codes, out) is out
        np.testing.assert_array_equal(out, decode(codes))


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_and_zero_rows(name: str) -> None:
    codec = row_codec(name, 64)
    assert codec.decode(codec.encode(np.empty((0, 64), np.float32))).shape == (0, 64)
    np.testing.assert_allclose(codec.decode(codec.encode(np.zeros((2, 64), np.float32))), 0.0)


def test_codes_may_be_a_read_only_slice_of_a_wider_array() -> None:
    codec = row_codec("int4", 64)
    codes = codec.encode(unit_rows(10, 64))
    wide = np.zeros((10, 40), np.uint8)
    wide[:, :34] = codes
    wide.flags.writeable = False
    np.testing.assert_array_equal(codec.decode(wide[2:7, :34]), codec.decode(codes[2:7]))


def test_int4_rows_come_back_with_unit_norm_and_nearly_their_direction() -> None:
    rows = unit_rows(200, 64)
    decoded = row_codec("int4", 64).decode(row_codec("int4", 64).encode(rows))
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), 1.0, atol=1e-3)
    assert (rows * decoded).sum(axis=1).mean() > 0.995


def test_int4_bytes_are_pinned() -> None:
    # Stored segments outlive a release: these bytes may only change with the codec's name.
    row = np.zeros((1, 8), np.float32)
    row[0, :3] = (0.6, -0.64, 0.48)
    codes = row_codec("int4", 8).encode(row)
    assert codes.tobytes().hex() == "592659262e36"


@pytest.mark.parametrize("dim", [4, 8, 12, 20, 64, 96, 100, 128])
def test_rotation_is_orthogonal(dim: int) -> None:
    rotation = module._rotation(dim)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=1e-5)


def test_levels_are_where_a_gaussians_cells_have_their_means() -> None:
    numbers = np.sort(np.random.default_rng(0).standard_normal(400_000))
    levels = module._levels()
    cells = np.searchsorted((levels[1:] + levels[:-1]) / 2, numbers)
    means = [numbers[cells == level].mean() for level in range(16)]
    np.testing.assert_allclose(levels, means, atol=0.02)


def test_float16_is_converted_bit_for_bit() -> None:
    finite = np.concatenate([np.arange(0x7C00), np.arange(0x8000, 0xFC00)]).astype(np.uint16).view(np.float16)
    np.testing.assert_array_equal(float16_to_float32(finite), finite.astype(np.float32))
    negative_zero = np.array([-0.0], np.float16)
    assert np.signbit(float16_to_float32(negative_zero))[0]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 40), st.sampled_from([4, 8, 24, 64]), st.integers(0, 2**32 - 1))
def test_decoding_is_near_for_any_unit_rows(name: str, n: int, dim: int, seed: int) -> None:
    rows = unit_rows(n, dim, seed)
    codec = row_codec(name, dim)
    cosine = (rows * codec.decode(codec.encode(rows))).sum(axis=1)
    assert np.all(np.abs(cosine - 1.0) < 2e-2)


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="float16, int4, int8"):
        row_codec("int3", 64)
    with pytest.raises(InputError, match="multiple of 4"):
        row_codec("int4", 63)
