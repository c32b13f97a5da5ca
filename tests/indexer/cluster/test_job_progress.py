"""Progress of a job: finished shards, and what is known of those that are being encoded."""

from __future__ import annotations

import threading

import pytest

from indexer.cluster import job_progress
from indexer.cluster.job_progress import JobCounter, Running, TokenReport
from indexer.cluster.planning import Plan


@pytest.fixture
def plans():
    return [
        Plan(name, name * 64, (), 0, 1, n_tokens) for name, n_tokens in (("a", 600), ("b", 300), ("c", 100))
    ]


def test_what_is_being_encoded_counts(plans, monkeypatch):
    monkeypatch.setattr(job_progress, "_PERIOD_SECONDS", 0.001)
    told, half = [], threading.Event()

    def on_progress(progress):
        told.append(progress)
        if progress.n_done_tokens == 400:
            half.set()

    with JobCounter(plans, 0.0, on_progress) as counter:
        counter.finished("b" * 64, is_encoded=True)
        counter.finished("c" * 64, is_encoded=False)  # the store had it: it is not to be encoded
        counter.watch(lambda: {"a" * 64: 100, "b" * 64: 300})
        assert half.wait(60)
        counter.finished("a" * 64, is_encoded=True)
    assert [(p.n_done, p.n_tokens, p.n_done_tokens) for p in told[:3]] == [
        (1, 1000, 300),
        (2, 900, 300),
        (2, 900, 400),
    ]
    assert (told[-1].n_done, told[-1].n_done_tokens, told[-1].left_seconds) == (3, 900, 0.0)


def test_a_job_goes_on_where_nobody_counts(plans, monkeypatch):
    monkeypatch.setattr(job_progress, "_PERIOD_SECONDS", 0.001)
    told, asked = [], threading.Event()

    def gone():
        asked.set()
        raise ConnectionError

    with JobCounter(plans, 0.0, told.append) as counter:
        counter.watch(gone)
        assert asked.wait(60)
        counter.finished("a" * 64, is_encoded=True)
    assert [progress.n_done for progress in told] == [1]


def test_an_actor_tells_at_most_once_a_second(monkeypatch):
    now, running = [0.0], Running()
    monkeypatch.setattr(job_progress.time, "monotonic", lambda: now[0])

    class Handle:
        class note:  # noqa: N801 - as Ray's handles have it
            remote = staticmethod(running.note)

    report = TokenReport(Handle, "a")
    for now[0] in (0.0, 0.5, 0.9, 1.0, 1.5):
        report(10)
    assert running.tokens() == {"a": 40}
