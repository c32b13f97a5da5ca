"""The command line of the TUI: what it refuses before the terminal changes its face."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.errors import InputError
from tui.command import command, folders


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_without_a_terminal_it_says_what_works(tmp_path):
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "needs a terminal" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no such folder: nowhere."),
        (["a-file"], "a-file is a file; give the folder that holds it."),
        ([".", "--web", "--host", "0.0.0.0"], "is not a loopback address"),
        ([".", "--web", "--port", "70000"], "70000"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_refusals(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("")
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_a_browser_view_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "tui.web", raising=False)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    result = run(str(tmp_path), "--web")
    assert result.exit_code == 2
    assert result.stderr == (
        "codesearch: The browser view needs a package: pip install 'codesearch-local[web]'.\n"
    )


def test_folders_are_absolute_and_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    assert folders((Path("a"), tmp_path / "a", Path())) == [tmp_path / "a", tmp_path]


def test_a_folder_in_an_indexed_one_stands_for_that(tmp_path):
    (tmp_path / "repo" / ".codesearch").mkdir(parents=True)
    (tmp_path / "repo" / ".codesearch" / "manifest.json").write_text("{}")
    (tmp_path / "repo" / "deep" / "down").mkdir(parents=True)
    assert folders((tmp_path / "repo" / "deep" / "down",)) == [tmp_path / "repo"]


def test_a_broken_path_is_a_sentence():
    with pytest.raises(InputError, match="no such folder"):
        folders((Path("/nowhere/at/all"),))


def test_help_loads_no_textual():
    code = (
        "import sys; from click.testing import CliRunner; from tui.command import command;"
        "r = CliRunner().invoke(command, ['--help']); assert r.exit_code == 0 and 'PATHS' in r.output;"
        "sys.exit('textual' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
