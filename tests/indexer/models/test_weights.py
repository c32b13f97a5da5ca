"""Safetensors read by hand equal what the library wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from indexer.errors import CheckpointError
from indexer.models.weights import TensorFiles


def test_values_of_every_stored_type(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(1)
    values = {
        "half": torch.randn(5, 3).half(),
        "brain": torch.randn(4, 2).bfloat16(),
        "full": torch.randn(7),
        "scalar": torch.tensor(2.5),
    }
    save_torch(values, tmp_path / "a.safetensors")
    files = TensorFiles([tmp_path / "a.safetensors"])
    for name, tensor in values.items():
        assert files.shape(name) == tuple(tensor.shape)
        assert np.array_equal(files.float32(name), tensor.float().numpy())
        assert files.float32(name).dtype == np.float32
    rows = files.float32_rows("brain", np.array([3, 0, 3]))
    assert np.array_equal(rows, values["brain"].float().numpy()[[3, 0, 3]])
    assert files.shape("absent") is None


def test_several_files_are_one_set_of_names(tmp_path: Path) -> None:
    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "1.safetensors")
    save_file({"b": np.ones(3, np.float32)}, tmp_path / "2.safetensors")
    files = TensorFiles([tmp_path / "1.safetensors", tmp_path / "2.safetensors"])
    assert set(files.entries) == {"a", "b"}
    assert files.float32("b").tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_named(tmp_path: Path, dtype: type, bad: float) -> None:
    values = np.ones((3, 4), dtype)
    save_file({"good": values}, tmp_path / "good.safetensors")
    assert TensorFiles([tmp_path / "good.safetensors"]).find_not_finite() == ""
    values[1, 2] = bad
    save_file({"bad": values}, tmp_path / "bad.safetensors")
    assert TensorFiles([tmp_path / "bad.safetensors"]).find_not_finite() == "bad"


def test_nan_in_bfloat16_is_found(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    save_torch({"x": torch.tensor([1.0, float("nan")]).bfloat16()}, tmp_path / "x.safetensors")
    assert TensorFiles([tmp_path / "x.safetensors"]).find_not_finite() == "x"


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_a_cut_file_is_refused(tmp_path: Path, keep: int) -> None:
    save_file({"a": np.zeros(64, np.float32)}, tmp_path / "whole.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        TensorFiles([cut])


def test_a_type_that_is_no_float_is_refused_when_read(tmp_path: Path) -> None:
    save_file({"a": np.zeros(4, np.int64)}, tmp_path / "a.safetensors")
    files = TensorFiles([tmp_path / "a.safetensors"])
    with pytest.raises(CheckpointError, match="type I64"):
        files.float32("a")
