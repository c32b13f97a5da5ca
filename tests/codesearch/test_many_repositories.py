"""Three repositories asked as one answer alike in each front end; two folders of one name are told apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mcp import Client
from starlette.testclient import TestClient

from codesearch.agents.ask import Conversation
from codesearch.agents.mcp_server import make_server
from codesearch.api import CodeIndex
from codesearch.service.app import Service
from codesearch.service.operations import Operations
from codesearch.workspace import Workspace
from indexer.records import Mode, SearchRequest
from indexer.settings import STATE_FOLDER
from tui.app import CodeIndexEngine
from tui.session import Workspace as Session

SAMPLES = Path(__file__).parents[2] / "sample_repos"
QUESTION = "how are names matched to handlers"
K = 12


@pytest.fixture(scope="module")
def roots(tmp_path_factory, task_queue):
    """Copies of three samples, indexed; one lies in a folder of the name of another."""
    folder = tmp_path_factory.mktemp("many")
    copies = [shutil.copytree(task_queue, folder / "a" / "app")]
    for name, place in (("mailer", "b/app"), ("http_router", "http_router")):
        root = folder / place
        shutil.copytree(SAMPLES / name, root, ignore=shutil.ignore_patterns(STATE_FOLDER, "__pycache__"))
        CodeIndex.build(root).close()
        copies.append(root)
    return copies


@pytest.fixture(scope="module")
def expected(roots):
    """What the library answers: repository, path, first and last line, best first."""
    with Workspace(roots) as workspace:
        passages = workspace.find(QUESTION, K).passages
    found = [(p.repository, p.path, p.start_line, p.end_line) for p in passages]
    assert {repository for repository, *_ in found} == {"a/app", "b/app", "http_router"}
    assert len(found) == K
    return found


def places(value):
    """The same of a JSON answer."""
    return [(p["repository"], p["path"], p["start_line"], p["end_line"]) for p in value["passages"]]


def test_the_command_line(run, roots, expected):
    """Its paths are the library's, or lead there from where one stands."""
    found = places(json.loads(run("search", QUESTION, *roots, "-k", K, "--json").stdout))
    assert [(name, *lines) for name, _, *lines in found] == [(name, *lines) for name, _, *lines in expected]
    assert all(typed[1].endswith(own[1]) for typed, own in zip(found, expected, strict=True))
    block = json.loads(run("context", QUESTION, *roots, "--format", "json").stdout)
    assert {p["repository"] for p in block["passages"]} == {"a/app", "b/app", "http_router"}


async def test_agents(roots, expected):
    async with Client(make_server(roots)) as client:
        asked = {"query": QUESTION, "k": K, "format": "json", "repositories": ["*"]}
        result = await client.call_tool("search", asked)
        assert not result.is_error
        assert places(json.loads(result.content[0].text)) == expected
        two = await client.call_tool("search", asked | {"repositories": ["a/app", "b/app"]})
        assert {p["repository"] for p in json.loads(two.content[0].text)["passages"]} == {"a/app", "b/app"}


def test_the_server(roots, expected):
    with (
        Workspace(roots) as workspace,
        TestClient(Service(Operations(workspace)).app, base_url="http://127.0.0.1") as client,
    ):
        asked = {"query": QUESTION, "k": K, "repositories": ["*"]}
        assert places(client.post("/v1/search", json=asked).json()) == expected


def test_the_terminal_application(roots, expected):
    session = Session(CodeIndexEngine(), roots)
    try:
        names = [state.name for state in session.open()]
        answer = session.search(SearchRequest(QUESTION, K, Mode.HYBRID), names, lambda: False)
    finally:
        session.close()
    found = [(r.repository, r.passage.path, r.passage.start_line, r.passage.end_line) for r in answer.results]
    assert found == expected


def test_ask(roots, expected):
    with Workspace(roots) as workspace:
        turn = Conversation(workspace, None, budget_tokens=1500).retrieve(QUESTION)
    cited = {(p.repository, p.path) for p in turn.context.passages}
    assert expected[0][:2] in cited
    assert len({repository for repository, _ in cited}) > 1
