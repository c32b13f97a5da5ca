from __future__ import annotations

import errno
import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.disk.mapped_arrays import map_array, save_array


def test_an_array_is_mapped_as_it_was_saved(tmp_path):
    saved = np.arange(12, dtype="<i4").reshape(4, 3)
    save_array(tmp_path / "a.npy", saved)
    mapped = map_array(tmp_path / "a.npy")
    assert type(mapped) is np.ndarray
    assert mapped.dtype == saved.dtype
    assert (mapped == saved).all()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("n_numbers", [1, 100_000])
def test_a_full_disk_is_named_whatever_the_array_s_size(tmp_path, n_numbers):
    (tmp_path / "a.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        save_array(tmp_path / "a.npy", np.zeros(n_numbers))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01\x00\x10\x00", b"PK\x05\x06" + bytes(18), b"\x80\x04N."]
)
def test_a_file_that_is_no_array_is_a_value_error(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npy|pickle|header"):
        map_array(tmp_path / "a.npy")


@pytest.fixture
def threads_that_change_within_a_header():
    """The collector runs while a header's syntax tree is made, and lets another thread go on there."""
    let_others_run = lambda phase, info: time.sleep(1e-4)  # noqa: E731
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(let_others_run)
    gc.set_threshold(30)
    sys.setswitchinterval(1e-5)
    yield
    gc.callbacks.remove(let_others_run)
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("threads_that_change_within_a_header")
def test_threads_map_at_once(tmp_path):
    # On CPython 3.11, one in some fifty of these fails where headers are read at once (gh-106905).
    np.save(tmp_path / "a.npy", np.zeros((100, 3), "<f4"))
    with ThreadPoolExecutor(4) as threads:
        shapes = list(threads.map(lambda _: map_array(tmp_path / "a.npy").shape, range(1000)))
    assert shapes == [(100, 3)] * 1000
