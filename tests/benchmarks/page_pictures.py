"""Pictures of the page of `codesearch serve`, for the README, in headless Chromium.

    python tests/benchmarks/page_pictures.py codesearch/service/pictures

Needs playwright and a Chromium. The indexes are of two sample repositories, in a temporary folder; fonts are
the machine's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

SAMPLES = Path(__file__).resolve().parents[2] / "sample_repos"
REPOSITORIES = ("task_queue", "mailer")
QUESTION = "how is a job claimed so that no other worker takes it"
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
MOST_BYTES = 150_000


def picture(
    browser: Browser, url: str, path: Path, scheme: str, size: tuple[int, int], keys: tuple[str, ...] = ()
) -> None:
    """The page after a question and some keys."""
    width, height = size
    context = browser.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": height}
    )
    page = context.new_page()
    page.goto(url + "#query=" + QUESTION.replace(" ", "+") + f"&repo={REPOSITORIES[0]}")
    page.locator("article").first.wait_for()
    page.locator("#results:not(.waiting)").wait_for()
    for key in keys:
        page.keyboard.press(key)
        page.locator("dialog .code").wait_for()
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{path} has {path.stat().st_size:,} bytes.")


def main() -> None:
    """Index, serve, look."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(shutil.copytree(SAMPLES / each, Path(name, each))) for each in REPOSITORIES]
        program = [sys.executable, "-m", "codesearch"]
        for folder in folders:
            subprocess.run([*program, "index", folder], check=True)
        note = Path(name, "s.json")
        options = ["--port", "0", "--no-watch", "--socket", note.with_suffix(".sock")]
        server = subprocess.Popen([*program, "serve", *folders, *options])
        try:
            while not note.exists():
                time.sleep(0.1)
            url = json.loads(note.read_text())["url"]
            while True:
                try:
                    with urlopen(url + "readyz"):
                        break
                except OSError:
                    time.sleep(0.1)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=ARGUMENTS, chromium_sandbox=False
                )
                # The dark one last: the first question is slow.
                picture(browser, url, target / "narrow.png", "light", (360, 700))
                picture(browser, url, target / "light.png", "light", (1100, 700), ("Enter", "n"))
                picture(browser, url, target / "dark.png", "dark", (1100, 700))
                browser.close()
        finally:
            server.terminate()
            server.wait(timeout=30)


if __name__ == "__main__":
    main()
