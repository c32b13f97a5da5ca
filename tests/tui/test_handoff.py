"""What leaves the application: command lines, context blocks, files, clipboard tools."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from codesearch.answers.counting import counter_for
from indexer.errors import InputError, StorageError
from indexer.records import ComponentScores, Evidence, Passage
from tui.handoff import context_block, copy_with_tool, editor_command, export, markdown_of
from tui.session import Result


def result(path="a.py", text="x = 1\n", n_tokens=100, symbol="", language="python"):
    evidence = Evidence(ComponentScores(), (), ())
    passage = Passage(path, 3, 3, text, language, symbol, "function", 1.0, n_tokens, evidence)
    return Result("repo", Path("/repo"), passage)


@pytest.fixture
def programs(tmp_path):
    """Names of programs that exist, in a folder of their own."""

    def make(*names: str, script: str = "#!/bin/sh\n") -> dict[str, str]:
        for name in names:
            (tmp_path / name).write_text(script)
            (tmp_path / name).chmod(0o755)
        return {"PATH": str(tmp_path)}

    return make


@pytest.mark.parametrize(
    ("editor", "arguments"),
    [
        ("vim", ["vim", "+7", "/r/a b.py"]),
        ("nano", ["nano", "+7", "/r/a b.py"]),
        ("emacsclient -t", ["emacsclient", "-t", "+7", "/r/a b.py"]),
        ("code --wait", ["code", "--wait", "--goto", "/r/a b.py:7"]),
        ("hx", ["hx", "/r/a b.py:7"]),
        ("pycharm", ["pycharm", "--line", "7", "/r/a b.py"]),
        ("ed", ["ed", "/r/a b.py"]),
    ],
)
def test_each_editor_is_told_the_line_in_its_way(programs, editor, arguments):
    environment = programs(editor.split()[0]) | {"EDITOR": editor}
    program, *others = editor_command(environment, Path("/r/a b.py"), 7)
    assert program == f"{environment['PATH']}/{arguments[0]}"
    assert others == arguments[1:]


def test_visual_comes_before_editor(programs):
    environment = programs("vim", "nano") | {"EDITOR": "vim", "VISUAL": "nano"}
    assert editor_command(environment, Path("/a"), 1)[0].endswith("/nano")


@pytest.mark.parametrize(
    ("editor", "sentence"),
    [
        ("nowhere-to-be-found", "was not found"),
        ("'unbalanced", "not a command line"),
        ("  ", "was not found"),
    ],
)
def test_a_missing_editor_is_a_sentence(programs, editor, sentence):
    with pytest.raises(InputError, match=sentence):
        editor_command(programs("vim") | {"EDITOR": editor}, Path("/a"), 1)


def test_without_any_editor_the_sentence_says_how_to_set_one():
    with pytest.raises(InputError, match="EDITOR=vim"):
        editor_command({"PATH": "/nonexistent"}, Path("/a"), 1)


@pytest.mark.parametrize("path", [".", "", ":/nonexistent", "/nonexistent:."])
def test_no_program_of_the_folder_one_is_in_is_run(programs, tmp_path, monkeypatch, path):
    programs("vim", "nano", "wl-copy")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="was not found"):
        editor_command({"EDITOR": "vim", "PATH": path}, Path("/a"), 1)
    assert not copy_with_tool("x", {"WAYLAND_DISPLAY": "w", "PATH": path})


def test_markdown_says_where_it_is_from():
    assert markdown_of(result(symbol="f")) == "### a.py:3-3 (function f)\n\n```python\nx = 1\n```\n"


def test_a_fence_is_longer_than_any_in_the_text():
    assert markdown_of(result(text="```\ncode\n```\n")).count("````") == 2


def test_a_context_block_stays_in_its_budget_and_skips_what_does_not_fit():
    results = [result("a.py"), result("b.py", text="more = 1\n" * 200), result("c.py")]
    block = context_block(results, 100)
    assert (block.n_passages, block.n_omitted) == (2, 1)
    assert block.n_tokens == counter_for(None).count(block.text) <= 100
    assert "a.py" in block.text
    assert "c.py" in block.text
    assert "b.py" not in block.text


def test_a_budget_for_nothing_is_a_sentence():
    with pytest.raises(InputError, match="raise the budget"):
        context_block([result()], 5)


def test_control_characters_of_a_passage_are_shown_not_copied():
    text = markdown_of(result("a\x1b[2J.py", text="x = 1\x1b]52;c;aGk=\x07\n"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "x = 1␛]52;c;aGk=␇\n" in text


def test_export_writes_all_and_never_over_a_file(tmp_path):
    path = tmp_path / "out.md"
    n_bytes = export(path, "the question", [result(), result("b.py")])
    text = path.read_text()
    assert text.startswith("# the question\n\n### a.py:3-3")
    assert n_bytes == len(text.encode())
    with pytest.raises(InputError, match="exists already"):
        export(path, "q", [result()])
    assert path.read_text() == text


def test_export_to_places_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        export(tmp_path, "q", [result()])
    with pytest.raises(InputError, match="no folder"):
        export(tmp_path / "none" / "a.md", "q", [result()])


def test_export_to_a_full_disk(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageError, match="No space left"):
        export(tmp_path / "a.md", "q", [result()])


def test_the_desktops_clipboard_gets_the_text(tmp_path, programs):
    if os.uname().sysname == "Darwin":
        pytest.skip("pbcopy is always there")
    where = tmp_path / "clipboard"
    path = programs("wl-copy", script=f"#!/bin/sh\n/bin/cat > {where}\n")["PATH"]
    assert copy_with_tool("täxt", {"WAYLAND_DISPLAY": "w", "PATH": path})
    assert where.read_text() == "täxt"
    assert not copy_with_tool("x", {"DISPLAY": ":0", "PATH": path}), "xclip is not there"
    assert not copy_with_tool("x", {"PATH": path}), "no desktop"


def test_a_failing_clipboard_is_said(programs):
    environment = programs("xclip", script="#!/bin/sh\nexit 1\n")
    assert not copy_with_tool("x", environment | {"DISPLAY": ":0"})


def test_results_are_values():
    assert replace(result(), repository="other").place == "a.py:3"
