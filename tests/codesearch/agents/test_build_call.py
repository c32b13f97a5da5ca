"""Builds as tool calls: what a client hears of one, how it ends one, and what it is answered meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest
from mcp import Client

from codesearch import workspace
from codesearch.agents import build_call
from codesearch.agents.build_call import NOTICE_SECONDS, Report
from codesearch.agents.mcp_server import make_server
from codesearch.api import CodeIndex
from codesearch.locate import build_index
from indexer.disk.state_place import state_folder
from indexer.records import BuildProgress


async def text_of(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    assert not result.is_error, content.text
    return content.text


def test_who_waits_for_the_build_of_another_process_is_told_how_far_that_is():
    report = Report(build_call._READING)
    assert report.next(BuildProgress("wait", 0, 0, 7.0)) == (
        1.0,
        "waiting for the build that runs already: 7 s so far",
    )
    assert report.next(BuildProgress("wait", 10, 40, 9.0)) == (
        25.5,
        "waiting for the build that runs already: 10 of 40 files · 9 s so far · about 6 s left",
    )
    assert report.next(BuildProgress("wait", 20, 40, 9.1)) is None


def test_percent_only_grow_and_not_too_many_are_told():
    report = Report()
    events = [
        BuildProgress("walk", 0, 0, 0.1),
        BuildProgress("read", 5, 10, 1.0),
        BuildProgress("read", 6, 10, 1.0 + NOTICE_SECONDS / 2),
        BuildProgress("write", 0, 1, 2.0),
        BuildProgress("encode", 0, 400, 3.0),
        BuildProgress("encode", 100, 400, 4.0),
        BuildProgress("write", 0, 1, 5.0),
        BuildProgress("encode", 200, 400, 6.0),
    ]
    told = [report.next(event) for event in events]
    assert [each[0] if each else None for each in told] == [None, 5.5, None, None, 10.0, 32.2, None, 54.5]
    assert told[1][1].startswith("reading: 5 of 10 files")
    assert told[-1][1].startswith("encoding: 200 of 400 tokens")


@pytest.fixture
def long_update(monkeypatch):
    """Updates that encode for as long as they are let, and note how they ended."""
    ends = []

    def update(self, progress=None, *, encode=True):
        if not encode:
            return
        self._n_updates += 1
        try:
            for n in itertools.count():
                progress(BuildProgress("encode", n, 1000, n, n_tokens=n, path="a.py"))
                time.sleep(0.002)
        except BaseException as error:
            ends.append(type(error))
            raise
        finally:
            self._n_updates -= 1

    monkeypatch.setattr(CodeIndex, "update", update)
    # Else a question encodes so small a tree.
    monkeypatch.setattr("indexer.search_steps._encode_named", lambda *_: None)
    return ends


async def test_a_first_build_reports_is_answered_from_and_ends_when_it_is_cancelled(tmp_path, long_update):
    """`refresh` of a folder without an index; a search in the middle of it; then the client gives up."""
    root = tmp_path / "fresh"
    root.mkdir()
    for name in ("first", "second", "third"):
        (root / f"{name}.py").write_text(f"def {name}_answer():\n    return '{name}'\n")
    told = []
    async with Client(make_server([root])) as client:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as calls:
                heard = anyio.Event()

                async def hear(done, total, message):
                    told.append((done, total, message))
                    if len(told) > 2:
                        heard.set()

                async def refresh():
                    await client.call_tool("refresh", {}, progress_callback=hear)

                calls.start_soon(refresh)
                await heard.wait()
                text = await text_of(client, "search", query="second_answer", k=1)
                calls.cancel_scope.cancel()
            while not long_update:
                await anyio.sleep(0.01)
        assert (await text_of(client, "status")).count("vectors") == 1, "it still answers"
    assert text.startswith("second.py")
    assert text.endswith(
        "note: 3 of 3 chunks have no vectors yet and are ranked by their words; they are being encoded in the"
        " background.\n"
    )
    assert long_update == [asyncio.CancelledError]
    percents = [done for done, _, _ in told]
    assert percents == sorted(set(percents))
    assert {total for _, total, _ in told} == {100.0}
    assert re.match(r"encoding: [\d,]+ of 1,000 tokens", told[-1][2])


async def test_a_first_build_of_another_process_is_waited_for(tmp_path, monkeypatch):
    """Until it has published what it read, with and without leave to build."""
    (tmp_path / "a.py").write_text("def first_answer():\n    return 1\n")
    monkeypatch.setattr(workspace, "_LOOK_SECONDS", 0.0)
    looks = iter([True, True, False])

    def is_being_built(root, state):
        writes = next(looks, False)
        if not writes:
            build_index(root, encode=False)
        return writes

    monkeypatch.setattr(workspace, "is_being_built", is_being_built)
    async with Client(make_server([tmp_path])) as client:
        text = await text_of(client, "search", query="answer", mode="lexical")
    assert "first_answer" in text
    assert next(looks, None) is None
    shutil.rmtree(state_folder(tmp_path, None))
    monkeypatch.setattr(workspace, "is_being_built", lambda root, state: True)
    monkeypatch.setattr(workspace, "FIRST_WORDS_SECONDS", 0.0)
    for build in (False, True):
        async with Client(make_server([tmp_path], build=build)) as client:
            refused = await client.call_tool("search", {"query": "answer"})
        assert refused.is_error
        message = refused.content[0].text
        assert message.endswith("is being indexed for the first time by another process; ask again later.")


async def test_a_first_build_goes_on_when_the_question_that_needed_it_is_cancelled(tmp_path, monkeypatch):
    """Who asks next hears how far it is, is told so after a while, and is answered once it is done."""
    (tmp_path / "a.py").write_text("def first_answer():\n    return 1\n")
    may_end = threading.Event()
    begun = []

    def opened(root, *, build, progress, state):
        begun.append(build)
        for n in itertools.count():
            progress(BuildProgress("read", n, 1000, n))
            if may_end.wait(0.002):
                break
        build_index(root, encode=False)
        return open_index(root)

    open_index = CodeIndex.open
    monkeypatch.setattr(CodeIndex, "open", opened)
    monkeypatch.setattr(CodeIndex, "encode_in_background", lambda self: None)
    told = []
    async with Client(make_server([tmp_path], build=True)) as client:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as calls:
                heard = anyio.Event()

                async def hear(done, total, message):
                    told.append(message)
                    heard.set()

                async def ask():
                    await client.call_tool("search", {"query": "answer"}, progress_callback=hear)

                calls.start_soon(ask)
                await heard.wait()
                calls.cancel_scope.cancel()
            with monkeypatch.context() as patched:
                patched.setattr(build_call, "FIRST_BUILD_SECONDS", 0.0)
                early = await client.call_tool("search", {"query": "answer"})

            async def release(done, total, message):
                may_end.set()

            late = await client.call_tool("outline", {}, progress_callback=release)
    assert re.match(r"(reading|looking for files): [\d,]+", told[0])
    assert early.is_error
    assert re.search(
        r"is being indexed for the first time \(.+\); ask again in a minute, and use grep until then\.$",
        early.content[0].text,
    )
    assert "first_answer" in late.content[0].text
    assert begun == ["words"]


ENDLESS_FIRST_BUILD = """
import itertools, sys, time
from pathlib import Path
from codesearch.agents.mcp_server import run
from codesearch.api import CodeIndex
from indexer.records import BuildProgress

def opened(root, *, build, progress, state):
    for n in itertools.count():
        progress(BuildProgress("read", n % 1000, 1000, n))
        time.sleep(0.002)

CodeIndex.open = opened
run([Path(sys.argv[1])])
"""


def test_a_server_whose_client_is_gone_ends_in_the_middle_of_a_first_build(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    server = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_FIRST_BUILD, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    who = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    call = {"name": "search", "arguments": {"query": "x"}, "_meta": {"progressToken": 2}}
    with server:
        try:
            for message in (
                {"id": 1, "method": "initialize", "params": who},
                {"method": "notifications/initialized"},
                {"id": 2, "method": "tools/call", "params": call},
            ):
                server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
            assert any("notifications/progress" in line for line in server.stdout)
            server.stdin.close()
            assert server.wait(timeout=60) == 0
        finally:
            server.kill()
