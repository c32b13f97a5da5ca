"""Processes that build, started once for all tests of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.trees import Builder, write_tree


@pytest.fixture(scope="session", autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key that signs indexes, and what is remembered of models, go to folders of this run."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable)))
        yield


@pytest.fixture(scope="session")
def new_builder() -> Iterator[Callable[[], Builder]]:
    """For tests that need more than one at a time."""
    builders: list[Builder] = []

    def make() -> Builder:
        builders.append(Builder())
        return builders[-1]

    yield make
    for builder in builders:
        builder.close()


@pytest.fixture(scope="session")
def builder(new_builder: Callable[[], Builder]) -> Builder:
    return new_builder()


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Path:
    """A tree with its index; not to be changed."""
    root = tmp_path_factory.mktemp("indexed") / "tree"
    write_tree(root)
    assert builder(root)["n_encoded"] == 8
    return root
