"""Calls to workers: by turns, to another one where one went, and an answer that is there counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from indexer.cluster.hosts import NAMESPACE
from indexer.cluster.remote_shards import GroupGoneError
from indexer.cluster.workers import Workers


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class FakeRay:
    """Actors by name; what each says is an answer, an error, or None for nothing yet."""

    exceptions = SimpleNamespace(RayError=RayError, RayActorError=RayActorError)

    def __init__(self, **says):
        self.says, self.asked = says, []
        self.is_ready = dict.fromkeys(says, True)
        self.util = SimpleNamespace(list_named_actors=self.listed)

    def listed(self, all_namespaces):
        return [{"name": f"group/{name}", "namespace": NAMESPACE} for name in self.says]

    def get_actor(self, name, namespace):
        own = name.rpartition("/")[2]

        def ask(method, arguments):
            self.asked.append(own)
            return own

        ready = SimpleNamespace(remote=lambda: f"ready {own}")
        return SimpleNamespace(ask=SimpleNamespace(remote=ask), ready=ready)

    def wait(self, answers, timeout):
        is_there = [
            self.is_ready[each[6:]] if each.startswith("ready ") else self.says[each] is not None
            for each in answers
        ]
        return [each for each, there in zip(answers, is_there, strict=True) if there], []

    def get(self, answer, timeout=None):
        said = None if answer.startswith("ready ") else self.says[answer]
        if isinstance(said, Exception):
            raise said
        if said is None and not answer.startswith("ready "):
            raise TimeoutError
        return said

    def cancel(self, answer):
        pass


def test_replicas_are_asked_by_turns():
    ray = FakeRay(a="of a", b="of b")
    workers = Workers(ray)
    assert {workers.begin("group", "ping", ())(1.0) for _ in range(2)} == {"of a", "of b"}


def test_a_worker_that_is_not_ready_is_asked_where_there_is_no_other():
    ray = FakeRay(a="of a", b="of b")
    ray.is_ready["b"] = False
    workers = Workers(ray)
    assert {workers.begin("group", "ping", ())(1.0) for _ in range(4)} == {"of a"}
    ray = FakeRay(b="of b")
    ray.is_ready["b"] = False
    assert Workers(ray).begin("group", "ping", ())(1.0) == "of b"


def test_where_one_went_another_answers():
    ray = FakeRay(a=RayActorError("its node is gone"), b="of b")
    workers = Workers(ray)
    assert [workers.begin("group", "ping", ())(1.0) for _ in range(6)] == ["of b"] * 6
    assert ray.asked.count("a") == 1, "who is gone is not asked again until it is ready"


@pytest.mark.parametrize("said", [RayActorError("gone"), RayError("a bug"), None])
def test_a_group_without_an_answer_is_gone(said):
    ray = FakeRay(a=said)
    with pytest.raises(GroupGoneError) as error:
        Workers(ray).begin("group", "ping", ())(0.0)
    assert error.value.groups == ("group",)
    assert ray.asked == ["a"], "who is listed and gone is not asked for ever"
    with pytest.raises(GroupGoneError):
        Workers(FakeRay()).begin("group", "ping", ())(0.0)


def test_an_answer_that_is_there_counts_after_the_time():
    """Groups are waited for one after the other: one that is late takes no other's answer away."""
    assert Workers(FakeRay(a="of a")).begin("group", "ping", ())(-1.0) == "of a"
