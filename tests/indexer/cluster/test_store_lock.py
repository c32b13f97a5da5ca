"""The lock of a store at a URL: who has it, and who gets it from a job that was killed."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from indexer.cluster import store_lock
from indexer.cluster.store_lock import HeldError, StoreLock

DEAD = json.dumps({"host": "node-7", "began": "2026-11-27 03:00:00 +0000", "job": "d"}).encode()


class Place:
    """Files of a place that puts on condition, by name; `writes` counts those of the lock."""

    def __init__(self, **files):
        self.files = files
        self.writes = 0
        self.when_created = {}

    def __call__(self, what, name, *arguments, **options):
        return getattr(self, what)(name, *arguments, **options)

    def pipe_file(self, name, content, mode="overwrite"):
        if mode == "create" and name in self.files:
            raise FileExistsError(name)
        self.files[name] = content
        self.writes += name == "lock"
        if name.startswith("lock.") and self.when_created:
            self.files |= self.when_created

    def cat_file(self, name):
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]

    def rm_file(self, name):
        del self.files[name]


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(store_lock, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(store_lock, "STALE_SECONDS", 0.02)


def held(place, told=None):
    return StoreLock(place, "lock").held((told if told is not None else []).append)


def test_a_lock_that_nobody_writes_is_taken_over_and_left_to_nobody():
    place, told = Place(lock=DEAD), []
    with held(place, told):
        assert json.loads(place.files["lock"])["job"] != "d"
        assert list(place.files) == ["lock"]
    assert place.files == {}
    assert told == [
        "It began 2026-11-27 03:00:00 +0000 on node-7. Whether it still runs is known in at most 0 s."
    ]


def test_a_holder_that_lives_keeps_it(monkeypatch):
    monkeypatch.setattr(store_lock, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(store_lock, "STALE_SECONDS", 60.0)
    place = Place()
    with held(place):
        with pytest.raises(HeldError, match=r"^It began 20.* on .*\.$"), held(place):
            pass
        assert place.writes > 1
    assert place.files == {}


def test_a_holder_that_ends_is_followed():
    place = Place(lock=DEAD)
    with StoreLock(place, "lock").held(lambda who: place.rm_file("lock")):
        assert json.loads(place.files["lock"])["job"] != "d"


def test_of_two_that_find_it_dead_one_goes_on():
    claim = f"lock.{hashlib.sha256(DEAD).hexdigest()[:16]}"
    place = Place(**{"lock": DEAD, claim: b""})
    with pytest.raises(HeldError, match=r"^It began 2026.* If no job runs, remove the file `lock` there\.$"):
        held(place).__enter__()
    assert place.files["lock"] == DEAD
    other = json.dumps({"host": "node-8", "began": "now", "job": "e"}).encode()
    place = Place(lock=DEAD)
    place.when_created = {"lock": other}  # the other was quicker, and is done with its claim
    with pytest.raises(HeldError, match=r"^It began now on node-8\.$"):
        held(place).__enter__()
    assert place.files == {"lock": other}


def test_who_was_taken_for_dead_leaves_the_lock_to_the_other(monkeypatch):
    monkeypatch.setattr(store_lock, "BEAT_SECONDS", 0.001)
    place = Place()
    with held(place):
        place.files["lock"] = DEAD
        for each in threading.enumerate():
            if each.name == "store lock":
                each.join(60)
                assert not each.is_alive()
    assert place.files == {"lock": DEAD}
