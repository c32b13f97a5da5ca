"""The page: small, its own, nothing inline. `test_browser.py` looks at it in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import codesearch.service
from tui.theme import LEVEL_FLOORS

PAGE = Path(codesearch.service.__file__).parent / "page"
SVG = "http://www.w3.org/2000/svg"
"""A name of the icon's format; nothing is fetched from there."""


def test_the_page_is_small_and_never_makes_markup_of_text():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.iterdir()}
    assert sum(len(text.encode()) for text in texts.values()) <= 60_000
    scripts = "".join(text for name, text in texts.items() if name.endswith(".js"))
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert way not in scripts
    assert not re.search(r"\son\w+=|style=|javascript:|<script(?![^>]*\ssrc=\"/page/)", texts["index.html"])
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", "".join(texts.values()).replace(SVG, ""))


def test_the_page_shades_in_the_steps_of_the_terminal():
    script = (PAGE / "view.js").read_text(encoding="utf-8")
    assert f"const LEVEL_FLOORS = {list(LEVEL_FLOORS)};" in script
