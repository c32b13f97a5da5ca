"""Shards in several groups answer as one machine over the same shards, score by score; who is late is named.

Calls go through pickle, as Ray's do, and to no other process: with Ray it is `tests/on_ray`.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from pathlib import Path

import pytest

from codesearch import Workspace
from codesearch.cluster_workspace import ClusterWorkspace
from indexer.cluster.catalogue import Shard
from indexer.cluster.connection import ClusterError
from indexer.cluster.layout import Cluster, Layout, Limits
from indexer.cluster.planning import Limits as Sizes
from indexer.cluster.planning import plan_shards, recipe_of, survey
from indexer.cluster.remote_shards import GroupGoneError
from indexer.cluster.replica import OpenShards, answer
from indexer.cluster.shard_build import ShardEncoder, Workplace, read_shard, take_in
from indexer.cluster.store import SHARDS, open_store
from indexer.cluster.trees import Source
from indexer.errors import InputError
from indexer.open_model import open_model
from indexer.settings import BuildSettings

SAMPLES = Path(__file__).parents[2] / "sample_repos"
NAMES = ("task_queue", "http_router", "key_store")
SETTINGS = BuildSettings()
QUESTIONS = (
    ("wait longer between attempts", {}),
    ("where is a request matched to a handler", {}),
    ("expire", {"mode": "lexical"}),
    ("how are values stored", {"mode": "colbert"}),
    ("errors", {"paths": ["**/*.py", "!tests/"], "kinds": ["function", "method"]}),
    ("retry", {"regex": r"def \w+"}),
)


class Carrier:
    """Calls to groups in this process; those that are `gone` never answer."""

    def __init__(self, groups):
        self.groups = groups
        self.gone = set()
        self.calls = []
        self._model = open_model(
            SETTINGS.model, next(iter(groups.values())).facts()[0].manifest.model_fingerprint
        )

    def begin(self, group, method, arguments):
        arguments = pickle.loads(pickle.dumps(arguments))

        def wait(seconds):
            if group in self.gone:
                raise GroupGoneError([group])
            self.calls.append((group, method))
            return pickle.loads(pickle.dumps(answer(self.groups[group], method, arguments)))

        return wait

    def encode(self, text, seconds):
        return self._model.query_encoder.encode(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory, one_encoder):
    """A store with the shards of NAMES, and the same indexes as one machine has them, in a folder outside."""
    base = tmp_path_factory.mktemp("cluster")
    at = Workplace(open_store(str(base / "store")), SETTINGS, "0", str(base))
    at.store.check_writable()
    shards = []
    for name in NAMES:
        sizes = Sizes(shared_tokens=0)
        found = survey(Source(name, str(SAMPLES / name)), base, SETTINGS, sizes)
        (plan,) = plan_shards([found], recipe_of(SETTINGS), [], sizes)
        made = ShardEncoder(at).finish(plan, read_shard(plan, at))
        shards.append(Shard(name, plan.digest, made.sha256, made.n_tokens, made.n_bytes, (name,)))
        artefact = SHARDS, plan.digest, made.sha256
        take_in(at.store, artefact, SAMPLES / name, base / "single")
    return base, at.store, shards


@pytest.fixture(scope="module")
def groups(built):
    base, store, shards = built
    opened = {
        "one": OpenShards(store, shards[:2], base / "cache1"),
        "two": OpenShards(store, shards[2:], base / "cache2"),
    }
    yield opened
    for each in opened.values():
        each.close()


@pytest.fixture
def carrier(groups):
    return Carrier(groups)


@pytest.fixture
def cluster(groups, carrier):
    facts = [each for group in groups.values() for each in group.facts()]
    group_of = {each.name: name for name, group in groups.items() for each in group.facts()}
    return Cluster(carrier, Layout.of(facts, group_of), Limits(answer_seconds=5.0))


@pytest.fixture(scope="module")
def single(built):
    base, *_ = built
    with Workspace([SAMPLES / name for name in NAMES], state=base / "single", follow=False) as workspace:
        yield workspace


def told(findings):
    return [
        (p.full_path, p.start_line, p.end_line, p.text, p.score, p.confidence, p.evidence)
        for p in findings.passages
    ]


@pytest.mark.parametrize(("query", "filtering"), QUESTIONS)
def test_answers_are_those_of_one_machine(cluster, single, query, filtering):
    ours = ClusterWorkspace(cluster).among().find(query, 8, **filtering)
    theirs = single.among().find(query, 8, **filtering, encode_seconds=0.0)
    assert told(ours) == told(theirs)
    assert ours.passages
    assert ours.notes == theirs.notes


def test_answers_are_the_same_where_rankers_name_what_is_scored(cluster, single, monkeypatch):
    """As of shards with too many rows to be scored whole: three words of few regions, and few chunks."""
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 0)
    monkeypatch.setattr("indexer.retrieve.candidates.MAX_CHUNKS", 8)
    for module in ("indexer.fan_out", "indexer.cluster.remote_shards"):
        monkeypatch.setattr(f"{module}.LEXICAL_REGIONS", 12)
        monkeypatch.setattr(f"{module}.SYMBOL_SPANS", 5)
        monkeypatch.setattr(f"{module}.SINGLE_ROWS", 10)
    for query, filtering in QUESTIONS:
        ours = ClusterWorkspace(cluster).among().find(query, 8, **filtering)
        theirs = single.among().find(query, 8, **filtering, encode_seconds=0.0)
        assert told(ours) == told(theirs)


@pytest.mark.parametrize("name", NAMES)
def test_one_repository_answers_as_if_there_were_no_other(cluster, single, name):
    for query, filtering in QUESTIONS:
        ours = ClusterWorkspace(cluster).among([name]).find(query, 5, **filtering)
        theirs = single.among([name]).find(query, 5, **filtering, encode_seconds=0.0)
        assert told(ours) == told(theirs)


def test_a_question_takes_few_rounds(cluster, carrier):
    ClusterWorkspace(cluster).among().find("wait longer between attempts", 8)
    assert [method for group, method in carrier.calls if group == "one"] == ["count", "gather_whole", "show"]


def test_everything_else_is_read_too(cluster, single):
    workspace = ClusterWorkspace(cluster)
    assert workspace.names == single.names
    for name in NAMES:
        with workspace.opened(name) as ours, single.opened(name) as theirs:
            assert ours.paths() == theirs.paths()
            path = ours.paths()[-1]
            assert ours.read(path) == theirs.read(path)
            assert ours.outline(path) == theirs.outline(path)
            assert told(ours.similar(path, k=3)) == told(theirs.similar(path, k=3))
            assert ours.status(0.0).n_chunks == theirs.status(0.0).n_chunks
            assert ours.find("retry").index.n_files == theirs.find("retry").index.n_files
    block, other = workspace.among().context("retries", 500), single.among().context("retries", 500)
    assert block.text == other.text
    assert [f.path for f in workspace.among().files("retries").files] == [
        f.path for f in single.among().files("retries").files
    ]
    with pytest.raises(InputError, match="Unknown repository"):
        workspace.among(["nobody"])
    with pytest.raises(InputError, match="codesearch cluster index"):
        workspace.build("task_queue")


def test_who_does_not_answer_is_named_and_comes_back(cluster, carrier, single):
    workspace = ClusterWorkspace(cluster)
    whole = told(workspace.among().find("how are values stored", 8))
    carrier.gone.add("two")
    partial = workspace.among().find("how are values stored", 8)
    assert partial.notes[0].startswith(
        "1 shard did not answer (key_store): what they hold is not in this answer"
    )
    assert {p.repository for p in partial.passages} <= {"task_queue", "http_router"}
    theirs = single.among(["task_queue", "http_router"]).find("how are values stored", 8, encode_seconds=0.0)
    assert told(partial) == told(theirs)
    with pytest.raises(ClusterError, match="No shard answered"):
        workspace.among(["key_store"]).find("values")
    carrier.gone.clear()
    until = time.monotonic() + 60.0
    while cluster.gone() and time.monotonic() < until:
        time.sleep(0.05)
    again = workspace.among().find("how are values stored", 8)
    assert told(again) == whole
    assert not [note for note in again.notes if "did not answer" in note]


def test_a_refusal_is_the_askers_and_nobody_is_gone(cluster):
    with pytest.raises(InputError):
        ClusterWorkspace(cluster).among().find("x", mode="colbert", regex="(")
    assert not cluster.gone()


def test_of_many_shards_the_promising_ones_are_asked(cluster):
    few = Cluster(cluster.carrier, cluster.layout, replace(cluster.limits, fan_out=1))
    found = ClusterWorkspace(few).among().find("where is a request matched to a handler", 5)
    assert {p.repository for p in found.passages} == {"http_router"}
    assert found.notes[0].startswith("Asked 1 of 3 shards")


def test_a_damaged_cache_is_fetched_again(built):
    base, store, shards = built
    cache = base / "cache3"
    OpenShards(store, shards[:1], cache).close()
    (database,) = cache.glob("*/*/generations/*/index.db")
    database.write_bytes(b"x" * 100)
    with OpenShards(store, shards[:1], cache) as opened:
        assert opened.paths(shards[0].name)
