"""`codesearch cluster` without a cluster: what is wrong, or lacks the extra, is one sentence."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from codesearch.cli.main import cli


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "cat.jsonl"
    path.write_text(json.dumps({"repository": "web", "folder": str(tmp_path)}) + "\n")
    return path


def run(*arguments: object):
    return CliRunner().invoke(cli, ["cluster", *map(str, arguments)])


@pytest.fixture
def no_ray(monkeypatch):
    """A base installation: the extra `serve`, which `ray` brings along, is missing too."""
    for name in [name for name in sys.modules if name.startswith("codesearch.service")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("ray", "watchfiles", "uvicorn", "starlette"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("command", ["index", "serve"])
def test_without_the_extra_each_command_says_which_it_needs(no_ray, catalogue, tmp_path, command):
    done = run(command, catalogue, "--store", tmp_path / "store")
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        done.stderr == "codesearch: Clusters need the extra `ray`: `pip install 'codesearch-local[ray]'`.\n"
    )


def test_help_loads_no_ray(no_ray):
    assert run("--help").exit_code == 0
    assert "--store" in run("index", "--help").stdout


def test_a_search_of_a_cluster_needs_the_extra_too(no_ray):
    done = CliRunner().invoke(cli, ["search", "retry", "ray://auto"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "extra `ray`" in done.stderr


def test_what_is_wrong_is_said_before_anything_is_started(monkeypatch, catalogue, tmp_path):
    monkeypatch.setattr("indexer.cluster.connection.import_ray", lambda: None)
    for arguments, said in (
        (("index", tmp_path / "none", "--store", tmp_path), "There is no catalogue"),
        (("index", catalogue, "--store", tmp_path, "--workers", "-1"), "--workers is below zero"),
        (("serve", catalogue, "--store", tmp_path), "No repository of the catalogue is built yet"),
        (("serve", catalogue, "--store", tmp_path, "--host", "0.0.0.0"), "give --token-file"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
