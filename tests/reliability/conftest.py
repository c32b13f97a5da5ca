"""Processes that build, started once for all tests of a run; their folders are `tests/conftest.py`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.trees import Builder, write_tree


@pytest.fixture(scope="session")
def builders() -> Iterator[Callable[[int], list[Builder]]]:
    """`builders(n)`: so many that work at once, started when so many are first asked for."""
    started: list[Builder] = []

    def first(n_builders: int) -> list[Builder]:
        while len(started) < n_builders:
            started.append(Builder())
        return started[:n_builders]

    yield first
    for builder in started:
        builder.close()


@pytest.fixture(scope="session")
def builder(builders: Callable[[int], list[Builder]]) -> Builder:
    return builders(1)[0]


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Path:
    """A tree with its index; not to be changed."""
    root = tmp_path_factory.mktemp("indexed") / "tree"
    write_tree(root)
    assert builder(root)["n_encoded"] == 8
    return root
