"""`codesearch cluster index` on a real Ray: what it builds, finds again, and says of what fails."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from codesearch.cli.main import cli
from indexer.cluster.catalogue import read_catalogue, shards_to_serve
from indexer.cluster.store import SHARDS, WORDS, open_store


def index(catalogue, store, *more):
    command = ["cluster", "index", catalogue, "--store", store, "--threads", 1, *more]
    return CliRunner().invoke(cli, list(map(str, command)))


def test_a_job_builds_what_is_missing_and_nothing_twice(ray, write_catalogue, tmp_path):
    # As any URL that fsspec reaches, where `file://` is a folder.
    catalogue, store = write_catalogue("task_queue", "billing"), f"local://{tmp_path}/store"
    done = index(catalogue, store, "--json", "--workers", 2)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["n_encoded_tokens"] == report["n_tokens"] > 0
    entries = read_catalogue(catalogue)
    assert [entry.repository for entry in entries] == ["task_queue", "billing"]
    shards = shards_to_serve(entries)
    kept = open_store(store)
    assert all(kept.has(SHARDS, each.digest, each.sha256) for each in shards)
    assert not any(kept.facts(WORDS, each.digest) for each in shards)

    # A third comes, one of which the folder is gone: what is there is found, and what fails is said.
    with catalogue.open("a") as file:
        file.write(json.dumps({"repository": "gone", "folder": str(tmp_path / "gone")}) + "\n")
    again = index(catalogue, store)
    assert again.exit_code == 1
    assert "gone: There is no such folder" in again.stderr
    assert "Nothing had to be encoded" in again.stdout
    assert read_catalogue(catalogue)[:2] == entries
    assert not read_catalogue(catalogue)[2].is_built


def test_two_jobs_on_one_store_are_not_begun(ray, write_catalogue, tmp_path):
    with open_store(str(tmp_path)).locked():
        done = index(write_catalogue("billing"), tmp_path)
    assert done.exit_code == 2
    assert "Another job writes to the store" in done.stderr


def test_a_store_that_cannot_be_written_is_a_sentence(ray, write_catalogue, tmp_path):
    (tmp_path / "file").write_text("")
    for store in (f"{tmp_path}/file/store", f"local://{tmp_path}/file/store"):
        done = index(write_catalogue("billing"), store)
        assert done.exit_code == 2
        assert f"The store {store} cannot be written (Not a directory)" in done.stderr
        assert done.stderr.count("\n") == 1


def test_too_many_workers_are_refused_in_a_sentence(ray, write_catalogue, tmp_path):
    done = index(write_catalogue("billing"), tmp_path, "--workers", 1000)
    assert done.exit_code == 2
    assert "too few for 1,000 workers" in done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "auto"])
def test_no_cluster_is_a_sentence(write_catalogue, tmp_path, address, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", _refuse)
    done = index(write_catalogue("billing"), tmp_path / "store", "--address", address)
    assert done.exit_code == 2
    assert ("There is no Ray cluster" in done.stderr) or ("give local, auto or HOST:PORT" in done.stderr)
    assert done.stderr.count("\n") == 1


def _refuse(**_):
    raise ConnectionError("Could not find any running Ray instance.")


def test_another_version_is_a_sentence(write_catalogue, tmp_path, monkeypatch):
    def mismatch(**_):
        raise RuntimeError("Version mismatch: The cluster was started with: Ray: 2.9.0 Python: 3.10.1.")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", mismatch)
    done = index(write_catalogue("billing"), tmp_path / "store", "--address", "auto")
    assert done.exit_code == 2
    assert "another version of Ray or Python" in done.stderr
