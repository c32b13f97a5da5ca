"""Who the web variant listens to. The page itself is opened by the benchmark in a real browser."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from indexer.errors import InputError
from tui.web import LoopbackServer, check_loopback, is_own, serve


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_addresses(host):
    check_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_other_addresses_are_refused(host):
    with pytest.raises(InputError, match="not a loopback address"):
        serve([], host, 8321)


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


async def test_a_rebound_name_gets_nothing(client):
    assert await status(client, Host="evil.example:8321") == 403
    assert await status(client, "/static/js/textual.js", Host="evil.example:8321") == 403


async def test_another_sites_page_cannot_open_the_socket(client):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert await status(client, "/ws", Origin="http://evil.example", **upgrade) == 403
    assert await status(client, Origin="http://127.0.0.1:8321") == 200
