"""What the tests of the page in a browser share: two indexed folders, a server of both, pages in Chromium.

Every page is looked at when its test is over: no request went anywhere but to its server, no script failed
and no policy was violated.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from codesearch.api import CodeIndex

FLAGS = (
    "--disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
MOST_MS = 30_000
"""How long a loaded machine may take for what takes a moment."""
ATTACK = "document.title='OWNED'"
HOSTILE_NAME = f"<img src=x onerror={ATTACK}>.py"
HOSTILE_TEXT = f"""ambush = '</span></script><script>{ATTACK}</script><img src=x onerror={ATTACK}>'
reordered = '\u202e\u200b\x1b[2J'  # ambush
"""
RETRY = '''"""When a failed job is tried again."""


def pause_seconds(attempt):
    """How long to wait before another attempt: twice as long each time."""
    return 2**attempt


class Retry:
    """A policy of attempts."""

    def is_exhausted(self, attempt):
        return attempt >= self.most_attempts
'''


class Server:
    """A running server of both folders, and what a program gets from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._note = folder / "s.json"
        self._process = self._start("0")
        self.url = json.loads(self._note.read_text())["url"]

    def ask(self, what: str, **asked: object) -> dict:
        """The answer of an operation."""
        return json.loads(self.respond(what, **asked)[0])

    def respond(self, what: str, **asked: object) -> tuple[str, dict[str, str]]:
        """The body and the headers of an answer."""
        with urlopen(Request(self.url + "v1/" + what, json.dumps(asked).encode()), timeout=30) as response:
            return response.read().decode(), dict(response.headers)

    def pause(self) -> None:
        """Answer nothing, with every connection open."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer what was asked meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """As a crash does."""
        self.go_on()
        self._process.kill()
        self._process.wait(timeout=20)

    def start_again(self) -> None:
        """At the same port."""
        self._process = self._start(self.url.rstrip("/").rpartition(":")[2])

    def _start(self, port: str) -> subprocess.Popen:
        self._note.unlink(missing_ok=True)
        roots = [str(self.folder / "shop"), str(self.folder / "depot")]
        process = subprocess.Popen(
            [sys.executable, "-m", "codesearch", "serve", *roots, "--no-watch", "--port", port,
             "--socket", str(self._note.with_suffix(".sock"))],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urlopen(json.loads(self._note.read_text())["url"] + "readyz", timeout=30):
                    return process
            except (OSError, ValueError):
                time.sleep(0.1)
        process.kill()
        raise AssertionError("the server did not get ready")


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browsed")
    shop, depot = folder / "shop", folder / "depot"
    (shop / "app").mkdir(parents=True)
    depot.mkdir()
    (shop / "app" / "retry.py").write_text(RETRY)
    (shop / "notes.md").write_text("# Retries\n\nA failed job waits, then another attempt is made.\n")
    (shop / HOSTILE_NAME).write_text(HOSTILE_TEXT)
    steps = "".join(f"def step_{n}(job):\n    return job.attempt + {n}\n\n\n" for n in range(200))
    (shop / "app" / "steps.py").write_text(steps)
    (shop / "app" / "picture.bin").write_bytes(bytes(range(256)))
    (depot / "store.go").write_text("package depot\n\n// Store keeps each attempt.\nfunc Store() {}\n")
    for root in (shop, depot):
        CodeIndex.build(root).close()
    return folder


@pytest.fixture(scope="session")
def server(served_folder):
    server = Server(served_folder)
    yield server
    server.die()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=MOST_MS)
    with sync_playwright() as playwright:
        path = shutil.which(os.environ["CODESEARCH_BROWSER"])
        browser = playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, NO_NAMES], chromium_sandbox=False
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, server):
    """Opens pages, each with storage of its own."""
    contexts, foreign, problems = [], [], []
    expected: list[str] = []

    def open_page(where: str = "", *, url: str = server.url, may_fail: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(MOST_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url.rstrip("/"))
        contexts.append(context)
        page = context.new_page()
        if may_fail:
            expected.append(may_fail)
        page.on("request", lambda sent: sent.url.startswith(url) or foreign.append(sent.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("dialog", lambda dialog: problems.append("a dialog opened"))
        page.goto(url + where)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not foreign
    assert not [each for each in problems if not any(re.search(text, each) for text in expected)]
