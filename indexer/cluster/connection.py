"""Joining a Ray cluster, or having one of this machine for as long as it is needed; errors as sentences."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from indexer.errors import CodesearchError, InputError, MissingExtraError
from indexer.vectors.cores import usable_cores

LOCAL = "local"
AUTO = "auto"
_STORE_BYTES = 400_000_000
"""Of Ray's shared memory on a machine of its own: rows are ids and counts, answers a megabyte."""

_CONNECT_SECONDS = 10.0
_START = "start one with `ray start --head`, or use --address local."


class ClusterError(CodesearchError):
    """The cluster cannot be reached, or is another's."""


def import_ray() -> Any:
    """Ray, told to call home nowhere. Raises MissingExtraError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Serve kills a proxy that takes longer to start: on a busy machine its imports alone take five seconds.
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    try:
        import ray
        import ray.data
        import ray.serve
    except ImportError as error:
        raise MissingExtraError(
            "Clusters need the extra `ray`: `pip install 'codesearch-local[ray]'`."
        ) from error
    return ray


@contextmanager
def connected(address: str, *, n_cpus: int | None = None) -> Iterator[Any]:
    """Ray, connected: `local` is a cluster of this process, `auto` the one of this machine, else HOST:PORT.

    Joined where this process is connected already; left, or ended where it is `local`, when the context ends.
    Raises MissingExtraError, InputError for an address that is none, ClusterError where there is no cluster,
    or one of another version of Ray or Python.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    if address not in (LOCAL, AUTO):
        _check_listening(address)
    for name in ("ray.data", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet = {"configure_logging": True, "logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == LOCAL:
            ray.init(
                address=LOCAL,
                num_cpus=n_cpus or usable_cores() + 1,
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, TimeoutError, ValueError, AssertionError) as error:
        raise ClusterError(
            f"There is no Ray cluster {'on this machine' if address == AUTO else f'at {address}'}", _START
        ) from error
    except RuntimeError as error:
        if "ersion mismatch" in str(error):
            raise ClusterError(
                f"The cluster at {address} runs another version of Ray or Python ({_first_line(error)})",
                "install the same on every machine.",
            ) from error
        raise ClusterError(
            f"Ray cannot be used here ({_first_line(error)})", "`ray status` says more."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_listening(address: str) -> None:
    """Raises InputError for no HOST:PORT, ClusterError where nothing listens: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--address is {address!r}; give local, auto or HOST:PORT.")
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"There is no Ray cluster at {address} ({error})", _START) from error


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
