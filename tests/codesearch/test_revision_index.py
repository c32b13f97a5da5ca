"""An indexed revision as a server's repository is asked for it, over MCP and over HTTP."""

from __future__ import annotations

import json

import pytest
from mcp import Client
from starlette.testclient import TestClient

from codesearch.agents.mcp_server import make_server
from codesearch.api import CodeIndex
from codesearch.revision_index import index_revision
from codesearch.service.app import Service
from codesearch.service.operations import Operations
from codesearch.workspace import Workspace
from tests.git_command import git

SEVERAL = "A revision is asked of one repository; name it in `repo`."


@pytest.fixture(scope="module")
def roots(tmp_path_factory, one_encoder):
    """A repository whose tree has one file more than its indexed revision v1, and a folder."""
    base = tmp_path_factory.mktemp("revisions")
    root, other = base / "lighthouse", base / "harbour"
    for folder in (root, other):
        folder.mkdir()
        (folder / "lamp.py").write_text("def ignite():\n    return 'the lamp burns'\n")
    git(root, "init", "-q", "-b", "trunk")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "v1")
    (root / "horn.py").write_text("def sound():\n    return 'the fog horn'\n")
    for folder in (root, other):
        CodeIndex.build(folder).close()
    index_revision(root, "v1")
    return [root, other]


async def test_agents(roots):
    async with Client(make_server(roots)) as client:

        async def call(tool, **asked):
            result = await client.call_tool(tool, {"query": "fog horn", **asked})
            return result.is_error, result.content[0].text

        failed, text = await call("search", revision="v1", format="json")
        assert not failed
        assert {p["path"] for p in json.loads(text)["passages"]} == {"lamp.py@v1"}
        assert "[1] lamp.py@v1:1-2" in (await call("context", revision="v1"))[1]
        assert "horn.py:1-2" in (await call("context"))[1]
        failed, text = await call("search", revision="v1", repositories=["*"])
        assert failed
        assert text.endswith(SEVERAL)
        failed, text = await call("context", revision="v2")
        assert failed
        assert "has no revision 'v2'" in text


def test_the_server(roots):
    with (
        Workspace(roots) as workspace,
        TestClient(Service(Operations(workspace)).app, base_url="http://127.0.0.1") as client,
    ):

        def post(verb, **asked):
            return client.post(f"/v1/{verb}", json={"query": "fog horn", "revision": "v1", **asked})

        assert {p["path"] for p in post("search").json()["passages"]} == {"lamp.py@v1"}
        assert [file["path"] for file in post("files").json()["files"]] == ["lamp.py@v1"]
        assert [p["path"] for p in post("context").json()["passages"]] == ["lamp.py@v1"]
        refused = post("search", repositories=["*"])
        assert refused.status_code == 400
        assert SEVERAL in refused.text
        assert "has no revision" in post("search", revision="--output=x").text
