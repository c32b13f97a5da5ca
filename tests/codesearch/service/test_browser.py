"""The page in a headless Chromium, over a real index: `make test-browser` runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest

from codesearch.answers.shown_evidence import telling
from codesearch.api import CodeIndex

if not os.environ.get("CODESEARCH_BROWSER"):
    pytest.skip("make test-browser runs it", allow_module_level=True)
from playwright.sync_api import expect

EVERY = {"repositories": ["*"], "k": 10}
WAIT = "how long to wait before another attempt"
TOKEN = "a-token-of-sixteen-and-more"
ATTACK = "document.title='OWNED'"
HOSTILE_NAME = f"<img src=x onerror={ATTACK}>.py"


def places(page) -> list[str]:
    return page.locator(".place").all_text_contents()


def cited(findings: dict) -> list[str]:
    return [
        f"{'/'.join(filter(None, [p.get('repository'), p['path']]))}:{p['start_line']}-{p['end_line']}"
        for p in findings["passages"]
    ]


def expect_places(page, findings: dict) -> None:
    expect(page.locator(".place")).to_have_text(cited(findings))


def clipboard(page) -> str:
    return page.evaluate("navigator.clipboard.readText()")


def test_passages_appear_as_one_types_with_the_words_that_matched(opened, server):
    page = opened()
    expect(page.locator("#welcome")).to_be_visible()
    page.keyboard.type(WAIT, delay=20)  # the question has the focus
    expect_places(page, server.ask("search", query=WAIT, **EVERY))
    expect(page).to_have_title(f"{WAIT} — codesearch")
    expect(page.locator("#status")).to_contain_text("passage")
    expect(page.locator("#state")).to_have_text(re.compile(r"^5 files · 1 skipped"))

    with CodeIndex.open(server.folder / "shop") as index:
        passage = index.search("delay until tried again", paths=["app/retry.py"])[0]
    expected = {(match.line, match.code_word) for match in telling(passage.evidence.matches)}
    page.locator("#path").fill("app/retry.py")
    page.locator("#query").fill("delay until tried again")
    expect_places(
        page, server.ask("search", query="delay until tried again", paths=["app/retry.py"], **EVERY)
    )
    first = page.locator("article").first
    shown = first.evaluate("""passage => [...passage.querySelectorAll(".row mark")].map(
        (mark) => [+mark.parentElement.dataset.n, mark.textContent])""")
    assert expected
    assert {(line, word) for line, word in shown} == expected
    words = first.locator(".words mark").all_text_contents()
    assert words
    assert set(words) <= {word for _, word in expected}
    expect(first).to_contain_text(f"confidence {passage.confidence:.2f}")
    page.locator("#query").fill("")
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("article")).to_have_count(0)


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        ({"repo": "depot"}, {"repo": "depot"}),
        ({"language": "go"}, {**EVERY, "languages": ["go"]}),
        ({"kind": "function"}, {**EVERY, "kinds": ["function"]}),
        ({"kind": "docs"}, {**EVERY, "kinds": ["docs"]}),
        ({"mode": "lexical"}, {**EVERY, "mode": "lexical"}),
        ({"repo": "shop", "path": "app/**, !steps.py"}, {"repo": "shop", "paths": ["app/**", "!steps.py"]}),
    ],
)
def test_filters_ask_what_they_say(opened, server, chosen, asked):
    page = opened("#query=attempt")
    expect_places(page, server.ask("search", query="attempt", **EVERY))
    expect(page.locator("#language option")).not_to_have_count(1)
    for name, value in chosen.items():
        if name == "path":
            page.locator("#path").fill(value)
        else:
            page.locator(f"#{name}").select_option(value)
    found = server.ask("search", query="attempt", **{"k": 10, **asked})
    assert found["passages"]
    expect_places(page, found)
    assert all(f"{name}=" in page.url for name in chosen)
    again = opened(page.url.removeprefix(server.url))  # a link to the query, with its filters
    expect_places(again, found)
    for name, value in chosen.items():
        assert again.locator(f"#{name}").input_value() == value


def test_an_unknown_language_finds_nothing_and_says_why(opened):
    page = opened("#query=attempt&language=rust")
    expect(page.locator("#notes")).to_contain_text("rust")
    assert page.locator("#language").input_value() == "rust"


def test_everything_is_done_by_keys(opened, server):
    page = opened(f"#query={WAIT}")
    found = server.ask("search", query=WAIT, **EVERY)
    expect_places(page, found)
    chosen = page.locator("li[aria-current=true] .place")
    press = page.keyboard.press
    press("ArrowDown")  # while typing
    expect(chosen).to_have_text(cited(found)[1])
    press("Escape")
    press("k")
    expect(chosen).to_have_text(cited(found)[0])
    press("k")
    press("j")
    expect(chosen).to_have_text(cited(found)[1])
    press("c")
    expect(page.locator("#status")).to_have_text("Copied the citation.")
    assert clipboard(page) == cited(found)[1]
    press("t")
    expect(page.locator("#status")).to_have_text("Copied the passage.")
    assert clipboard(page) == found["passages"][1]["text"]
    press("l")
    expect(page.locator("#status")).to_have_text("Copied the link.")
    assert clipboard(page) == page.url
    press("x")
    expect(page.locator("#status")).to_have_text(re.compile(r"Copied a context block of [\d,]+ tokens\."))
    block, headers = server.respond("context", query=WAIT, repositories=["*"], format="markdown")
    assert clipboard(page) == block
    assert f"{int(headers['codesearch-tokens']):,} tokens" in page.locator("#status").inner_text()
    press("?")
    expect(page.locator("dialog")).to_contain_text("copy a link to this query")
    press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    press("s")
    expect(page.locator("dialog td", has_text="app/picture.bin")).to_be_visible()
    press("Escape")
    press("/")
    expect(page.locator("#query")).to_be_focused()


def test_a_file_opens_at_the_line_and_matches_are_gone_through(opened, server):
    page = opened("#query=step_150&repo=shop")
    (first, *_) = server.ask("search", query="step_150", k=10, repo="shop")["passages"]
    expect(page.locator("article").first).to_contain_text("def step_150")
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-title")).to_have_text(first["path"])
    rows = page.locator("#sheet-body .row")
    expect(rows).to_have_count(800)
    line = page.locator("#sheet-body .row.here").first
    expect(line).to_be_in_viewport()
    assert int(line.get_attribute("data-n")) == first["start_line"]
    assert not rows.first.evaluate("row => row.getBoundingClientRect().bottom > 0")
    page.keyboard.press("n")
    expect(page.locator("mark.current")).to_be_in_viewport()
    expect(page.locator("mark.current")).to_have_text("step_150")
    page.keyboard.press("w")
    assert page.locator("#sheet-body .code").evaluate("code => code.classList.contains('wrapped')")


def test_more_passages_follow_the_first(opened, server):
    page = opened("#query=job attempt&repo=shop")
    first = server.ask("search", query="job attempt", repo="shop", k=10)
    expect_places(page, first)
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    second = server.ask("search", query="job attempt", repo="shop", k=10, offset=10)
    assert second["passages"]
    expect(page.locator(".place")).to_have_text(cited(first) + cited(second))
    expect(page.locator("#more")).to_be_hidden()


def test_hostile_names_and_texts_are_shown_and_do_nothing(opened):
    page = opened("#query=ambush&path=*.py&repo=shop")
    expect(page.locator(".place").first).to_have_text(f"{HOSTILE_NAME}:1-2")
    expect(page.locator(".row").first).to_contain_text(f"<script>{ATTACK}</script>")
    expect(page.locator(".row").nth(1)).to_contain_text(r"'\u202e\u200b\u001b[2J'")
    expect(page.locator("mark").first).to_have_text("ambush")
    page.locator(".place").first.click()
    expect(page.locator("#sheet-title")).to_have_text(HOSTILE_NAME)
    expect(page.locator("#sheet-body .row").first).to_contain_text("<img src=x")
    page.keyboard.press("Escape")
    page.locator(".actions button", has_text="Text").first.click()
    expect(page.locator("#status")).to_have_text("Copied the passage.")
    assert "\x1b" not in clipboard(page)
    assert page.locator("img, main script, #sheet script").count() == 0
    expect(page).to_have_title("ambush — codesearch")


def test_a_query_is_text_too(opened):
    page = opened(f"#query=%3Cimg%20src%3Dx%20onerror%3D{ATTACK}%3E&path=%3Cb%3E")
    expect(page.locator("#notes")).not_to_be_empty()
    assert page.locator("img, main b").count() == 0


def test_no_script_runs_but_the_pages_own_and_nothing_else_is_asked(opened):
    page = opened(may_fail="Content Security Policy|ERR_")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.owned = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<p onclick='window.owned = 1'>x</p>");
        document.body.lastChild.click();
    }""")
    assert page.evaluate("window.owned") is None
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"


def test_a_slow_server_is_waited_for_and_the_last_question_is_answered(opened, server):
    page = opened("#query=attempt")
    found = server.ask("search", query="attempt", **EVERY)
    expect_places(page, found)
    server.pause()
    try:
        page.locator("#query").fill("store")
        expect(page.locator("#status")).to_have_text("Still searching…")
        assert places(page) == cited(found)  # what was found stays, faded
        page.locator("#query").fill(WAIT)
        time.sleep(0.5)
    finally:
        server.go_on()
    expect(page.locator("#status")).to_contain_text("passage")
    expect_places(page, server.ask("search", query=WAIT, **EVERY))
    expect(page.locator("#results")).not_to_have_class("waiting")


def test_a_server_that_dies_is_told_of_and_found_again(opened, server):
    page = opened("#query=attempt", may_fail="Failed to load resource")
    found = server.ask("search", query="attempt", **EVERY)
    expect_places(page, found)
    server.die()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")  # a file, which nobody gives any more
    expect(page.locator("#status")).to_contain_text("Start it with `codesearch serve`, then ask again.")
    page.locator("#query").fill(WAIT)
    expect(page.locator("#status")).to_contain_text("`codesearch serve`; this page goes on by itself.")
    expect(page.locator("#status")).to_have_class("bad")
    assert places(page) == cited(found)
    server.start_again()
    expect_places(page, server.ask("search", query=WAIT, **EVERY))  # by itself
    expect(page.locator("#status")).not_to_have_class("bad")


@pytest.mark.parametrize("width", [1000, 360])
def test_what_a_key_did_is_said_where_it_can_be_seen(opened, width):
    page = opened("#query=attempt")
    page.set_viewport_size({"width": width, "height": 300})
    expect(page.locator("article").nth(2)).to_be_attached()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.locator("#status")).to_have_text("Copied the citation.")
    assert page.evaluate("scrollY") > 0
    expect(page.locator("#status")).to_be_in_viewport(ratio=1)
    assert page.locator("#status").evaluate("""e => { const r = e.getBoundingClientRect();
        return document.elementFromPoint(r.x + 5, r.y + r.height / 2) === e }"""), "nothing covers it"


def test_what_fails_over_a_sheet_is_said_in_the_sheet(opened):
    page = opened("#query=attempt", may_fail="Failed to load resource")
    expect(page.locator("article").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator("dialog")).to_be_visible()
    page.route("**/v1/status", lambda route: route.abort())
    page.evaluate("document.getElementById('state').click()")
    expect(page.locator("#sheet-keys")).to_contain_text("Start it with `codesearch serve`, then ask again.")


def test_a_busy_server_is_asked_again(opened, server):
    page = opened(may_fail="503")
    answers = iter([503])

    def busy_once(route):
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "0"}, body='{"error": "busy"}')

    page.route("**/v1/search", busy_once)
    page.locator("#query").fill("attempt")
    expect_places(page, server.ask("search", query="attempt", **EVERY))


def test_a_server_with_a_token_wants_it(opened, served_folder, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-m", "codesearch", "serve", str(served_folder / "depot"), "--port", "0",
         "--no-watch", "--socket", str(tmp_path / "t.sock"), "--token-file", str(token_file)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "t.json").exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        url = json.loads((tmp_path / "t.json").read_text())["url"]
        page = opened("#query=attempt", url=url, may_fail="401")
        expect(page.locator("#token")).to_be_focused()
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("That token is not this server's.")
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator(".place").first).to_contain_text("store.go")
        assert TOKEN not in page.url
        expect(page.locator("#query")).to_be_focused()
    finally:
        process.kill()
        process.wait(timeout=20)
