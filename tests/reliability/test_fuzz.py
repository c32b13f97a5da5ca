"""Anything through parse, chunk and passage; any arguments to the commands; found cases stay in corpus/.

JSON and arguments of the MCP server: tests/codesearch/test_mcp_server.py and `test_any_json_rpc` here.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codesearch.cli.main import cli
from tests.reliability.fuzzing import CORPUS, NAMES, read_any

ROOT = Path(__file__).parents[2]
CASES = sorted(CORPUS.iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_found_cases_stay_solved(case: Path) -> None:
    """A case is named `what-it-is.suffix.case`; every byte of it is the file's."""
    read_any(f"a{Path(case.stem).suffix}", case.read_bytes())


FRAGMENTS = (
    "def f(a):\n    return a\n", "class A:\n", "function f() {", "}", "{", "((", "))", "[", "]", "/*",
    "*/", "//", "#",
    "'''", '"""', "`", "${", "\\", "\n", "\r\n", "\r", "\t", "    ", "\f", "\v", "\0", "\ufeff", "\u2028",
    "\u0085",
    "\U0001f600", "e\u0301", "\u200d", "\ud800", "# Title\n", "====\n", "```\n", "---\n", "<p>", "</p>",
    "<!--", "{{",
    "}}", "{% x %}", "<?php", "?>", "#!/bin/sh\n", "@a", "::", "=>", ";", "import x\n", '{"cells": [',
    "\x1b[31m",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=20)), max_size=40).map("".join)
BYTES = st.one_of(
    st.binary(max_size=400),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass")),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), BYTES)
@example("a.py", b"\xef\xbb\xbf\n")
@example("a.md", b"#\r#\r\n# a\r\n")
def test_any_bytes_become_passages_or_a_reason(name: str, content: bytes) -> None:
    read_any(name, content)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32))
def test_samples_with_damage_become_passages_or_a_reason(name: str, seed: int) -> None:
    """Real files, of which bytes are cut, doubled and exchanged."""
    draw = random.Random(seed)
    sources = sorted((ROOT / "sample_repos").rglob(f"*{Path(name).suffix}")) or [Path(__file__)]
    content = bytearray(draw.choice(sources).read_bytes()[:3000])
    for _ in range(draw.randrange(1, 8)):
        at = draw.randrange(len(content) + 1)
        match draw.randrange(3):
            case 0:
                del content[at : at + draw.randrange(200)]
            case 1:
                content[at:at] = content[at : at + draw.randrange(200)]
            case _:
                content[at : at + 1] = draw.choice(FRAGMENTS).encode("utf-8", "surrogatepass")
    read_any(name, bytes(content))


# --- the commands ----------------------------------------------------------------------------

VALUES = st.one_of(
    st.sampled_from(["", "-", "--", "-1", "0", "9" * 30, "1e9", "nan", "hybrid", "json", "*.py", "(a+)+$",
    "../..",
                     "/", "~", "'", '"', "\n", "\x1b[2J", "python", "function", "3GB", "cl100k_base"]),
    st.text(st.characters(exclude_characters="\0"), max_size=12),
)  # fmt: skip
FLAGS = st.sampled_from(
    "--mode --lang --path --regex --kind -k --budget --tokenizer --offset --format --json --no-refresh --seen"
    " --max-memory --max-file-size --threads --nonsense -q -h".split()
)
COMMANDS = st.sampled_from("search files context similar outline status doctor models nonsense".split())


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without an index, so that no command has anything to do but to understand its arguments."""
    folder = tmp_path_factory.mktemp("nowhere")
    (folder / "a.py").write_text("x = 1\n")
    return folder


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(COMMANDS, st.lists(st.one_of(VALUES, st.tuples(FLAGS, VALUES)), max_size=5))
def test_any_arguments_end_in_a_sentence(
    nowhere: Path, command: str, parts: list[str | tuple[str, str]]
) -> None:
    arguments = [command]
    for part in parts:
        arguments += [part] if isinstance(part, str) else part
    before = os.getcwd()  # noqa: PTH109
    os.chdir(nowhere)
    try:
        result = CliRunner().invoke(cli, arguments, env={"CODESEARCH_BUILD": "no"})
    finally:
        os.chdir(before)
    assert result.exit_code in (0, 1, 2), (arguments, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exception)
    assert "Traceback" not in result.output
    assert not any(char in result.output for char in "\x1b\x07\x9b"), arguments
    assert sorted(path.name for path in nowhere.iterdir()) == ["a.py"]


# --- JSON ------------------------------------------------------------------------------------


def test_any_json_rpc(indexed: Path) -> None:
    """Lines that are no request, the first ones too, end in errors of the protocol; the next is answered."""
    deep = "[" * 3000 + "]" * 3000
    lines = [
        "", "{", "null", "[]", "3", '"x"', "{}", deep, '{"jsonrpc": "2.0"}', '{"jsonrpc": "1.0", "id": 1}',
        '{"jsonrpc": "2.0", "id": {}, "method": "tools/call"}', '{"jsonrpc": "2.0", "id": 7, "method": 3}',
        '{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "../x", "arguments": []}}',
        '{"jsonrpc": "2.0", "id": 1e400, "method": "ping"}', '{"a": "\\ud800"}', "\x1b[31m", "{" * 100_000,
        '"' + "x" * 100_000,
        '{"jsonrpc": "2.0", "id": 9, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}}',
    ]  # fmt: skip
    start = {
        "jsonrpc": "2.0", "id": "start", "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                   "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    ping = {"jsonrpc": "2.0", "id": "still-there", "method": "ping"}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    sent = ["{", json.dumps(start), json.dumps(ready), *lines, json.dumps(ping)]
    command = [sys.executable, "-m", "codesearch", "mcp", str(indexed)]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # The last request is answered while its sender is there: a closed input ends the server at once.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, env=environment) as server:
        watchdog = threading.Timer(120, server.kill)
        watchdog.start()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b"\xff\xfe\x00\n" + "\n".join(sent).encode() + b"\n")
        server.stdin.flush()
        answered = []
        for line in server.stdout:
            answered.append(line)
            if json.loads(line).get("id") == "still-there":
                break
        server.stdin.close()
        answered += server.stdout
        assert server.wait(timeout=60) == 0
        watchdog.cancel()
    by_id = {answer.get("id"): answer for answer in map(json.loads, answered)}
    assert by_id["start"]["result"]["serverInfo"]["name"] == "codesearch"
    assert "still-there" in by_id
    assert b"root:" not in b"".join(answered)
