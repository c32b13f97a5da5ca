"""The library behind the application, with the bundled model."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from codesearch.answers.drafts import TEXT_NOT_HERE
from codesearch.api import CodeIndex
from indexer.disk.state_place import state_folder
from indexer.disk.write_lock import write_lock
from indexer.errors import BuildInterruptedError, CodesearchError, IndexMissingError
from indexer.records import SearchRequest
from indexer.storage.generations import prepare_state
from indexer.travel.exporting import export_index
from indexer.travel.header import WORDS
from indexer.travel.importing import ImportRules, import_archive
from tests.git_command import git
from tui.command import command, folders
from tui.engine import CodeIndexEngine, IndexedRepository
from tui.session import Workspace


@pytest.fixture
def repository(task_queue):
    opened = CodeIndexEngine().open(task_queue)
    yield opened
    opened.close()


def test_real_passages_come_with_places_for_their_evidence(repository, task_queue):
    found = repository.search(SearchRequest("what happens when a job keeps failing", k=5))
    assert any(passage.path == "millrace/worker.py" for passage in found.passages)
    for passage in found.passages:
        text = (task_queue / passage.path).read_text()
        lines = text.splitlines(keepends=True)
        assert passage.start_char == sum(map(len, lines[: passage.start_line - 1]))
        for match in passage.evidence.matches:
            assert text[match.start_char : match.end_char] == match.code_word


def test_real_definitions_are_exact(repository):
    (found,) = repository.definitions("BackoffPolicy", 5).passages
    assert (found.path, found.symbol, found.kind) == ("millrace/backoff.py", "BackoffPolicy", "class")
    assert "class BackoffPolicy" in found.text
    assert repository.definitions("nowhere", 5).passages == []


def test_real_similar_passages_leave_the_passage_itself_out(repository):
    passage = repository.search(SearchRequest("bury a job", k=1)).passages[0]
    others = repository.similar(passage, 3).passages
    assert others
    assert all((p.path, p.start_line) != (passage.path, passage.start_line) for p in others)


def test_real_status(repository):
    status = repository.status(looks_at_disk=False)
    assert (status.n_files > 10, status.stale) == (True, ())
    assert {"python", "markdown"} <= set(status.languages)


def test_a_newer_build_is_followed_and_a_deleted_index_said(tmp_path, task_queue, one_encoder):
    root = tmp_path / "task_queue"
    shutil.copytree(task_queue, root)
    repository = IndexedRepository(root)
    (root / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    assert "tides.py  new" in repository.status(looks_at_disk=True).stale
    assert repository.search(SearchRequest("retry")).notes == ()  # the screen says it of the whole repository
    assert "has a word of the query" in " ".join(repository.search(SearchRequest("zzqx")).notes)
    CodeIndexEngine().build(root, lambda progress: None)
    assert repository.definitions("high_water", 1).passages[0].path == "tides.py"
    shutil.rmtree(root / ".codesearch")
    with pytest.raises(IndexMissingError, match="deleted while it was open"):
        repository.search(SearchRequest("oil"))
    repository.close()


def test_an_index_that_cannot_be_used_is_made_anew(tmp_path, one_encoder):
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    engine = CodeIndexEngine()
    engine.build(tmp_path, lambda progress: None)
    manifest = tmp_path / ".codesearch" / "manifest.json"
    manifest.write_text("{damaged")
    with pytest.raises(CodesearchError):
        engine.open(tmp_path)
    assert engine.build(tmp_path, lambda progress: None).n_files == 1
    engine.open(tmp_path).close()


def test_a_folder_without_an_index_is_not_the_one_above(task_queue):
    with pytest.raises(IndexMissingError, match="F9 builds it"):
        CodeIndexEngine().open(task_queue / "millrace")


def test_what_progress_raises_ends_a_real_build(tmp_path):
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")

    def cancel(progress):
        raise BuildInterruptedError("Stop.")

    with pytest.raises(BuildInterruptedError):
        CodeIndexEngine().build(tmp_path, cancel)
    assert not (tmp_path / ".codesearch" / "manifest.json").exists()


def test_a_revision_is_asked_in_place_of_the_files(tmp_path, one_encoder):
    root = tmp_path / "harbour"
    root.mkdir()
    (root / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1.2")
    done = CliRunner().invoke(command, [str(root), "--rev", "v1.2"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "`codesearch index --rev NAME` indexes a branch, a tag or a commit" in done.stderr
    engine = CodeIndexEngine(revision="v1.2")
    assert engine.build(root, lambda progress: None).n_files == 1
    (root / "tides.py").write_text("def low_water(day):\n    return day % 3\n")
    assert folders((root, root / "."), None, "v1.2") == [root]
    workspace = Workspace(engine, (root,), "v1.2")
    (state,) = workspace.open()
    assert (state.name, state.problem, state.status.stale) == ("harbour@v1.2", "", ())
    for answer in (
        workspace.search(SearchRequest("when is the water high"), (), lambda: False),
        workspace.definitions("high_water", 3, (), lambda: False),
    ):
        (result,) = answer.results
        assert (result.revision, result.passage.path) == ("v1.2", "tides.py@v1.2")
        assert "day % 2" in result.passage.text
    assert workspace.similar(result, 3, lambda: False).results == ()
    workspace.close()


def test_where_texts_did_not_travel_a_definition_is_its_place(task_queue, tmp_path, one_encoder):
    export_index(task_queue, tmp_path / "words.tar", "1.0", carries=WORDS)
    root = tmp_path / "nowhere"
    root.mkdir()
    with Path(tmp_path, "words.tar").open("rb") as raw:
        import_archive(raw, root, ImportRules())
    repository = CodeIndexEngine(builds=False).open(root)
    (found,) = repository.definitions("BackoffPolicy", 5).passages
    assert (found.path, found.symbol, found.has_text) == ("millrace/backoff.py", "BackoffPolicy", False)
    assert (found.text, found.omitted_lines) == (TEXT_NOT_HERE, ((found.start_line, found.end_line),))
    repository.close()


def test_while_another_process_makes_the_first_index_it_is_waited_for(tmp_path, one_encoder, monkeypatch):
    monkeypatch.setattr("tui.engine.WAIT_SECONDS", 0.0)
    monkeypatch.setattr("indexer.disk.write_lock.NOTE_SECONDS", 0.0)
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    engine = CodeIndexEngine()
    heard = []
    with ExitStack() as other:
        note = other.enter_context(write_lock(prepare_state(tmp_path)))

        def hear(progress):
            heard.append((progress.stage, progress.done, progress.total))
            note.tell("read", len(heard), 4)
            if len(heard) == 3:
                other.close()  # it was ended before it had published anything

        engine.prepare(tmp_path, hear)
    assert heard[:3] == [("wait", 0, 0), ("wait", 1, 4), ("wait", 2, 4)]
    assert heard[3][0] == "walk", "then it is made here"
    assert not engine.is_to_be_read(tmp_path)
    opened = engine.open(tmp_path)
    assert opened.definitions("high_water", 1).passages
    opened.close()


def test_what_another_process_encodes_is_followed_and_gone_on_with(tmp_path, one_encoder, monkeypatch):
    (tmp_path / "tides.py").write_text("def high_water(day):\n    return day % 2\n")
    CodeIndexEngine().prepare(tmp_path, lambda progress: None)
    begun = []
    monkeypatch.setattr(CodeIndex, "encode_in_background", lambda index: begun.append(index))
    with write_lock(state_folder(tmp_path)):
        repository = IndexedRepository(tmp_path, encodes=True)
        status = repository.status(looks_at_disk=False)
        assert (status.n_encoded, status.is_encoding) == (0, True)
        status = repository.with_vectors(status)
        assert status.is_encoding
        assert len(begun) == 1
        notes = repository.followed().find(SearchRequest("high water")).notes
        assert notes[-1].endswith("they are being encoded in the background.")
    for _ in range(2):
        status = repository.with_vectors(status)
    assert not status.is_encoding
    assert len(begun) == 2, "one that ends by itself is not begun again and again"
    repository.close()
