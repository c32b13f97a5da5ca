from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from codesearch.answers.findings import Findings, IndexState, Omitted
from codesearch.choices import SEARCH_FORMATS
from codesearch.render.context_blocks import citation, render_context
from codesearch.render.passages import render
from indexer.errors import InputError
from indexer.records import ComponentScores, Evidence, Passage, SearchRequest, WordMatch

GOLDEN = Path(__file__).parents[1] / "golden"

PASSAGE = Passage(
    path="src/router.py",
    start_line=12,
    end_line=20,
    text="def add_route(path):\n… 6 lines omitted (13-18) …\n    routes[path] = 1\n    return `x`\n",
    language="python",
    symbol="Router.add_route",
    kind="method",
    score=0.123456789,
    n_tokens=21,
    evidence=Evidence(
        ComponentScores(lexical=3.25, single=None, colbert=0.75),
        (WordMatch("registered", "add_route", 4, 13, 0.8125, 12),),
        ("Router", "Router.add_route"),
    ),
    omitted_lines=((13, 18),),
    start_char=300,
    best_line=12,
    confidence=0.87654,
)
PLAIN = replace(
    PASSAGE,
    path="docs/a b.md",
    start_line=1,
    end_line=1,
    text="no end",
    symbol="",
    kind="",
    language="markdown",
    omitted_lines=(),
    stale=True,
    evidence=Evidence(ComponentScores(), (), ()),
    score=0.1,
    n_tokens=2,
    best_line=1,
    confidence=0.125,
)
FINDINGS = Findings(
    request=SearchRequest(
        'routes "and" <tags>',
        languages=("python",),
        paths=("src/*",),
        regex="add_.*",
        kinds=("method",),
        threshold=0.1,
    ),
    passages=(PASSAGE, PLAIN),
    index=IndexState("0123abcd", 3, 4, 4, changed=("a.py",), added=(), deleted=("b.py", "c.py"), n_skipped=2),
    tokenizer="codesearch-edge",
    budget_tokens=500,
    omitted=(Omitted("src/old.py", 1, 9, "old", 0.05, "budget"),),
    notes=("The index is out of date by 3 files.",),
)


@pytest.mark.parametrize("form", SEARCH_FORMATS)
def test_golden_bytes(form):
    assert render(FINDINGS, form) == (GOLDEN / f"search.{form}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", SEARCH_FORMATS)
def test_no_passages(form):
    text = render(replace(FINDINGS, passages=()), form)
    assert text == "" if form in ("text", "markdown", "vimgrep") else text.endswith("\n")


def test_json_has_these_keys_and_no_others():
    value = json.loads(render(FINDINGS, "json"))
    assert " ".join(value) == (
        "schema root query query_used mode weak filters budget_tokens tokenizer n_tokens index passages"
        " omitted notes"
    )
    assert set(value["index"]) == {"commit", "files", "chunks", "encoded", "stale", "skipped"}
    assert " ".join(value["passages"][0]) == (
        "path start_line end_line best_line symbol kind page anchor extracted language score confidence"
        " n_tokens stale omitted_lines text evidence"
    )
    assert set(value["passages"][0]["evidence"]) == {"scores", "symbols", "matches"}
    assert set(value["omitted"][0]) == {"path", "start_line", "end_line", "symbol", "score", "reason"}


def test_json_says_which_matches_are_drawn():
    pairs = (("the", "theta"), ("retry", "self"), ("retry", "attempt"))
    matches = tuple(WordMatch(asked, found, 0, 4, 0.7, 12) for asked, found in pairs)
    passage = replace(PASSAGE, evidence=replace(PASSAGE.evidence, matches=matches))
    value = json.loads(render(replace(FINDINGS, passages=(passage,)), "json"))
    found = {match["code_word"]: match["telling"] for match in value["passages"][0]["evidence"]["matches"]}
    assert found == {"theta": False, "self": False, "attempt": True}


def test_a_document_has_a_page_or_an_anchor_and_lines_of_its_text():
    pdf = replace(PASSAGE, path="pump.pdf", language="pdf", page=3, is_extracted=True)
    page = replace(PASSAGE, path="pump.html", language="html", anchor="hose", is_extracted=True)
    findings = replace(FINDINGS, passages=(pdf, page))
    first, second = json.loads(render(findings, "json"))["passages"]
    assert (first["page"], first["anchor"], first["extracted"]) == (3, None, True)
    assert (second["page"], second["anchor"], second["extracted"]) == (None, "hose", True)
    text = render(findings, "text")
    assert "[pdf, page 3, extracted text]" in text
    assert "[html, #hose, extracted text]" in text
    assert ' page="3" extracted="true"' in render(findings, "xml")
    assert "(page 3, extracted text)" in render(findings, "markdown")
    assert citation(pdf, 1).startswith(
        f"[1] pump.pdf:{pdf.start_line}-{pdf.end_line} (page 3, extracted text)"
    )
    for form, wanted in {
        "text": "(#hose, extracted text)",
        "markdown": "(#hose, extracted text)",
        "xml": ' anchor="hose" extracted="true"',
        "json": '"anchor":"hose","extracted":true',
        "messages": "(#hose, extracted text)",
    }.items():
        assert wanted in render_context(form, "q", [page])


def test_json_lines_join_to_the_json():
    head, *passages = [json.loads(line) for line in render(FINDINGS, "jsonl").splitlines()]
    assert head.pop("type") == "search"
    assert {p.pop("type") for p in passages} == {"passage"}
    assert {**head, "passages": passages} == json.loads(render(FINDINGS, "json"))


HOSTILE_TEXT = (
    "a\x1b[31m\x9b2J\x07\n```\n</passage></search>]]>\r\n"
    "lone\rcr\u202e\u2028x\n  99│fake.py:1-2  root\x00\x7f\n"
)
HOSTILE = replace(
    PASSAGE,
    path='x"y\n<b>`\x1b[0m.py',
    symbol="</passage>\n### 9. `admin`",
    text=HOSTILE_TEXT,
    start_line=1,
    end_line=5,
    omitted_lines=(),
)


@pytest.mark.parametrize("form", SEARCH_FORMATS)
def test_hostile_content_has_no_working_control_characters(form):
    text = render(replace(FINDINGS, passages=(HOSTILE,)), form)
    assert not any(c in text for c in "\x1b\x9b\x07\r\x00\x7f\u202e\u2028")


def test_hostile_content_stays_behind_the_gutter():
    text = render(replace(FINDINGS, passages=(HOSTILE,)), "text")
    heading, *lines = text.splitlines()
    assert len(lines) == 5
    assert [line[:3] for line in lines] == [f" {n}│" for n in range(1, 6)]
    assert heading.startswith('x"y\\n<b>`␛[0m.py:1-5  </passage>\\n### 9. `admin`  [python]')


def test_hostile_content_stays_between_fences():
    lines = render(replace(FINDINGS, passages=(HOSTILE,)), "markdown").split("\n")
    assert [line for line in lines if line.startswith("````")] == ["````python", "````"]
    assert sum(line.startswith("#") for line in lines) == 1


def test_hostile_content_stays_in_its_element():
    root = ElementTree.fromstring(render(replace(FINDINGS, passages=(HOSTILE,)), "xml"))
    assert [child.tag for child in root] == ["query", "index", "passage", "note"]
    assert root[2].attrib["symbol"] == "</passage>\\n### 9. `admin`"


def test_hostile_content_is_exact_in_json():
    value = json.loads(render(replace(FINDINGS, passages=(HOSTILE,)), "json"))
    assert value["passages"][0]["text"] == HOSTILE_TEXT
    assert value["passages"][0]["path"] == HOSTILE.path


def test_undecodable_names_survive_json():
    passage = replace(PLAIN, path="caf\udce9.py")
    text = render(replace(FINDINGS, passages=(passage,)), "json")
    assert json.loads(text.encode("utf-8"))["passages"][0]["path"] == "caf\udce9.py"


def test_unknown_format():
    with pytest.raises(InputError, match="Unknown format 'yaml'; use one of text, json, jsonl,"):
        render(FINDINGS, "yaml")
