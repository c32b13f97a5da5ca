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
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.mark.parametrize("command", ["index"])
def test_without_the_extra_each_command_says_which_it_needs(no_ray, catalogue, tmp_path, command):
    done = run(command, catalogue, "--store", tmp_path / "store")
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        done.stderr == "codesearch: Clusters need the extra `ray`: `pip install 'codesearch-local[ray]'`.\n"
    )


def test_help_loads_no_ray(no_ray):
    assert run("--help").exit_code == 0
    assert "--store" in run("index", "--help").stdout
