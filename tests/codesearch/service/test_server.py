"""The listening process: one a user and socket, closed to others, started again after kill -9."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import uvicorn
from click.testing import CliRunner

from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from codesearch.service import server as server_module
from codesearch.service.server import read_token
from indexer.errors import InputError


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("served") / "shop"
    root.mkdir()
    (root / "retry.py").write_text("def pause(attempt):\n    return 2**attempt\n")
    CodeIndex.build(root).close()
    return root


def start(tree: Path, path: Path, *options: str) -> subprocess.Popen[str]:
    arguments = ["serve", str(tree), "--socket", str(path), *options]
    return subprocess.Popen(
        [sys.executable, "-m", "codesearch", *arguments], stderr=subprocess.PIPE, text=True
    )


def client_of(path: Path) -> httpx.Client:
    return httpx.Client(
        transport=httpx.HTTPTransport(uds=str(path)), base_url="http://codesearch", timeout=30
    )


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def wait_ready(path: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if listens(path):  # a client of httpx that finds nobody leaves its socket open
            with client_of(path) as client:
                if client.get("/readyz").status_code == 200:
                    return
        time.sleep(0.05)
    raise AssertionError("not ready")


def test_one_server_a_socket_closed_to_others_and_back_after_a_kill(tree, tmp_path):
    path = tmp_path / "s.sock"
    first = start(tree, path, "--port", "0")
    wait_ready(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["pid"] == first.pid

    second = CliRunner().invoke(cli, ["serve", str(tree), "--socket", str(path)])
    assert second.exit_code == 2
    assert f"process {first.pid}) at {note['url']}" in second.stderr

    with (
        socket.socket(socket.AF_UNIX) as half,
        socket.socket(socket.AF_UNIX) as gone,
        client_of(path) as client,
    ):
        half.connect(str(path))
        half.sendall(b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        gone.connect(str(path))
        gone.sendall(b"GET /v1/search?query=pause HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.close()
        assert client.get("/v1/search", params={"query": "pause"}).json()["passages"]
    first.kill()
    first.communicate(timeout=10)

    again = start(tree, path, "--socket-only")
    wait_ready(path)
    with client_of(path) as client:
        assert client.get("/v1/files", params={"query": "pause"}).status_code == 200
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=20)
    assert "Traceback" not in errors
    assert not path.exists()


def test_an_unused_server_ends(tree, tmp_path):
    path = tmp_path / "s.sock"
    process = start(tree, path, "--socket-only", "--idle-exit", "0.01")
    assert process.wait(timeout=60) == 0
    process.communicate()
    assert not path.exists()


def test_a_taken_port_is_one_sentence(tree, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(
            cli, ["serve", str(tree), "--socket", str(tmp_path / "s"), "--port", str(port)]
        )
    assert result.exit_code == 2
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr


async def test_a_server_that_nobody_asks_does_not_look_ten_times_a_second(monkeypatch):
    monkeypatch.setattr(server_module, "_LOOK_SECONDS", 60.0)
    server = server_module._Server(uvicorn.Config(None))
    looked = []

    async def on_tick(counter):
        looked.append(counter)
        return server.should_exit

    monkeypatch.setattr(server, "on_tick", on_tick)
    serving = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0.3)
    assert len(looked) == 1
    server.handle_exit(signal.SIGTERM, None)
    await serving
    assert len(looked) == 2


def test_other_machines_need_a_token(tree, tmp_path):
    result = CliRunner().invoke(cli, ["serve", str(tree), "--host", "0.0.0.0"])
    assert result.exit_code == 2
    assert "--token-file" in result.stderr


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [("x" * 32, 0o644, "chmod 600"), ("short", 0o600, "at least 16"), (None, 0, "cannot be read")],
)
def test_a_token_file_is_its_owners(tmp_path, text, mode, sentence):
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(InputError, match=sentence):
        read_token(path)


def test_no_part_of_an_answer_waits_for_the_receipt_of_another():
    async def sends_at_once() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            accepted.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = server_module._tcp_socket("127.0.0.1", 0)
        async with await asyncio.start_server(on_client, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            return await accepted

    assert asyncio.run(sends_at_once()) == 1
