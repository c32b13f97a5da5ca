"""The page: small, its own, nothing inline; in a browser where CODESEARCH_BROWSER names one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import codesearch.service
from codesearch.answers.shown_matches import CLOSE_TO_BEST
from codesearch.api import CodeIndex
from indexer.stop_words import FUNCTION_WORDS

PAGE = Path(codesearch.service.__file__).parent / "page"
BROWSER = os.environ.get("CODESEARCH_BROWSER", "")
ATTACK = "document.title='OWNED'"
HOSTILE = f"<img src=x onerror={ATTACK}>.py"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --virtual-time-budget=8000 --dump-dom"
).split()


def test_the_page_is_small_and_never_makes_markup_of_text():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.iterdir()}
    assert sum(len(text.encode()) for text in texts.values()) <= 60_000
    scripts = texts["app.js"] + texts["view.js"]
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert way not in scripts
    assert not re.search(r"\son\w+=|style=|javascript:|<script(?![^>]*\ssrc=\"/page/)", texts["index.html"])
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", "".join(texts.values()))


def test_the_page_leaves_out_the_matches_that_the_terminal_leaves_out():
    script = (PAGE / "view.js").read_text(encoding="utf-8")
    listed = re.search(r"const STOP_WORDS = new Set\(\((.+?)\)\.split", script, re.DOTALL)
    assert set("".join(re.findall(r'"([^"]+)"', listed[1])).split()) == FUNCTION_WORDS
    assert f"const CLOSE_TO_BEST = {CLOSE_TO_BEST};" in script


@pytest.mark.skipif(not BROWSER, reason="CODESEARCH_BROWSER=chromium runs it")
def test_in_a_browser_hostile_names_and_text_are_shown_and_do_nothing(tmp_path):
    root = tmp_path / "shop"
    root.mkdir()
    (root / HOSTILE).write_text(f"retry = '</script><script>{ATTACK}</script><img src=x onerror={ATTACK}>'\n")
    CodeIndex.build(root).close()
    note = tmp_path / "s.json"
    command = [sys.executable, "-m", "codesearch", "serve", str(root), "--port", "0", "--socket"]
    server = subprocess.Popen([*command, str(note.with_suffix(".sock"))])
    try:
        until = time.monotonic() + 60
        while not note.exists() and time.monotonic() < until:
            time.sleep(0.05)
        url = json.loads(note.read_text())["url"]
        done = subprocess.run(
            [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"{url}#query=retry"],
            capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
    assert "<title>retry — codesearch</title>" in done.stdout
    assert done.stdout.count("<article") == 1
    assert f"&lt;img src=x onerror={ATTACK}&gt;.py:1-1" in done.stdout
    assert ">retry</mark>" in done.stdout
    assert "<img" not in done.stdout
