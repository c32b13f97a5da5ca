"""How the page looks in a headless Chromium: legible, without colour too, and on a telephone."""

from __future__ import annotations

import os

import pytest

if not os.environ.get("CODESEARCH_BROWSER"):
    pytest.skip("make test-browser runs it", allow_module_level=True)
from playwright.sync_api import expect

WAIT = "how long to wait before another attempt"
CONTRASTS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgb = (css, under = [255, 255, 255]) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = `rgb(${under.join()})`;
        canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (colour) => {
        const [r, g, b] = colour.map((c) =>
            ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = (element) => element
        ? rgb(getComputedStyle(element).backgroundColor, paper(element.parentElement)) : [255, 255, 255];
    const found = {};
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        const on = paper(element);
        const [a, b] = [luminance(rgb(getComputedStyle(element).color, on)), luminance(on)];
        const name = element.localName + "." + element.className + " in " + element.parentElement.localName;
        found[name] = Math.min(found[name] ?? 99, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_is_legible_in_both_schemes(opened, scheme):
    page = opened(f"#query={WAIT}", color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator("article").first).to_be_visible()
    page.keyboard.press("Escape")
    for _ in range(2):  # the scheme of the system, then the other one by its key
        expect(page.locator("#results")).not_to_have_class("waiting")
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        assert not {name: ratio for name, ratio in contrasts.items() if ratio < 4.5}
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.keyboard.press("Shift+T")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_steps_of_evidence_differ_without_colour(opened):
    page = opened(f"#query={WAIT}")
    expect(page.locator("article").first).to_be_visible()
    looks = page.evaluate("""() => [0, 1, 2, 3].map((level) => {
        const mark = document.createElement("mark");
        mark.className = "e" + level;
        document.querySelector(".row").append(mark);
        const { textDecorationLine, textDecorationStyle, fontWeight } = getComputedStyle(mark);
        return [textDecorationLine, textDecorationStyle, fontWeight].join();
    })""")
    assert len(set(looks)) == 4
    assert all(look.startswith("underline") for look in looks)
    marker = page.locator(".row.hit").first.evaluate("row => getComputedStyle(row, '::before').content")
    assert "▸" in marker


def test_it_fits_a_telephone(opened):
    page = opened(f"#query={WAIT}", viewport={"width": 360, "height": 740}, has_touch=True)
    expect(page.locator("article").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate("""() => [...document.querySelectorAll("input, select, button, a, .symbol")]
        .filter((each) => each.checkVisibility())
        .filter((each) => each.getBoundingClientRect().left < 0 || each.getBoundingClientRect().right > 360)
        .map((each) => each.outerHTML)""")
    assert not outside
    page.locator(".place").first.tap()
    expect(page.locator("#sheet-body .row.here").first).to_be_in_viewport()
    page.locator("dialog form button").tap()
    expect(page.locator("dialog")).to_be_hidden()
    page.locator("#context").tap()
    expect(page.locator("#status")).to_contain_text("Copied a context block")
