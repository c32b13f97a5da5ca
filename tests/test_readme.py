"""The README's commands and names exist, and its search prints what it shows."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_in_the_readme_exists():
    named = set(re.findall(r"^codesearch ([a-z-]+)", README, re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-m", "codesearch", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = set(re.findall(r"^  ([a-z-]+)", done.stdout, re.MULTILINE))
    assert named
    assert named <= listed


def test_every_command_and_extra_is_in_the_readme():
    from click import Context

    from codesearch.cli.main import cli

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    missing = [
        f"codesearch {name}" for name in cli.list_commands(Context(cli)) if f"codesearch {name}" not in README
    ]
    missing += [name for name in project["optional-dependencies"] if f"`{name}`" not in README]
    assert missing == []


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == {"run", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_search_in_the_readme_prints_what_it_shows(task_queue):
    from click.testing import CliRunner

    from codesearch.cli.main import cli

    command, shown = re.search(r"^\$ codesearch (search .*)\n((?:.*\n)*?)```$", README, re.MULTILINE).groups()
    words = shlex.split(command)
    with contextlib.chdir(task_queue):
        done = CliRunner().invoke(cli, words)
    scores = re.compile(r"  [0-9.]+$", re.MULTILINE)  # they change with every fit of the ranking
    assert scores.sub("", done.stdout) == scores.sub("", shown)
