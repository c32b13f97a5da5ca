"""Work shared out over cores, by rows mostly, each core's arithmetic on one thread.

BLAS shares out each multiplication, and its threads wait for each other by spinning. Between the small
multiplications of a tiled scan that is all waiting as soon as anything else runs on the machine:
300,000 rows took 2,800 ms beside other work, 220 ms with two threads of our own and BLAS on one
(CPU time 560 and 39 ms).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from indexer.light_dataclasses import dataclass

MAX_CORES = 4
"""More bring little: the rows come through one memory bus, and other processes want cores too."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Share:
    """Rows for one core, half-open."""

    first: int
    last: int


def on_cores(work: Callable[[Share], Result], n_rows: int, min_rows: int) -> list[Result]:
    """`work` for shares that tile 0 to n_rows, in order, at least `min_rows` each, BLAS on one thread.

    At least one share, empty where there are no rows.
    """
    n_shares = n_rows // max(min_rows, 1)
    n_shares = 1 if n_shares < 2 else min(_n_cores(), n_shares)  # to ask for the cores reads files
    shares = [Share(n_rows * i // n_shares, n_rows * (i + 1) // n_shares) for i in range(n_shares)]
    with one_blas_thread():
        if n_shares == 1:
            return [work(shares[0])]
        others = [_pool().submit(work, share) for share in shares[1:]]
        try:
            first = work(shares[0])
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]


def beside(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin work on another core, where there is one, and return what waits for its result."""
    if _n_cores() == 1:
        done = work()
        return lambda: done
    return _pool().submit(work).result


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads for all shares but the caller's own; starting one costs as much as scoring its share."""
    return ThreadPoolExecutor(MAX_CORES - 1, "share")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of its parent's threads


def _n_cores() -> int:
    """Cores to share work over, MAX_CORES at most."""
    return min(MAX_CORES, usable_cores())


def usable_cores() -> int:
    """Cores that this process may use, by its affinity, its container's quota and OMP_NUM_THREADS."""
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    n_cores = min([n_cores, *_own_quotas()])
    with suppress(ValueError):
        n_cores = min(n_cores, int(os.environ.get("OMP_NUM_THREADS", "")))
    return max(1, n_cores)


@cache
def _own_quotas() -> list[int]:
    """Read once: a search asks several times, and they are a dozen files."""
    return _quotas()


def _quotas(own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Whole cores that this process's control groups allow it, from its own up to the root that is mounted.

    A container sees its own group as that root; a service of systemd lies in one below it.
    """
    inner = Path()
    with suppress(OSError, StopIteration):
        lines = own.read_text(encoding="utf-8").splitlines()
        inner = Path(next(line for line in lines if line.startswith("0::")).removeprefix("0::").lstrip("/"))
    found = []
    for group in (inner, *inner.parents):
        with suppress(OSError, ValueError):  # `max`: no quota, a ValueError
            quota, period = (mounted / group / "cpu.max").read_text(encoding="ascii").split()
            found.append(max(1, int(quota) // int(period)))
        with suppress(OSError, ValueError):  # the older kind; -1: no quota
            folder = mounted / "cpu" / group
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
            found += [max(1, int(quota) // int(period))] if int(quota) > 0 else []
    return found


class _Limit:
    """How many are inside, and what undoes the limit when the last has left."""

    lock = threading.Lock()
    n_inside = 0
    limiter: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """NumPy's BLAS computes on the calling thread alone, in the whole process; as before once all are out.

    To be entered once for much work: another number of threads costs the next product 0.2 ms.
    """
    with _Limit.lock:
        if _Limit.n_inside == 0:
            _heed_this_thread()
            _Limit.limiter = _controller().limit(limits=1, user_api="blas")
        _Limit.n_inside += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.n_inside -= 1
            if _Limit.n_inside == 0:
                _heed_this_thread()
                _Limit.limiter.restore_original_limits()


def _heed_this_thread() -> None:
    """Let any thread set the number: threadpoolctl heeds the first alone from 3.8 on, and passes over others.

    Of who is inside, `_Limit` keeps count; without this a search in a server's thread took twice the time.
    """
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


@cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries loaded by now. NumPy's is among them, and nothing here uses another."""
    return ThreadpoolController()
