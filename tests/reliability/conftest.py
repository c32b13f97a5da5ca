"""Processes that build, started once for all tests of a run; their folders are `tests/conftest.py`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.trees import Builder, write_tree


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
