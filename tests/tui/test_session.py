"""Several repositories as one: names, merging, failures, and searches that were overtaken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from codesearch.answers.findings import Found
from indexer.errors import CodesearchError, IndexCorruptError, InputError, StorageError
from indexer.records import SearchRequest
from tui.engine import CodeIndexEngine
from tui.session import Workspace

NEVER = lambda: False  # noqa: E731


@pytest.fixture
def workspace(engine, lighthouse):
    import shutil

    shutil.copytree(lighthouse, "harbour")
    made = Workspace(engine, (lighthouse, Path("harbour")))
    made.open()
    return made


def test_results_of_all_are_merged_best_first(workspace):
    answer = workspace.search(SearchRequest("oil", k=4), (), NEVER)
    scores = [result.passage.confidence for result in answer.results]
    assert scores == [0.92, 0.92, 0.71, 0.71]
    assert {result.repository for result in answer.results} == {"lighthouse", "harbour"}


def test_scope_asks_only_those(workspace, engine):
    answer = workspace.search(SearchRequest("oil"), ("harbour",), NEVER)
    assert {result.repository for result in answer.results} == {"harbour"}
    assert len(engine.requests) == 1


def test_an_overtaken_search_does_not_begin(workspace, engine):
    assert workspace.search(SearchRequest("oil"), (), lambda: True) is None
    assert engine.requests == []


def test_searches_take_turns_and_those_overtaken_while_waiting_never_run(workspace, engine):
    engine.gate.clear()
    first = Thread(target=workspace.search, args=(SearchRequest("first"), (), NEVER))
    first.start()
    assert engine.searching.wait(10)
    overtaken = Event()
    answers: list[object] = []
    second = Thread(
        target=lambda: answers.append(workspace.search(SearchRequest("second"), (), overtaken.is_set))
    )
    second.start()
    overtaken.set()
    engine.gate.set()
    first.join(10)
    second.join(10)
    assert answers == [None]
    assert {request.query for request in engine.requests} == {"first"}


def test_a_failure_of_one_is_a_note(workspace, engine, monkeypatch):
    original = type(workspace._slots[0].repository).search

    def search(self, request):
        if self.root.name == "harbour":
            raise StorageError("The disk does not answer.")
        return original(self, request)

    monkeypatch.setattr(type(workspace._slots[0].repository), "search", search)
    answer = workspace.search(SearchRequest("oil"), (), NEVER)
    assert answer.notes == ("harbour: The disk does not answer.",)
    assert {result.repository for result in answer.results} == {"lighthouse"}


def test_a_failure_of_all_is_an_error(workspace, engine):
    engine.fails_with = StorageError("The disk does not answer.")
    with pytest.raises(CodesearchError, match="lighthouse: The disk"):
        workspace.search(SearchRequest("oil"), (), NEVER)


def test_a_request_that_cannot_be_served_is_nobodys_failure(workspace, engine):
    engine.fails_with = InputError("The regular expression is broken.")
    with pytest.raises(InputError, match="broken"):
        workspace.search(SearchRequest("oil", regex="("), (), NEVER)
    assert all(state.status is not None for state in workspace.states())


def test_an_index_that_went_away_is_searched_as_text_from_then_on(workspace, engine):
    engine.fails_with = IndexCorruptError("The index was deleted.")
    with pytest.raises(CodesearchError, match="deleted"):
        workspace.search(SearchRequest("oil"), (), NEVER)
    engine.fails_with = None
    states = workspace.states()
    assert [(state.status, state.problem) for state in states] == [(None, "The index was deleted.")] * 2
    assert workspace.search(SearchRequest("oil"), (), NEVER).results


def test_without_any_index_or_text_the_problem_is_said(engine):
    engine.indexed = False
    workspace = Workspace(engine, (Path("empty"),))
    states = workspace.open()
    assert not states[0].is_searchable
    with pytest.raises(InputError, match="There is no index in empty"):
        workspace.search(SearchRequest("oil"), (), NEVER)


def test_similar_stays_in_the_repository_of_the_passage(workspace):
    result = workspace.search(SearchRequest("oil"), ("harbour",), NEVER).results[0]
    assert {r.repository for r in workspace.similar(result, 5, NEVER).results} == {"harbour"}


def test_definitions_come_from_all(workspace):
    answer = workspace.definitions("LampError", 10, (), NEVER)
    assert [(r.repository, r.passage.symbol) for r in answer.results] == [
        ("lighthouse", "LampError"),
        ("harbour", "LampError"),
    ]


def test_opening_says_nothing_of_staleness_and_refreshing_does(workspace):
    assert workspace.states()[0].status.stale == ()
    assert len(workspace.refresh()[0].status.stale) == 2


def test_refreshing_opens_what_was_built_meanwhile(engine, lighthouse):
    engine.indexed = False
    workspace = Workspace(engine, (lighthouse,))
    assert workspace.open()[0].status is None
    engine.indexed = True
    assert workspace.refresh()[0].status is not None


def test_closing_closes_all_and_reopening_closes_the_old_one(workspace, engine):
    workspace.open(Path("harbour"))
    assert engine.closed == [Path("harbour")]
    workspace.close()
    assert engine.closed == [Path("harbour"), Path("lighthouse"), Path("harbour")]


def test_a_place_is_what_editors_understand(workspace):
    assert workspace.search(SearchRequest("oil"), (), NEVER).results[0].place == "keeper.py:26"


def test_several_indexes_are_ranked_by_the_engine_and_never_by_their_scores(workspace, engine, monkeypatch):
    workspace.open()
    low = engine.open(Path("lighthouse")).search(SearchRequest("oil")).passages[0]
    asked = []

    def together(repositories, request):
        asked.append(sorted(repositories))
        return Found([replace(low, repository=name, score=n) for n, name in enumerate(repositories)])

    monkeypatch.setattr(engine, "search_together", together, raising=False)
    answer = workspace.search(SearchRequest("oil"), (), NEVER)
    names = [state.name for state in workspace.states()]
    assert asked == [sorted(names)]
    assert [result.repository for result in answer.results] == names
    assert [result.passage.repository for result in answer.results] == [""] * len(names)


def test_the_library_s_engine_asks_indexes_together(task_queue):
    engine = CodeIndexEngine()
    opened = {name: engine.open(task_queue) for name in ("one", "two")}
    found = engine.search_together(opened, SearchRequest("how long between attempts"))
    for repository in opened.values():
        repository.close()
    assert found.passages
    assert {passage.repository for passage in found.passages} <= {"one", "two"}
