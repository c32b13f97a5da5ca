"""A sample repository with its index, made once a run by the bundled model and shared by all test files."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SAMPLES = Path(__file__).parents[1] / "sample_repos"
LIGHTHOUSE = Path(__file__).parent / "tui" / "data" / "lighthouse"

# Threads of OpenMP that have nothing to do wait asleep: awake ones take the cores from the other half of the
# tests, which made those of vectors four times slower on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Widgets come and go by the thousand among a million objects of libraries: looking through all of these for
# cycles as often as Python does by itself takes a fifth of the time of such tests.
gc.set_threshold(20_000, 20, 50)


# The same examples in every run, and no clock: a busy machine takes long to draw them.
settings.register_profile(
    "seeded",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("seeded")


@pytest.fixture(scope="session", autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the engine remembers about models, and the key that signs indexes, go to folders of this run.

    One key for the whole run: an index that one test file made is opened by others.
    """
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_disk_is_waited_for() -> Iterator[None]:
    """No test cuts the power, and a process that is killed loses nothing that it gave to the system."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: os.fstat(handle) and None)
        yield


@pytest.fixture(autouse=True)
def _no_known_repositories() -> None:
    """A build takes vectors from indexes that are known: from none that another test left."""
    from codesearch.known_repositories import list_file
    from indexer.errors import InputError

    with suppress(InputError):
        list_file().unlink(missing_ok=True)


@pytest.fixture(scope="session")
def one_encoder() -> Iterator[None]:
    """Builds of this run share one encoder a model: loading the weights costs more than a tiny tree."""
    from indexer.encoders import loading

    loaded: dict[str, object] = {}
    load = loading.load_encoder

    def shared(checkpoint, max_memory_bytes, is_brief=False):
        if checkpoint.fingerprint not in loaded:
            loaded[checkpoint.fingerprint] = load(checkpoint, max_memory_bytes)
        return loaded[checkpoint.fingerprint]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_encoder", shared)
        yield


@pytest.fixture(scope="session")
def task_queue(tmp_path_factory: pytest.TempPathFactory, one_encoder: None) -> Path:
    """A copy of `sample_repos/task_queue` and its index. Not to be changed by a test."""
    from indexer.build import build
    from indexer.settings import BuildSettings

    root = tmp_path_factory.mktemp("indexed") / "task_queue"
    shutil.copytree(SAMPLES / "task_queue", root, ignore=shutil.ignore_patterns(".codesearch", "__pycache__"))
    for path in root.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))  # written long before the build
    build(root, BuildSettings())
    return root


@pytest.fixture
def lighthouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data, under a relative path, so that no screen shows a folder of this machine."""
    shutil.copytree(LIGHTHOUSE, tmp_path / "lighthouse")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Path("lighthouse")
