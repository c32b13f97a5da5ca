"""Shell work as people do it: transcripts of commands in pipes, word for word, from four places."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from codesearch.cli.main import cli

GOLDEN = Path(__file__).parents[1] / "golden" / "shell"


@pytest.fixture(scope="module")
def trees(repository, tmp_path_factory):
    """Two trees, `one` and `two`, and a folder inside the first."""
    base = tmp_path_factory.mktemp("trees")
    shutil.copytree(repository, base / "one")
    (base / "two").mkdir()
    (base / "two" / "again.sh").write_text("# Wait before trying again.\nsleep 5\n")
    assert CliRunner().invoke(cli, ["index", "-q", str(base / "two")]).exit_code == 0
    return base


@pytest.mark.parametrize("name", ["root", "subfolder", "outside", "two_trees", "json"])
def test_transcripts(trees, name, monkeypatch, no_user_settings):
    """Each file: the folder, then commands after `$`, each with what the shell shows."""
    where, *transcript = (GOLDEN / f"{name}.txt").read_text("utf-8").splitlines(keepends=True)
    monkeypatch.chdir(trees / where.split()[1])
    shown = [where]
    for line in transcript:
        if line.startswith("$ "):
            shown += [line, _piped(line[2:])]
    assert "".join(shown) == "".join([where, *transcript])


def _piped(line: str) -> str:
    """What a line of a shell prints whose first command is codesearch, which runs in this process."""
    command, _, rest = line.partition(" | ")
    done = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert done.exit_code == 0, done.stderr
    if not rest:
        return done.stdout
    if rest.startswith("jq ") and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    piped = subprocess.run(["sh", "-c", rest], input=done.stdout_bytes, capture_output=True, check=True)
    return piped.stdout.decode()
