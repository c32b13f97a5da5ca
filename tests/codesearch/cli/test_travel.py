"""Export and import as a person types them."""

from __future__ import annotations

import json
import shutil

import pytest

from codesearch.agents.mcp_server import compact
from codesearch.answers.drafts import TEXT_NOT_HERE
from codesearch.api import CodeIndex
from codesearch.known_repositories import known_roots
from indexer.errors import InputError
from indexer.settings import STATE_FOLDER
from tui.text.document import passage_document
from tui.text.shown_file import read_file

pytestmark = pytest.mark.usefixtures("one_encoder")


def test_an_index_travels_to_another_checkout(run, task_queue, tmp_path, monkeypatch):
    clone, second = tmp_path / "clone", tmp_path / "second"
    for folder in (clone, second):
        shutil.copytree(task_queue, folder, ignore=shutil.ignore_patterns(STATE_FOLDER))
    (second / "more.py").write_text("def more():\n    return 'of it'\n")
    out = tmp_path / "out.tar.gz"
    done = run("export", out, task_queue)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "the texts of" in done.stderr

    done = run("import", out, clone)
    assert done.exit_code == 0
    assert "can be searched; `codesearch index` adds what is new" in done.stdout
    assert known_roots() == (clone,)
    assert run("search", "retry with a delay", clone).exit_code == 0
    assert "Nothing had to be encoded" in run("index", clone).stdout

    assert run("export", tmp_path / "vectors.tar", task_queue, "--vectors-only").exit_code == 0
    done = run("import", tmp_path / "vectors.tar", second)
    assert done.exit_code == 0
    assert "`codesearch index` encodes the other 1." in done.stdout

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    shutil.rmtree(clone / STATE_FOLDER)
    done = run("import", out, clone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--trust" in done.stderr
    assert run("import", out, clone, "--trust").exit_code == 0


def test_without_texts_every_front_end_names_the_place_and_says_that_its_lines_are_not_here(
    run, task_queue, tmp_path
):
    folder = tmp_path / task_queue.name
    folder.mkdir()
    assert (
        "names and words of 17 files, no text."
        in run("export", tmp_path / "words.tar", task_queue, "--no-text").stderr
    )
    done = run("import", tmp_path / "words.tar", folder)
    assert "Its 17 files can be searched; passages are shown where this folder has the file" in done.stdout
    question = "how long to wait before a retry"
    sentence = TEXT_NOT_HERE.strip()

    done = run("search", question, folder, "-k", 3)
    assert done.exit_code == 0
    assert done.stdout.count(sentence) == 3
    assert "This folder differs by 17 files (17 deleted) from the index, which was imported" in done.stderr
    done = run("search", "retry", folder, "--regex", "def pause_after")
    assert done.exit_code == 1
    assert "the regular expression was tried only on files that this folder has" in done.stderr
    with CodeIndex.open(folder) as index, CodeIndex.open(task_queue) as whole:
        found, expected = index.find(question, k=20), whole.find(question, k=20)
        first = found.passages[0]
        assert (first.path, first.symbol) == (expected.passages[0].path, expected.passages[0].symbol)
        assert abs(first.start_line - expected.passages[0].start_line) < 5
        assert not first.has_text
        assert first.omitted_lines == ((first.start_line, first.end_line),)
        assert all(passage.text == TEXT_NOT_HERE for passage in found)
        assert len(found) > 10
        assert sentence in compact(found)  # as MCP answers
        assert [line.text for line in passage_document(first).lines] == [sentence]
        with pytest.raises(InputError, match="is not in this folder, and the index was imported without"):
            read_file(folder, first)
        with pytest.raises(InputError, match=r"The text of .* is not here: the index was imported without"):
            index.read(first.path)
        index.follow()  # does not take what is not here out of it
        assert len(index.paths()) == 17
    status = run("status", folder)
    assert "imported without; passages are shown of files that this folder has" in status.stdout
    assert json.loads(run("status", folder, "--json").stdout)["texts"] is False

    shutil.copytree(task_queue / "millrace", folder / "millrace")
    done = run("search", question, folder, "-k", 3, "--mode", "hybrid")
    assert "def pause_after" in done.stdout
    assert sentence not in done.stdout
    done = run("index", folder)
    assert "Nothing had to be encoded" in done.stdout
    assert json.loads(run("status", folder, "--json").stdout)["texts"] is True


def test_what_cannot_be_exported_or_imported_is_one_sentence(run, task_queue, tmp_path):
    for arguments, sentence in (
        (("export", tmp_path / "a.zip", task_queue), "Name the file with one of"),
        (("export", tmp_path / "a.tar", task_queue, "--no-text", "--vectors-only"), "give one of them"),
        (("export", tmp_path / "gone" / "a.tar", task_queue), "There is no such folder"),
        (("export", tmp_path / "a.tar", tmp_path), "There is no index"),
        (("import", tmp_path / "gone.tar", tmp_path), "cannot be read"),
        (("import", tmp_path, tmp_path), "holds no index"),
        (("import", "http://example.org/a.tar", tmp_path), "https:// address"),
        (("import", tmp_path / "a.tar", tmp_path, "--max-size", "lots"), "not a valid size"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
