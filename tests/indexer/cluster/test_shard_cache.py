"""What a machine keeps of shards: those that are served, and of others what there is room for."""

from __future__ import annotations

import os

import pytest

from indexer.build import build
from indexer.cluster.catalogue import Shard
from indexer.cluster.shard_cache import trim
from indexer.search import Searcher
from indexer.settings import BuildSettings
from indexer.storage.status import n_bytes_below


@pytest.fixture
def homes(tmp_path):
    """Four shards, the first opened longest ago."""
    found = []
    for number in range(4):
        home = tmp_path / "cache" / (str(number) * 64)
        root = home / "tree" / "repository"
        root.mkdir(parents=True)
        (root / "a.py").write_text(f"def f{number}(): pass\n")
        build(root, BuildSettings(), encode=False, outside=home)
        os.utime(home, (number + 1, number + 1))
        found.append(home)
    return found


def left(homes):
    return [number for number, home in enumerate(homes) if home.exists()]


def test_what_was_opened_longest_ago_goes_until_there_is_room(homes):
    cache = homes[0].parent
    size = n_bytes_below(homes[0])
    trim(cache, [], 10 * size)
    assert left(homes) == [0, 1, 2, 3]
    trim(cache, [], int(2.5 * size))
    assert left(homes) == [2, 3]


def test_what_is_served_or_open_stays(homes):
    served = Shard("repository", "d" * 64, homes[2].name, 1, 1, ("repository",))
    with Searcher.open(homes[0] / "tree" / "repository", homes[0]):
        trim(homes[0].parent, [served], 0)
        assert left(homes) == [0, 2]
    trim(homes[0].parent, [served], 0)
    assert left(homes) == [2]
