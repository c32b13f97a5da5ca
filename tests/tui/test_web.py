"""Who the web variant listens to. The page itself is opened by the benchmark in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from indexer.errors import InputError
from tui.web import LoopbackServer, application, check_loopback, is_own, serve


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_addresses(host):
    check_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_other_addresses_are_refused(host):
    with pytest.raises(InputError, match="not a loopback address"):
        serve(application([]), host, 8321)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1:8321", True),
        ("localhost:8321", True),
        ("[::1]:8321", True),
        ("127.0.0.1:8322", False),
        ("127.0.0.1", False),
        ("evil.example:8321", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8321", False),
        ("", False),
        ("null", False),
    ],
)
def test_own_addresses(address, own):
    assert is_own(address, "127.0.0.1", 8321) is own


def test_the_port_may_be_left_out_where_it_is_80():
    assert is_own("localhost", "127.0.0.1", 80)


@pytest.fixture
async def client():
    server = LoopbackServer("true", host="127.0.0.1", port=8321, title="codesearch")
    async with TestClient(TestServer(await server._make_app())) as made:
        yield made


async def status(client, path="/", **headers):
    async with client.get(path, headers={"Host": "127.0.0.1:8321"} | headers) as response:
        return response.status


async def test_the_page_is_served_to_its_own_address(client):
    assert await status(client) == 200


async def test_the_pages_own_script_takes_keys_and_says_what_cannot_be_copied(client):
    """What it does in a browser is tried by `tests/benchmarks/tui_web.py`."""
    async with client.get("/", headers={"Host": "127.0.0.1:8321"}) as response:
        page = await response.text()
    assert page.index('src="/page.js"') < page.index('src="/static/js/textual.js"')
    async with client.get("/page.js", headers={"Host": "127.0.0.1:8321"}) as response:
        script = await response.text()
        assert response.content_type == "text/javascript"
    for name in re.findall(r'classList\.\w+\("([\w-]+)"\)', script):
        assert f".{name} #not-copied" in page
    assert await status(client, "/page.js", Host="evil.example:8321") == 403


async def test_a_rebound_name_gets_nothing(client):
    assert await status(client, Host="evil.example:8321") == 403
    assert await status(client, "/static/js/textual.js", Host="evil.example:8321") == 403


async def test_another_sites_page_cannot_open_the_socket(client):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert await status(client, "/ws", Origin="http://evil.example", **upgrade) == 403
    assert await status(client, Origin="http://127.0.0.1:8321") == 200


_ADDRESS = re.compile(r"""(?:src|href)="([^"]*)"|url\("?([^")]*)"?\)|(https?://[^\s"'*]+)""")


async def test_the_page_asks_nobody_but_this_server(client):
    """The page, what it loads, and what that loads; the policy holds for what a script would ask."""
    to_ask, asked = ["/"], set()
    while to_ask:
        path = to_ask.pop()
        asked.add(path)
        async with client.get(path, headers={"Host": "127.0.0.1:8321"}) as response:
            assert response.status == 200, path
            if not path.endswith((".js", ".ttf")):
                found = _ADDRESS.findall(re.sub(r"/\*.*?\*/", "", await response.text(), flags=re.DOTALL))
                named = {urljoin(path, address) for three in found for address in three if address}
                named -= {"data:,"}
                assert {urlsplit(address).netloc for address in named} == ({""} if named else set())
                to_ask += named - asked
            if path == "/":
                policy = response.headers["Content-Security-Policy"]
    assert {"/static/js/textual.js", "/static/css/xterm.css"} < asked
    assert len([path for path in asked if path.endswith(".ttf")]) == 2
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert re.findall(r"[a-z]+://\S+", policy) == ["ws://127.0.0.1:8321/ws;"]


async def test_the_pages_socket_is_the_name_it_was_asked_by(client):
    async with client.get("/", headers={"Host": "localhost:8321"}) as response:
        assert 'data-session-websocket-url="ws://localhost:8321/ws"' in await response.text()


def test_a_tab_imports_nothing_from_the_folder_it_is_started_in(tmp_path):
    """Python would import what lies there for `python -m tui` and for `python -c`."""
    mark = tmp_path / "mark"
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("tui", "indexer", "codesearch", "click", "textual", "sitecustomize", "json"):
        (root / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        application([root]), cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert "needs a terminal" in done.stderr
    assert done.returncode == 2
    assert not mark.exists()


def test_a_tab_starts_from_a_checkout_that_is_not_installed(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        application([tmp_path]), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "needs a terminal" in done.stderr
