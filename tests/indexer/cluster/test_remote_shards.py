"""Shards that are asked from elsewhere answer as where they are open, whatever is cut off between them."""

from __future__ import annotations

import pickle
import shutil
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from indexer.build import build
from indexer.cluster import replica
from indexer.cluster.catalogue import Shard
from indexer.cluster.cluster_search import RemoteTogether
from indexer.cluster.layout import Cluster, Layout, Limits
from indexer.cluster.remote_shards import GroupGoneError
from indexer.cluster.replica import OpenShards, answer
from indexer.records import Mode, SearchRequest
from indexer.search import Searcher, Together
from indexer.settings import BuildSettings

SAMPLES = Path(__file__).parents[3] / "sample_repos"
NAMES = ("billing", "http_router", "key_store", "mailer")
GROUPS = ("a", "b", "a", "b")
"""Of each; neighbours in the catalogue are in different ones, so that order must be kept between them."""
SUFFIXES = (".go", ".java", ".md", ".py", ".rs", ".ts")
QUERIES = (
    "where is a request matched to a handler",
    "read(path) returns the value of a key",
    "Retry after a failure\n\nSending the invoice fails and `send` is not called again, see mail.py",
)


@pytest.fixture(scope="module")
def searchers(tmp_path_factory, one_encoder):
    base = tmp_path_factory.mktemp("shards")
    with ExitStack() as opened:
        found = {}
        for name in NAMES:
            for path in sorted((SAMPLES / name).rglob("*")):
                if path.suffix in SUFFIXES and path.stat().st_size < 4000 and path.parent.name[0] != ".":
                    target = base / name / path.relative_to(SAMPLES / name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, target)
            build(base / name, BuildSettings())
            found[name] = opened.enter_context(Searcher.open(base / name))
        yield found


class Here:
    """Brings calls to groups of this process, as bytes; a group in `gone` does not answer."""

    def __init__(self, groups, encode):
        self.groups, self._encode = groups, encode
        self.called, self.gone = [], set()

    def begin(self, group, method, arguments):
        self.called.append(method)
        sent = pickle.dumps(arguments)

        def wait(seconds):
            if group in self.gone:
                raise GroupGoneError([group])
            return pickle.loads(pickle.dumps(answer(self.groups[group], method, pickle.loads(sent))))

        return wait

    def encode(self, text, seconds):
        return self._encode(text)


def shards_of(group):
    return [
        Shard(name, name, "", 1, 1, (name,)) for name, own in zip(NAMES, GROUPS, strict=True) if own == group
    ]


@pytest.fixture
def carrier(searchers, monkeypatch):
    monkeypatch.setattr(
        replica, "open_cached", lambda store, shard, cache: nullcontext(searchers[shard.name])
    )
    groups = {group: OpenShards(None, shards_of(group), Path()) for group in set(GROUPS)}
    return Here(groups, searchers["billing"].generation.query_encoder.encode)


@pytest.fixture
def cluster(carrier):
    facts = {each.name: each for group in carrier.groups.values() for each in group.facts()}
    layout = Layout.of([facts[name] for name in NAMES], dict(zip(NAMES, GROUPS, strict=True)))
    return Cluster(carrier, layout, Limits(60.0))


@pytest.fixture
def ask(cluster):
    return lambda request, names=NAMES: told(RemoteTogether(cluster, names, narrow), request)


def narrow(facts, pieces, request):
    return request


def told(together, request):
    result = together.search(request)
    hits = [together.explain(result, hit) for hit in result.first(request.k + 3)]
    return (
        [(h.repository, h.start_char, h.end_char, h.score, h.scores, h.confidence, h.matches) for h in hits],
        result.n_candidates, result.has_words, result.is_weak, result.query,
    )  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("n_best", [3, 400])
@pytest.mark.parametrize("is_whole", [True, False])
def test_answers_are_those_of_open_shards(searchers, ask, carrier, monkeypatch, mode, n_best, is_whole):
    for module in ("indexer.fan_out", "indexer.cluster.remote_shards"):
        for limit in ("LEXICAL_REGIONS", "SYMBOL_SPANS", "SINGLE_ROWS"):
            monkeypatch.setattr(f"{module}.{limit}", n_best)
    monkeypatch.setattr("indexer.retrieve.candidates.FULL_SCAN_ROWS", 10**6 if is_whole else 0)
    for query in QUERIES:
        for filters in ({}, {"languages": ("go", "rust")}):
            request = SearchRequest(query, 8, mode, **filters)
            assert ask(request) == told(Together(searchers), request)
    assert ("nominate" in carrier.called) == (mode in (Mode.LEXICAL, Mode.SINGLE) or not is_whole)


def test_a_question_whose_words_are_known_goes_to_each_group_twice(ask, carrier):
    request = SearchRequest(QUERIES[0], 8)
    ask(request)
    carrier.called.clear()
    ask(request)
    assert carrier.called[:2] == ["gather_whole"] * 2
    assert set(carrier.called[2:]) == {"show"}


def test_shards_of_one_group_are_ranked_there(searchers, ask, carrier):
    for names in (("billing", "key_store"), ("mailer",)):
        own = {name: searchers[name] for name in names}
        request = SearchRequest(QUERIES[1], 6)
        carrier.called.clear()
        found = ask(request, names)
        assert set(carrier.called) == {"search_within"}
        theirs = told(Together(own) if len(own) > 1 else own["mailer"], request)
        assert [hit[1:] for hit in found[0]] == [hit[1:] for hit in theirs[0]]
        assert found[1:] == theirs[1:]


def test_a_group_that_is_gone_is_named_and_the_rest_answers_in_time(searchers, cluster, carrier, monkeypatch):
    asked = []
    monkeypatch.setattr(cluster, "_newest", lambda seconds: asked.append(seconds))
    carrier.gone.add("b")
    together = RemoteTogether(cluster, NAMES, narrow)
    request = SearchRequest(QUERIES[0], 8)
    own = {name: searchers[name] for name, group in zip(NAMES, GROUPS, strict=True) if group == "a"}
    try:
        assert told(together, request) == told(Together(own), request)
        assert together.missing_shards == ("http_router", "mailer")
        assert "2 shards did not answer (http_router, mailer)" in together.remarks()[0]
        assert len(asked) == 1
        assert asked[0] <= 0.2 * cluster.limits.answer_seconds, "the rest must have time to answer"
    finally:
        carrier.gone.clear()
