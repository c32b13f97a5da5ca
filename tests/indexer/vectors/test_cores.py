from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from indexer.vectors import cores
from indexer.vectors.cores import Share, on_cores, one_blas_thread


def blas_threads() -> list[int]:
    """Of NumPy's BLAS; SciPy and FAISS, where something has loaded them, bring their own."""
    blas = (library for library in threadpool_info() if library["user_api"] == "blas")
    return [library["num_threads"] for library in blas if "numpy" in library["filepath"]]


@pytest.mark.parametrize(
    ("n_rows", "min_rows", "want"),
    [
        (0, 10, [Share(0, 0)]),
        (19, 10, [Share(0, 19)]),
        (20, 10, [Share(0, 10), Share(10, 20)]),
        (100, 10, [Share(0, 33), Share(33, 66), Share(66, 100)]),
        (2, 0, [Share(0, 1), Share(1, 2)]),
    ],
)
def test_shares_tile_the_rows(
    n_rows: int, min_rows: int, want: list[Share], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_n_cores", lambda: 3)
    assert on_cores(lambda share: share, n_rows, min_rows) == want


def test_shares_run_on_threads_of_their_own_and_an_error_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_n_cores", lambda: 2)
    both_here = threading.Barrier(2, timeout=10)
    assert sorted(on_cores(lambda _: both_here.wait(), 2, 1)) == [0, 1]

    def fail(share: Share) -> None:
        raise ValueError(str(share.first))

    with pytest.raises(ValueError, match="0"):
        on_cores(fail, 2, 1)


def test_blas_is_limited_until_the_last_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas_threads()
    assert before, "NumPy's BLAS was not recognised"
    with one_blas_thread():
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
    with pytest.raises(RuntimeError, match="inside"), one_blas_thread():
        raise RuntimeError("inside")
    assert blas_threads() == before


def test_blas_is_limited_whichever_thread_asks() -> None:
    def limited() -> set[int]:
        with one_blas_thread():
            return set(blas_threads())

    before = blas_threads()
    with threadpool_limits(limits=2, user_api="blas"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(limited).result() == {1}
        assert limited() == {1}
        assert pool.submit(limited).result() == {1}
        assert set(blas_threads()) == {2}
    assert blas_threads() == before


@pytest.mark.parametrize(("said", "want"), [("1", 1), ("0", 1), ("two", None), (None, None)])
def test_the_environment_may_ask_for_fewer(
    said: str | None, want: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    unlimited = cores._n_cores()
    assert 1 <= unlimited <= cores.MAX_CORES
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert cores._n_cores() == (want or unlimited)


@pytest.mark.parametrize(
    ("group", "limits", "want"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, [1]),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, [3]),
        ("0::/a/b\n", {"cpu.max": "50000 100000\n", "a/b/cpu.max": "400000 100000\n"}, [4, 1]),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, [2]),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, []),
        (None, {}, []),
    ],
)
def test_control_groups_may_allow_fewer(
    group: str | None, limits: dict[str, str], want: list[int], tmp_path: Path
) -> None:
    own, mounted = tmp_path / "self", tmp_path / "mounted"
    if group is not None:
        own.write_text(group)
    for path, limit in limits.items():
        (mounted / path).parent.mkdir(parents=True, exist_ok=True)
        (mounted / path).write_text(limit)
    assert cores._quotas(own, mounted) == want
