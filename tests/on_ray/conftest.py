"""One small Ray for a module of tests, ended after it; what these tests build is shared by them.

`make test-cluster` runs this folder: Ray is an extra, and `make test` installs none. Nothing here waits for a
time: conditions are waited for, as long as `within` says at most.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_memory_monitor_refresh_ms"] = "0"  # noqa: SIM112 - what else runs here ends no worker
SAMPLES = Path(__file__).parents[2] / "sample_repos"
NAMES = ("task_queue", "http_router", "key_store", "billing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray warns of its own settings' names, whichever test is the first to use it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="session", autouse=True)
def _quiet_ray() -> Iterator[None]:
    """Ray warns of things of its own, in threads of its own."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def ray(_private_folders: None) -> Iterator[object]:
    """More processors than there are: most of these processes wait."""
    from indexer.cluster.connection import connected

    with connected("local", n_cpus=16) as found:
        yield found


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of sample repositories, without indexes."""
    base = tmp_path_factory.mktemp("trees")
    for name in NAMES:
        shutil.copytree(
            SAMPLES / name, base / name, ignore=shutil.ignore_patterns(".codesearch", "__pycache__")
        )
    return base


@pytest.fixture
def write_catalogue(trees: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A new catalogue of some repositories."""

    def write(*names: str) -> Path:
        path = tmp_path_factory.mktemp("catalogue") / "cat.jsonl"
        lines = [json.dumps({"repository": name, "folder": str(trees / name)}) for name in names or NAMES]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def within(seconds: float, condition: Callable[[], object]) -> object:
    """What a condition gives once it is true; asked again until then, and at most so long."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, "it did not become true"
        time.sleep(0.1)


@pytest.fixture(name="within")
def _within() -> Callable[..., object]:
    return within
