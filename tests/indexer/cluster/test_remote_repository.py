"""A repository in shards on other machines, read: by whichever holds a file, and as one."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from types import SimpleNamespace

import codesearch.api
from indexer.cluster.layout import Piece
from indexer.cluster.remote_repository import RemoteSearcher
from indexer.records import SkippedFile
from indexer.search import Searcher


def test_whatever_an_index_is_asked_a_repository_elsewhere_answers():
    """`CodeIndex` takes either; one is cast to the other."""
    asked = set(re.findall(r"self\._engine\.(\w+)", inspect.getsource(codesearch.api)))
    assert {"file_text", "status", "outline"} <= asked
    assert [name for name in sorted(asked) if not hasattr(RemoteSearcher, name)] == []


def test_the_status_of_a_repository_in_parts_is_of_all(task_queue):
    with Searcher.open(task_queue) as searcher:
        one = searcher.status(0.0)
    other = replace(
        one,
        skipped=(SkippedFile("a.bin", "binary"),),
        languages={"c": 1000},
        covers_secrets=False,
        n_files=1000,
    )
    parts = {"x.1of2": one, "x.2of2": other}
    pieces = tuple(Piece(name, "", number) for number, name in enumerate(parts))
    cluster = SimpleNamespace(
        layout=SimpleNamespace(repositories={"x": pieces}), call=lambda shard, method: parts[shard]
    )
    status = RemoteSearcher(cluster, "x").status()
    assert (status.n_files, status.n_tokens) == (one.n_files + 1000, 2 * one.n_tokens)
    assert next(iter(status.languages)) == "c"
    assert status.languages.keys() == one.languages.keys() | {"c"}
    assert status.skipped[0].path == "a.bin"
    assert not status.covers_secrets
