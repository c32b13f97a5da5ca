"""A catalogue behind Ray Serve: the answers of one machine, without whoever is gone, and then whole again."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner

from codesearch import Workspace
from codesearch.cli.cluster import application
from codesearch.cli.main import cli
from indexer.cluster.catalogue import Entry, read_catalogue, shards_to_serve, write_catalogue
from indexer.cluster.layout import Limits
from indexer.cluster.planning import Limits as Sizes
from indexer.cluster.planning import plan_shards, recipe_of, survey
from indexer.cluster.serving import Served, Serving, join, serve_catalogue
from indexer.cluster.shard_build import ShardEncoder, Workplace, read_shard, take_in
from indexer.cluster.store import SHARDS, open_store
from indexer.cluster.trees import Source
from indexer.errors import IndexMissingError
from indexer.models.checkpoint import open_checkpoint
from indexer.settings import BuildSettings

QUESTION = "how are values stored"


@pytest.fixture(scope="module")
def built(trees, tmp_path_factory, one_encoder):
    """A catalogue whose shards are in a store, one a repository; Ray builds them in `test_index.py`."""
    base = tmp_path_factory.mktemp("built")
    at = Workplace(open_store(f"local://{base}/store"), BuildSettings(), "0", str(base))
    at.store.check_writable()
    sizes, recipe = Sizes(shared_tokens=0), recipe_of(at.settings)
    entries = []
    for folder in sorted(trees.iterdir()):
        seen = survey(Source(folder.name, str(folder)), base, at.settings, sizes)
        (plan,) = plan_shards([seen], recipe, [], sizes)
        made = ShardEncoder(at).finish(plan, read_shard(plan, at))
        counts = made.n_files, made.n_chunks, made.n_tokens, made.n_bytes
        model = at.settings.model, open_checkpoint(at.settings.model).fingerprint
        done = plan.name, made.digest, made.sha256
        entries.append(Entry(folder.name, str(folder), "", *done, *counts, *model))
    write_catalogue(base / "cat.jsonl", entries)
    return base, base / "cat.jsonl", at.store


@pytest.fixture(scope="module")
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def serve(ray, built, port):
    """Serves some of the catalogue's entries."""
    base, _, store = built

    def begin(entries):
        how = Serving(store, base / "cache", 2, 1, port=port, n_cpus=0.5, limits=Limits(answer_seconds=60.0))
        app = partial(application, hosts=frozenset({"127.0.0.1"}), token=None, tokenizer=None)
        first = entries[0]
        serve_catalogue(ray, Served(shards_to_serve(entries), first.model, first.fingerprint), how, app)

    yield begin
    ray.serve.shutdown()


@pytest.fixture(scope="module")
def served(serve, built):
    serve(read_catalogue(built[1]))


@pytest.fixture(scope="module")
def single(built, trees):
    base, catalogue, store = built
    names = []
    for shard in shards_to_serve(read_catalogue(catalogue)):
        take_in(store, (SHARDS, shard.digest, shard.sha256), trees / shard.name, base / "single")
        names.append(shard.name)
    with Workspace([trees / name for name in names], state=base / "single", follow=False) as workspace:
        yield workspace


def ask(port, path, body=None, host="127.0.0.1"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {
            "Host": host,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content[:1] in b"{[" else content
    finally:
        connection.close()


def test_answers_are_those_of_one_machine(served, single, port):
    for query in (QUESTION, "where is a request matched to a handler", "retry"):
        status, ours = ask(port, "/v1/search", {"query": query, "repositories": ["*"], "k": 6})
        theirs = single.among().find(query, 6, encode_seconds=0.0)
        assert status == 200
        assert [p["score"] for p in ours["passages"]] == [p.score for p in theirs.passages]
        assert [p["start_line"] for p in ours["passages"]] == [p.start_line for p in theirs.passages]
        assert not ours.get("notes")
    with Workspace.open("ray://auto") as workspace:
        assert workspace.names == single.names
        ours, theirs = (
            workspace.among().find(QUESTION, 6),
            single.among().find(QUESTION, 6, encode_seconds=0.0),
        )
        assert ours.passages == theirs.passages
    done = CliRunner().invoke(cli, ["search", QUESTION, "ray://auto", "-k", "3", "--format", "json"])
    assert done.exit_code == 0, done.output
    assert [p["score"] for p in json.loads(done.stdout)["passages"]] == [p.score for p in theirs.passages[:3]]


def test_the_surface_is_that_of_one_server(served, single, port):
    assert ask(port, "/readyz")[0] in (200, 503)
    names = [each["name"] for each in ask(port, "/v1/repositories")[1]["repositories"]]
    assert names == list(single.names)
    status, answer = ask(port, "/v1/read", {"repo": names[0], "path": "README.md"})
    assert status in (200, 400), answer
    assert ask(port, "/v1/status", {"repo": names[0]})[1]["model"] == "codesearch-edge"
    listed = ask(port, "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
    assert "search" in str(listed[1])
    assert ask(port, "/own", {"root": "x", "verb": "find"})[0] == 404, "is the user's own socket's alone"
    assert ask(port, "/v1/search?query=x", host="evil.example")[0] == 403


def test_a_group_that_dies_is_named_and_comes_back(ray, served, port, single, within):
    cluster = join(ray)
    group = cluster.layout.group_of["key_store"]
    lost = sorted(name for name, own in cluster.layout.group_of.items() if own == group)
    ((name, namespace),) = _named(ray, f"::{group}#")
    ray.kill(ray.get_actor(name, namespace=namespace), no_restart=True)

    def question():
        return ask(port, "/v1/search", {"query": QUESTION, "repositories": ["*"], "k": 6})

    seen = []

    def is_whole():
        status, answer = question()
        assert status == 200, answer
        notes = " ".join(answer.get("notes", ()))
        if "did not answer" in notes:
            assert all(name in notes for name in lost)
            assert not {p["repository"] for p in answer["passages"]} & set(lost)
            seen.append(notes)
            return False
        theirs = single.among().find(QUESTION, 6, encode_seconds=0.0)
        assert [p["score"] for p in answer["passages"]] == [p.score for p in theirs.passages]
        return True

    within(120, is_whole)


def _named(ray, part):
    """Actors whose names have a part."""
    named = ray.util.list_named_actors(all_namespaces=True)
    return [(each["name"], each["namespace"]) for each in named if part in each["name"]]


def test_a_new_catalogue_is_taken_up_without_a_gap(ray, serve, served, built, port, within):
    entries = read_catalogue(built[1])
    fewer = [entry for entry in entries if entry.repository != "billing"]
    answers, stop = [], threading.Event()

    def hammer():
        while not stop.is_set():
            status, answer = ask(port, "/v1/search", {"query": "retry", "repositories": ["*"], "k": 2})
            answers.append(status if status == 200 else (status, answer))

    asking = threading.Thread(target=hammer)
    asking.start()
    try:
        serve(fewer)
        within(120, lambda: "billing" not in str(ask(port, "/v1/repositories")[1]))
    finally:
        stop.set()
        asking.join()
    assert answers
    assert [each for each in answers if each != 200] == []


def test_shards_that_the_store_lacks_are_named(serve, built):
    entries = read_catalogue(built[1])
    lost = [replace(entries[0], sha256="0" * 64), *entries[1:]]
    with pytest.raises(
        IndexMissingError, match=rf"lacks 1 of the 4 shards that the catalogue names \({entries[0].shard}\)"
    ):
        serve(lost)
