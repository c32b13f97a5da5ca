"""The command line finds a server: the same bytes, and its own index where nobody answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from codesearch.answers.findings import Findings, RankedFiles
from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from codesearch.context import Context
from codesearch.service import client
from codesearch.service.addresses import Address, own_address
from codesearch.service.dataclass_json import from_plain, to_plain

ASKED = (
    ["search", "how long to wait before a retry", "--format", "json", "--mode", "lexical"],
    ["search", "pause attempt", "-k", "1"],
    ["search", "pause", "--format", "xml", "--path", "*.py", "--budget", "30"],
    ["search", "pause", "--lang", "rust"],
    ["search", "pause", "--offset", "1", "--format", "markdown"],
    ["files", "pause", "--format", "json"],
    ["similar", "retry.py:1", "--format", "jsonl"],
    ["similar", "absent.py"],
    ["context", "pause", "--budget", "200", "--format", "messages"],
    ["context", "pause", "--budget", "3"],
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("served") / "shop"
    root.mkdir()
    (root / "retry.py").write_text('def pause(attempt):\n    """Größe\x1b[2J"""\n    return 2**attempt\n')
    (root / "notes.md").write_text("# Pause\n\nA retry waits.\n")
    CodeIndex.build(root).close()
    return root


def run(arguments):
    result = CliRunner().invoke(cli, arguments)
    return result.exit_code, result.stdout_bytes, result.stderr_bytes


def test_answers_of_a_server_are_byte_for_byte_those_of_the_index(tree, monkeypatch):
    monkeypatch.chdir(tree)
    server = subprocess.Popen([sys.executable, "-m", "codesearch", "serve", str(tree), "--socket-only"])
    asked = []
    real = client._answer
    monkeypatch.setattr(client, "_answer", lambda path, what: asked.append(what["verb"]) or real(path, what))
    try:
        until = time.monotonic() + 60
        while client.find_server(tree) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        for arguments in ASKED:
            answer = run(arguments)
            n_asked = len(asked)
            assert answer == run([*arguments, "--no-server"])
            assert len(asked) == n_asked
        assert len(asked) == len(ASKED)
        server.kill()  # its note and its socket stay
        server.wait()
        assert client.find_server(tree) is not None
        assert run(ASKED[0]) == run([*ASKED[0], "--no-server"])
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
        own_address().note.unlink(missing_ok=True)


def test_a_server_of_another_version_or_another_user_is_not_asked(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert client.find_server(tree) is None
    address = own_address()
    address.note.parent.mkdir()
    note = {"version": "0.0.0", "roots": [str(tree)]}
    address.note.write_text(json.dumps(note))
    assert client.find_server(tree) is None
    address.note.write_text(json.dumps({**note, "version": client.__version__}))
    served = client.find_server(tree)
    assert served is not None
    address.socket.touch()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError):
        client._answer(address.socket, {})


@pytest.mark.parametrize(
    "reply",
    [b"", b"SSH-2.0-x\r\n", b'HTTP/1.0 200 OK\r\n\r\n{"request": {', b"HTTP/1.0 200 OK\r\n\r\n[1]",
     b'HTTP/1.0 400 Bad\r\n\r\n[]', b"HTTP/1.0 503 Busy\r\n\r\n{}"],
)  # fmt: skip
def test_where_something_else_answers_the_index_is_opened(tree, monkeypatch, tmp_path, reply):
    monkeypatch.chdir(tree)
    address = Address(tmp_path / "serve.sock")
    address.note.write_text(json.dumps({"version": client.__version__, "roots": [str(tree)]}))
    monkeypatch.setattr(client, "own_address", lambda: address)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(address.socket))
        other.listen()

        def answer():
            connection, _ = other.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        assert run(ASKED[0]) == run([*ASKED[0], "--no-server"])
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_values_travel_exactly(tree):
    with CodeIndex.open(tree) as index:
        for kind, value in (
            (Findings, index.find("pause", budget_tokens=20)),
            (RankedFiles, index.files("pause")),
            (Context, index.context("pause", 100)),
        ):
            there = json.loads(json.dumps(to_plain(value)))
            assert from_plain(kind, there) == value
            with pytest.raises((TypeError, ValueError)):
                from_plain(kind, {**there, "notes": "not a list"})


def test_asking_a_server_loads_no_engine():
    program = (
        "import sys, codesearch.cli.searching, codesearch.service.client, codesearch.render.passages;"
        "heavy = {'numpy', 'faiss', 'pydantic', 'rich', 'http.client', 'ssl', 'indexer.search'};"
        "print({*heavy, 'codesearch.api'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
