"""What a service answers, and whom it refuses: each row of its security table, in process."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from anyio.to_thread import current_default_thread_limiter
from starlette.testclient import TestClient

from codesearch.agents.mcp_server import agents_app
from codesearch.api import CodeIndex
from codesearch.service import guard
from codesearch.service.app import Service, ServiceSettings
from codesearch.service.guard import Access
from codesearch.service.operations import OPERATIONS, Answer, Operations
from codesearch.workspace import Workspace

HERE = "http://127.0.0.1:8766"
TOKEN = "a-token-of-sixteen-and-more"
OPEN_FILES = Path("/proc/self/fd")
HOSTILE = "<img src=x onerror=alert(1)>.py"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("served") / "shop"
    (root / "app").mkdir(parents=True)
    (root / "app" / "retry.py").write_text("def pause(attempt):\n    return 2**attempt  # delay of a retry\n")
    (root / HOSTILE).write_text("hostile = '</script><script>alert(1)</script>'\n")
    (root.parent / "secret.txt").write_text("outside\n")
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    CodeIndex.build(root).close()
    return root


def make_client(tree, access=None, *, log=None, n_waiting=64, client=("127.0.0.1", 5000)):
    workspace = Workspace([tree])
    settings = ServiceSettings(access or Access(), n_workers=1, n_waiting=n_waiting, log=log)
    service = Service(Operations(workspace), settings, agents=agents_app(workspace, read_only=True))
    return TestClient(service.app, base_url=HERE, client=client)


@pytest.fixture(scope="module")
def client(tree):
    with make_client(tree) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "parameters", "command"),
    [
        ("search", {"query": "retry delay", "k": 1},
         ["search", "retry delay", "-k", "1", "--format", "json"]),
        ("files", {"query": "retry delay"}, ["files", "retry delay", "--format", "json"]),
        ("similar", {"path": "app/retry.py", "k": 1},
         ["similar", "app/retry.py", "-k", "1", "--format", "json"]),
        ("context", {"query": "retry delay"}, ["context", "retry delay", "--format", "json"]),
        ("outline", {"path": "app"}, ["outline", "app", "--format", "json"]),
        ("status", {}, ["status", "--json"]),
    ],
)  # fmt: skip
def test_answers_are_those_of_the_command_line(tree, client, run_cli_in, path, parameters, command):
    printed = run_cli_in(tree, *command)
    if path in ("search", "files", "similar", "outline"):  # a server's paths are relative to the index
        printed = re.sub(r'"root": ".*",', '"root": null,', printed)
    assert client.get(f"/v1/{path}", params=parameters).text == printed
    assert client.post(f"/v1/{path}", json=parameters).text == printed


@pytest.fixture
def run_cli_in(monkeypatch):
    from click.testing import CliRunner

    from codesearch.cli.main import cli

    def run(folder: Path, *arguments: str) -> str:
        monkeypatch.chdir(folder)
        result = CliRunner().invoke(cli, list(arguments))
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return run


def test_read_and_repositories(tree, client):
    answer = client.get("/v1/read", params={"path": "app/retry.py:2-2"}).json()
    assert (answer["start_line"], answer["text"]) == (2, "    return 2**attempt  # delay of a retry\n")
    (repository,) = client.get("/v1/repositories").json()["repositories"]
    assert repository == {"name": "shop", "root": str(tree), "indexed": True}


def test_several_repositories_answer_in_one_ranking(tree, tmp_path):
    other = tmp_path / "depot"
    other.mkdir()
    (other / "store.py").write_text("def pause(job):\n    return job.retry_delay\n")
    CodeIndex.build(other).close()
    workspace = Workspace([tree, other])
    with (
        Workspace([tree, other]) as asked,
        TestClient(Service(Operations(workspace)).app, base_url=HERE) as client,
    ):
        for given in (["*"], ["shop", "depot"]):
            answer = client.get("/v1/search", params={"query": "retry delay", "repositories": given}).json()
            expected = asked.find("retry delay").passages
            assert [(p["repository"], p["path"]) for p in answer["passages"]] == [
                (p.repository, p.path) for p in expected
            ]
            assert {p["repository"] for p in answer["passages"]} == {"shop", "depot"}
        one = {"query": "retry delay", "repositories": ["depot"]}
        found = client.post("/v1/files", json=one).json()
        assert [file["path"] for file in found["files"]] == ["store.py"]
        block = client.post("/v1/context", json={**one, "repositories": ["*"], "format": "markdown"}).text
        assert "depot/store.py:1-2" in block
        wrong = client.post("/v1/search", json={**one, "repositories": ["*", "absent"]})
        assert wrong.status_code == 400


def test_what_is_for_the_command_line_is_not_answered_over_tcp(tree, client):
    asked = {"root": str(tree), "verb": "files", "arguments": [{"query": "x"}], "options": {}}
    assert client.post("/own", json=asked).status_code == 404


def test_a_context_block_tells_its_tokens(client):
    answer = client.get("/v1/context", params={"query": "retry", "format": "markdown"})
    assert 0 < int(answer.headers["codesearch-tokens"]) <= 4000
    assert "**[1]**" in answer.text


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "link.txt", "app/../../secret.txt", "\0"])
def test_a_path_outside_is_no_indexed_file(client, path):
    answer = client.get("/v1/read", params={"path": path})
    assert answer.status_code == 400
    assert "is not in the index" in answer.json()["error"]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({}, "`query` is missing"),
        ({"query": "x", "k": "many"}, "`k`: should be a valid integer"),
        ({"query": "x", "k": 0}, "must be from 1 to"),
        ({"query": " "}, "The query is empty"),
        ({"query": "x", "colour": "red"}, "There is no parameter `colour`"),
        ({"query": "x", "repo": "other"}, "Unknown repository"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(client, parameters, sentence):
    answer = client.get("/v1/search", params=parameters)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert client.post("/v1/search", content=b"[1]").status_code == 400


@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN} "])
def test_without_the_token_nothing_is_told(tree, given):
    with make_client(tree, Access(token=TOKEN)) as client:
        headers = {"Authorization": given} if given and not given.endswith(" ") else {}
        for path in ("/v1/search?query=x", "/v1/repositories", "/metrics", "/mcp", "/openapi.json"):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/repositories", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "x@127.0.0.1", "", "[", "127.0.0.1/x"]
)
def test_another_host_name_is_refused(client, host):
    for path in ("/", "/v1/search?query=x", "/mcp"):
        assert client.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_pages_of_other_origins_are_refused(client, headers):
    assert client.get("/v1/search?query=x", headers=headers).status_code == 403
    assert client.post("/mcp", json={}, headers=headers).status_code == 403
    assert client.get("/v1/search?query=x", headers={"Origin": HERE}).status_code == 200


def test_a_body_without_end_is_refused(client, monkeypatch):
    too_much = b"x" * (guard.MAX_BODY_BYTES + 1)
    assert client.post("/v1/search", content=too_much).status_code == 413
    assert client.post("/v1/search", content=iter([too_much])).status_code == 413


async def test_half_a_body_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.01)
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": "/v1/search", "method": "POST", "headers": [(b"host", b"localhost")]}
    await guard.Guard(None, Access())(scope, receive, send)
    assert sent[0]["status"] == 408


def test_after_updates_only_the_newest_generation_is_held(tmp_path):
    root = tmp_path / "shop"
    root.mkdir()
    (root / "retry.py").write_text("def pause(attempt):\n    return 2**attempt\n")
    CodeIndex.build(root).close()
    workspace, held, n_open = Workspace([root]), [], []
    service = Service(Operations(workspace), ServiceSettings(n_workers=1))
    gc.collect()
    gc.disable()  # what refers to itself stays for good, as it does for seconds in a server
    try:
        with TestClient(service.app, base_url=HERE) as client:
            for n in range(4):
                (root / f"new{n}.py").write_text(f"def fresh{n}():\n    return 'pause'\n")
                with workspace.opened() as index:
                    index.update(encode=False)
                    held.append(weakref.ref(index._searcher.generation))
                asked = {"search": {"query": "pause"}, "files": {"query": "pause"}, "status": {}}
                asked |= {"context": {"query": "pause"}, "similar": {"path": "retry.py", "line": 1}}
                asked |= {"outline": {}, "read": {"path": "retry.py"}}
                for name, parameters in asked.items():
                    assert client.post(f"/v1/{name}", json=parameters).status_code == 200
                n_open.append(len([*OPEN_FILES.iterdir()]) if OPEN_FILES.is_dir() else 0)
                assert [each() is not None for each in held] == [False] * n + [True]
    finally:
        gc.enable()
    assert n_open[1] == n_open[-1]


def test_who_cannot_wait_is_told_when_to_return(tree, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(Operations, "repositories", lambda self, asked: gate.wait(30))
    with make_client(tree, n_waiting=-1) as client:
        answers = [client.get("/v1/repositories"), client.post("/mcp", json={})]
        gate.set()
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_question_whose_client_left_is_not_worked_on(tree, monkeypatch):
    gate, begun = threading.Event(), []

    def answer(self, asked):
        begun.append(1)
        gate.wait(30)
        return Answer("{}")

    monkeypatch.setattr(Operations, "repositories", answer)
    left = asyncio.Event()
    statuses = []

    async def ask(leaves):
        messages = iter([{"type": "http.request", "body": b"{}"}])

        async def receive():
            if (message := next(messages, None)) is not None:
                return message
            await (left if leaves else asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message):
            statuses.extend([message["status"]] if "status" in message else [])

        scope = {"type": "http", "path": "/v1/repositories", "method": "POST", "query_string": b""}
        await service.app({**scope, "headers": [(b"host", b"localhost")]}, receive, send)

    with Workspace([tree]) as workspace:
        service = Service(Operations(workspace), ServiceSettings(n_workers=1))
        first = asyncio.create_task(ask(leaves=False))
        while not begun:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(ask(leaves=True))
        while service._turns.n_pending < 2:
            await asyncio.sleep(0.001)
        left.set()
        await second
        gate.set()
        await first
        while service._turns.n_pending:
            await asyncio.sleep(0.001)
        service._turns.close()
    assert len(begun) == 1
    assert statuses == [400, 200]


def test_neither_log_nor_metrics_hold_what_was_asked(tree):
    lines = []
    with make_client(tree, log=lines.append) as client:
        client.get("/v1/search", params={"query": "confidential"})
        client.get("/confidential")
        client.get("/v1/search?query=confidential", headers={"Host": "confidential"})
        metrics = client.get("/metrics").text
    assert [line.count('"route": "/v1/search"') for line in lines] == [1, 0, 1, 0]
    assert "confidential" not in "".join(lines) + metrics
    assert 'codesearch_requests_total{route="/v1/search",status="200"} 1' in metrics
    assert 'codesearch_request_seconds_count{route="other"} 1' in metrics


def test_tools_of_agents_are_worked_on_by_as_few_threads(tree, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(CodeIndex, "outline", lambda self, path="": gate.wait(30) and [])
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "outline", "arguments": {}}}
    headers = {"Accept": "application/json, text/event-stream"}
    with make_client(tree) as client, ThreadPoolExecutor(6) as clients:
        threads = client.portal.call(current_default_thread_limiter)
        answers = [clients.submit(client.post, "/mcp", json=ask, headers=headers) for _ in range(6)]
        while threads.borrowed_tokens + threads.statistics().tasks_waiting < 6:
            time.sleep(0.001)
        n_at_work = threads.borrowed_tokens
        gate.set()
        assert [each.result().status_code for each in answers] == [200] * 6
    assert n_at_work == 1


def test_agents_ask_over_the_same_port_and_change_nothing(client):
    headers = {"Accept": "application/json, text/event-stream"}
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    names = [
        tool["name"] for tool in client.post("/mcp", json=ask, headers=headers).json()["result"]["tools"]
    ]
    assert "search" in names
    assert "refresh" not in names


def test_the_description_has_every_operation(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {f"/v1/{operation.name}" for operation in OPERATIONS}
    named = {each["name"] for each in document["paths"]["/v1/search"]["get"]["parameters"]}
    assert {"query", "k", "mode", "paths", "repo"} <= named
    assert "<script" not in client.get("/docs").text


def test_the_page_may_run_its_own_scripts_alone(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
    assert client.get("/v1/search?query=hostile").headers["x-content-type-options"] == "nosniff"
    for unknown in ("/page/../service/app.py", "/page/%2e%2e/app.py", "/page/index.html"):
        assert client.get(unknown).status_code == 404
