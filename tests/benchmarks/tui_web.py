"""The web variant in a real browser: open the page, type a question, see the answer, take a screenshot.

    python tests/benchmarks/tui_web.py FOLDER --query "..." --screenshot answer.png

Starts `python -m tui FOLDER --web` and a headless Chromium, drives it over the DevTools protocol, and ends
with an error where the answer does not arrive. FOLDER needs an index. Needs a Chromium on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from tui_latency import state_folder

REPOSITORY = Path(__file__).resolve().parents[2]
_ESCAPE = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[\[(][0-?]*[ -/]*[@-~]|\x1b[=>78]")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Browser:
    """One page of a headless browser."""

    def __init__(self, socket_: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket_
        self._next_id = 0
        self.drawn = b""
        """What the application drew, as the page received it."""
        self.asked: set[str] = set()
        """The servers that the page asked for anything."""

    async def call(self, method: str, **parameters: object) -> dict[str, object]:
        """Ask the browser for something, and wait for its answer."""
        self._next_id += 1
        await self._socket.send_json({"id": self._next_id, "method": method, "params": parameters})
        while True:
            message = await self._read()
            if message.get("id") == self._next_id:
                return message.get("result", {})  # type: ignore[return-value]

    async def wait_for(self, wanted: str, seconds: float) -> None:
        """Until the application has drawn something, since the last `forget`."""
        deadline = time.monotonic() + seconds
        pattern = re.compile(wanted)
        while not pattern.search(_ESCAPE.sub(b"", self.drawn).decode("utf-8", "replace")):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"the page received nothing like {wanted!r} in {seconds:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._read(), left)

    async def type(self, text: str) -> None:
        """Click into the query bar, and press keys."""
        place = {"x": 300, "y": 60, "button": "left", "clickCount": 1}
        await self.call("Input.dispatchMouseEvent", type="mousePressed", **place)
        await self.call("Input.dispatchMouseEvent", type="mouseReleased", **place)
        for key in text:
            await self.call("Input.insertText", text=key)

    async def _read(self) -> dict[str, object]:
        message: dict[str, object] = json.loads((await self._socket.receive()).data)
        if message.get("method") == "Network.requestWillBeSent":
            url = urlsplit(message["params"]["request"]["url"])  # type: ignore[index]
            self.asked |= {url.netloc} if url.netloc else set()
        if message.get("method") == "Network.webSocketFrameReceived":
            frame = message["params"]["response"]  # type: ignore[index]
            if frame["opcode"] == 2:
                self.drawn += base64.b64decode(frame["payloadData"])
        return message


@contextlib.contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def drive(page: str, browser_port: int, query: str, screenshot: Path) -> None:
    """Type the question, wait for the answer, take the picture."""
    async with aiohttp.ClientSession() as session:
        target = await _target(session, browser_port)
        async with session.ws_connect(target, max_msg_size=0) as connection:
            browser = Browser(connection)
            for domain in ("Page", "Network"):
                await browser.call(f"{domain}.enable")
            size = {"width": 1500, "height": 900}
            await browser.call(
                "Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False
            )
            await browser.call("Page.navigate", url=page)
            await browser.wait_for(r"\d+ files", 60)
            await asyncio.sleep(2)
            browser.drawn = b""
            await browser.type(query)
            await browser.wait_for(r"\d+ passages? · \d+ ms", 60)
            await asyncio.sleep(1)
            picture = await browser.call("Page.captureScreenshot", format="png")
            if browser.asked != {urlsplit(page).netloc}:
                raise RuntimeError(f"the page asked {', '.join(sorted(browser.asked))}")
            screenshot.write_bytes(base64.b64decode(str(picture["data"])))


async def _target(session: aiohttp.ClientSession, port: int) -> str:
    for _ in range(100):
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                for target in await response.json():
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
        await asyncio.sleep(0.2)
    raise TimeoutError("the browser did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Start both, drive, stop both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--query", default="where are keyboard events handled")
    parser.add_argument("--screenshot", type=Path, default=Path("tui-web.png"))
    arguments = parser.parse_args()
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.exit("There is no Chromium here; install one, for example with apt-get install chromium.")
    port, browser_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory() as profile:
        server = [sys.executable, "-m", "tui", str(arguments.folder), "--web", "--port", str(port)]
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        flags.append(f"--remote-debugging-port={browser_port}")
        state = state_folder()
        paths = {"PYTHONPATH": str(REPOSITORY), "XDG_STATE_HOME": str(state)}
        with running(server, **paths) as serving, running([browser, *flags, "about:blank"]):
            assert serving.stdout is not None
            print(serving.stdout.readline().strip())
            page = f"http://127.0.0.1:{port}/"
            asyncio.run(drive(page, browser_port, arguments.query, arguments.screenshot))
        shutil.rmtree(state)
    print(f"the answer is in {arguments.screenshot}")


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    main()
