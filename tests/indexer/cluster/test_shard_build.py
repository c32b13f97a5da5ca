"""A shard that went through the store is the index that one machine would have built."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.cluster.planning import Limits, plan_shards, recipe_of, survey
from indexer.cluster.shard_build import ShardEncoder, Workplace, read_shard, take_in
from indexer.cluster.store import SHARDS, WORDS, open_store
from indexer.cluster.trees import Source
from indexer.errors import CodesearchError, StorageError
from indexer.records import SearchRequest
from indexer.search import Searcher
from indexer.settings import BuildSettings

SAMPLES = Path(__file__).parents[3] / "sample_repos"
SETTINGS = BuildSettings()
WHOLE = Limits(shared_tokens=0)


@pytest.fixture
def at(tmp_path, one_encoder):
    at = Workplace(open_store(str(tmp_path / "store")), SETTINGS, "0", str(tmp_path))
    at.store.check_writable()
    return at


def planned(folders, tmp_path, limits=WHOLE):
    surveys = [survey(Source(each.name, str(each)), tmp_path, SETTINGS, limits) for each in folders]
    return plan_shards(surveys, recipe_of(SETTINGS), [], limits)


def opened(at, made, name, tmp_path):
    root = tmp_path / "opened" / made.digest[:8] / name
    root.mkdir(parents=True)
    take_in(at.store, (SHARDS, made.digest, made.sha256), root, tmp_path / "states")
    return Searcher.open(root, tmp_path / "states")


def vectors_of(searcher: Searcher) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What is stored under each key: single rows, and codes of token rows."""
    tables, segments = searcher.generation.tables, searcher.generation.segments
    found = {}
    for at, row in enumerate(searcher.generation.store.chunk_keys()):
        first, n = int(tables.single_start[at]), int(tables.n_single[at])
        single = np.asarray(segments.single(int(tables.segment[at]), 0, first + n)[first:], np.float32)
        codes = segments.codes(int(tables.segment[at]), int(tables.rows_start[at]), int(tables.n_rows[at]))
        found[row.embedding_key] = single, np.asarray(codes)
    return found


def test_it_is_the_index_that_one_machine_builds(at, task_queue, tmp_path):
    tree = tmp_path / "task_queue"
    shutil.copytree(task_queue, tree, ignore=shutil.ignore_patterns(".codesearch"))
    (plan,) = planned([tree], tmp_path)
    read = read_shard(plan, at)
    assert at.store.facts(WORDS, plan.digest)
    made = ShardEncoder(at).finish(plan, read)
    with Searcher.open(task_queue) as single, opened(at, made, "task_queue", tmp_path) as shard:
        assert made.n_chunks == made.n_encoded_chunks == single.facts.n_chunks
        assert made.n_tokens == made.n_encoded_tokens == single.facts.n_tokens
        assert shard.paths() == single.paths()
        ours, theirs = vectors_of(shard), vectors_of(single)
        assert ours.keys() == theirs.keys()
        for key, (rows, codes) in ours.items():
            assert np.allclose(rows, theirs[key][0], atol=2e-3)
            assert codes.shape == theirs[key][1].shape
        for query in ("wait longer between attempts", "where are jobs stored", "Worker"):
            a, b = (each.search(SearchRequest(query, 10)) for each in (shard, single))
            assert [(h.start_char, h.end_char) for h in a.hits] == [
                (h.start_char, h.end_char) for h in b.hits
            ]
            assert [h.score for h in a.hits] == pytest.approx([h.score for h in b.hits], abs=2e-3)


def test_a_job_that_is_repeated_or_was_broken_off_does_nothing_twice(at, tmp_path):
    (plan,) = planned([SAMPLES / "mailer"], tmp_path)
    read_shard(plan, at)
    words = at.store.facts(WORDS, plan.digest)
    read_shard(plan, at)  # the worker that read it was killed before it could say so
    assert at.store.facts(WORDS, plan.digest) == words
    first = ShardEncoder(at).finish(plan, read_shard(plan, at))
    assert first.n_encoded_tokens > 0
    assert at.store.facts(WORDS, plan.digest) is None
    again = ShardEncoder(at).finish(plan, read_shard(plan, at))
    assert (again.n_encoded_tokens, again.sha256, again.n_files) == (0, first.sha256, first.n_files)
    assert not list(tmp_path.glob("codesearch-shard-*"))


def test_of_a_changed_repository_what_is_new_is_encoded(at, tmp_path):
    tree = tmp_path / "mailer"
    shutil.copytree(SAMPLES / "mailer", tree)
    (plan,) = planned([tree], tmp_path)
    first = ShardEncoder(at).finish(plan, read_shard(plan, at))
    (tree / "new.py").write_text("def greet(name):\n    '''Say hello to whoever comes.'''\n    return name\n")
    (plan,) = planned([tree], tmp_path)
    plan = type(plan)(
        **{f: getattr(plan, f) for f in plan.__dataclass_fields__ if f != "previous"},
        previous=((first.digest, first.sha256),),
    )
    second = ShardEncoder(at).finish(plan, read_shard(plan, at))
    assert second.n_encoded_chunks == 1
    assert second.n_chunks == first.n_chunks + 1


def test_small_ones_together_and_parts_of_a_large_one_hold_every_file_once(at, tmp_path):
    folders = [SAMPLES / "mailer", SAMPLES / "billing"]
    (plan,) = planned(folders, tmp_path, Limits(shared_tokens=100_000))
    made = ShardEncoder(at).finish(plan, read_shard(plan, at))
    paths = {}
    for folder in folders:
        outside = tmp_path / "single"
        build(folder, SETTINGS, encode=False, outside=outside)
        with Searcher.open(folder, outside) as single:
            paths[folder.name] = single.paths()
    with opened(at, made, "together", tmp_path) as shard:
        assert sorted(shard.paths()) == sorted(f"{name}/{path}" for name in paths for path in paths[name])
        assert shard.n_encoded == shard.facts.n_chunks
    split = planned(folders[:1], tmp_path, Limits(split_tokens=4000, shared_tokens=0))
    assert len(split) > 1
    found = []
    for number, plan in enumerate(split):
        made = ShardEncoder(at).finish(plan, read_shard(plan, at))
        with opened(at, made, f"part{number}", tmp_path) as shard:
            found += shard.paths()
    assert sorted(found) == sorted(paths["mailer"])


def test_words_that_left_the_store_are_said(at, tmp_path):
    (plan,) = planned([SAMPLES / "mailer"], tmp_path)
    read = read_shard(plan, at)
    at.store.drop(WORDS, plan.digest)
    with pytest.raises(CodesearchError, match="run the same command again"):
        ShardEncoder(at).finish(plan, read)


def test_a_store_without_room_is_said_before_anything_is_encoded(at, tmp_path, monkeypatch):
    (plan,) = planned([SAMPLES / "mailer"], tmp_path)
    read = read_shard(plan, at)
    n_bytes = at.store.facts(WORDS, plan.digest)["n_bytes"]
    told = []
    with monkeypatch.context() as patched:
        usage = shutil.disk_usage(tmp_path)
        patched.setattr("indexer.cluster.store.shutil.disk_usage", lambda path: usage._replace(free=n_bytes))
        with pytest.raises(StorageError, match=r"No space left on device.*run the same command again"):
            ShardEncoder(at).finish(plan, read, told.append)
    assert not told
    assert at.store.facts(SHARDS, plan.digest) is None
    made = ShardEncoder(at).finish(plan, read)
    assert n_bytes < made.n_bytes
    assert made.n_encoded_tokens == made.n_tokens > 0
