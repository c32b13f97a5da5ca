import pytest
from millrace import Queue, handler, registry
from millrace.backoff import IMMEDIATE, GiveUp
from millrace.graveyard import resurrect, summarise
from millrace.job import JobState
from millrace.worker import Worker


@pytest.fixture
def queue(tmp_path):
    registry.forget_all()
    with Queue(tmp_path / "jobs.db") as queue:
        yield queue


def run_next(queue):
    worker = Worker(queue.storage, name="tester")
    queue.storage.wake_due()
    job = queue.storage.lease_next(worker.name, 60)
    return worker.run_one(job)


def test_a_job_runs_once(queue):
    seen = []
    handler("note")(lambda text: seen.append(text))
    queue.put("note", {"text": "hello"})
    assert run_next(queue) is JobState.DONE
    assert seen == ["hello"]
    assert queue.storage.lease_next("tester", 60) is None


def test_a_failing_job_dies_after_its_last_attempt_and_can_be_revived(queue):
    @handler("broken", max_attempts=2, backoff=IMMEDIATE)
    def broken():
        raise OSError("disk on fire")

    queue.put("broken")
    assert run_next(queue) is JobState.WAITING
    assert run_next(queue) is JobState.DEAD
    (epitaph,) = summarise(queue.storage)
    assert epitaph.cause == "OSError: disk on fire"
    assert resurrect(queue.storage, kind="broken") == 1
    assert run_next(queue) is JobState.DEAD


def test_giving_up_skips_the_remaining_attempts(queue):
    @handler("hopeless", max_attempts=9)
    def hopeless():
        raise GiveUp("no such account")

    queue.put("hopeless")
    assert run_next(queue) is JobState.DEAD


def test_urgent_jobs_go_first(queue):
    order = []
    handler("note")(lambda text: order.append(text))
    queue.put("note", {"text": "later"})
    queue.put("note", {"text": "now"}, priority=10)
    run_next(queue), run_next(queue)
    assert order == ["now", "later"]


def test_a_key_is_unique_only_while_the_job_is_unfinished(queue):
    handler("report")(lambda: None)
    assert queue.put("report", unique_key="march") is not None
    assert queue.put("report", unique_key="march") is None
    run_next(queue)
    assert queue.put("report", unique_key="march") is not None
