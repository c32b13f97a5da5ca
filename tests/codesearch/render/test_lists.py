"""Golden bytes of the lists, and of what the MCP tools write in forms of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codesearch.agents.mcp_server import _Tools
from codesearch.agents.shared_parameters import Filters, Page, Scope
from codesearch.agents.tool_advice import ToolAdvice
from codesearch.render.lists import files_json, files_text, outline_json, outline_text
from codesearch.render.status import status_json
from codesearch.workspace import Workspace, _Open

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def tools(index, tmp_path):
    workspace = Workspace([tmp_path])
    workspace._open[tmp_path.name] = _Open(index)
    return _Tools(workspace, None, ToolAdvice(workspace.roots, can_refresh=True))


WRITERS = {
    "files.text": lambda index, tools: files_text(index.files("plane alpha", 3)),
    "files.json": lambda index, tools: files_json(index.files("plane alpha", 3)),
    "outline.text": lambda index, tools: outline_text(index.outline("shapes.py")),
    "outline.json": lambda index, tools: outline_json("shapes.py", index.outline("shapes.py")),
    "status.json": lambda index, tools: status_json(index.status()),
    "mcp.compact": lambda index, tools: tools.search(
        "plane alpha", 3, filters=Filters(), page=Page(), scope=Scope()
    ),
    "mcp.read": lambda index, tools: tools.read("shapes.py", symbol="square_area"),
    "mcp.outline": lambda index, tools: tools.outline("shapes.py", offset=2),
}


@pytest.mark.parametrize("name", WRITERS)
def test_golden_bytes(index, tools, name):
    assert WRITERS[name](index, tools) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_lists_have_these_keys_and_no_others(index):
    files = json.loads(files_json(index.files("plane", 3)))
    assert " ".join(files) == "schema root query mode files notes"
    assert " ".join(files["files"][0]) == "path score confidence language symbol start_line end_line"
    outline = json.loads(outline_json("", index.outline()))
    assert " ".join(outline) == "schema root path symbols"
    assert " ".join(outline["symbols"][0]) == "path kind name start_line end_line"
    assert " ".join(json.loads(status_json(index.status()))) == (
        "schema root model commit branch built_at files chunks encoded words_only spans tokens rows"
        " bytes_on_disk languages settings stale skipped problems redacted texts"
    )
