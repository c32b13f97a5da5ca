from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesearch.answers.lines import numbered_lines
from codesearch.answers.literals import literal_matches, literals_of
from codesearch.answers.passage_limits import PassageLimits, search_limits
from codesearch.answers.passages import draft_passages
from codesearch.answers.shown_evidence import telling
from codesearch.render.passages import gutter_lines
from codesearch.render.passages_json import passage_dict
from indexer.records import SearchRequest


class Lines:
    count = staticmethod(lambda text: text.count("\n"))


def found(query="q", regex=None, text=""):
    return [
        match.code_word for match in literal_matches(literals_of(SearchRequest(query, regex=regex)), text, 0)
    ]


@pytest.mark.parametrize(
    ("query", "text", "want"),
    [
        ("blink", "blink", []),
        ("cursor blink cycle", "the Cursor  blink cycle", ["Cursor  blink cycle"]),
        ("cursor blink cycle", "cursors blink cycle", []),
        ('where is "no such file" raised', 'raise X("no such file")', ["no such file"]),
        ("where is `a.b()` called", "x = a.b()", ["a.b()"]),
        ("it's what he's got", "s what he", []),
        (
            "Traceback:\n  File x\nValueError: must be positive\n",
            '("must be positive")',
            ["must be positive"],
        ),
        ("app.errors.JobError: no worker", "no worker", ["no worker"]),
    ],
)
def test_what_a_question_says_to_the_letter(query, text, want):
    assert found(query, text=text) == want


def test_an_expression_that_backtracks_for_ever_ends():
    assert found(regex=r"(a|aa|aaa)+$", text="a" * 40 + "!") == []


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("n", [4, 60, 100, 199])
def test_an_expressions_match_is_shown_and_marked(shapes, make_hit, k, n):
    """The hit's words lie at one end of a long function, the match at the other."""
    far = "step_2 =" if n > 50 else "step_150 ="
    hit = replace(make_hit(shapes, "long.py", far), end_char=len(shapes.files["long.py"]))
    literals = literals_of(SearchRequest("steps", regex=rf"step_{n} = st\w+"))
    (draft,) = draft_passages([hit], shapes, k=k, limits=search_limits(k), literals=literals).kept
    passage = draft.passage(Lines())
    line = 4 + n
    assert (line, f"    step_{n} = start + {n}\n") in list(numbered_lines(passage))
    assert [m for m in passage.evidence.matches if m.is_literal] == [
        m for m in telling(passage.evidence.matches) if m.is_literal and m.line == line
    ]
    assert passage.best_line == line
    assert [each.number for each in gutter_lines(passage) if each.gutter.startswith(">")] == [line]
    literal = [match for match in passage_dict(passage)["evidence"]["matches"] if match["literal"]]
    assert [(match["code_word"], match["line"]) for match in literal] == [(f"step_{n} = start", line)]
    assert json.dumps(literal)


def test_every_match_in_a_passage_is_shown(shapes, make_hit):
    hit = make_hit(shapes, "long.py", "step_100 =")
    literals = literals_of(SearchRequest("steps", regex=r"step_(20|90|180) ="))
    (draft,) = draft_passages([hit], shapes, k=10, literals=literals).kept
    assert all(draft.shows(line) for line in (24, 94, 184))


def test_a_tight_budget_keeps_the_match(shapes, make_hit):
    hit = make_hit(shapes, "long.py", "step_100 =")
    literals = literals_of(SearchRequest("steps", regex="step_180 ="))
    limits = PassageLimits(max_lines=8)
    (draft,) = draft_passages([hit], shapes, k=10, limits=limits, literals=literals).kept
    assert draft.by_importance()[0] == 184


WORDS = [
    "Retry",
    "retry",
    "RETRY",
    "later",
    "caf\u00e9",
    "\u017ftop",
    "stop",
    "K",
    "\u212a",
    "\u0130",
    "d\u0131sk",
    "disk",
    "\xa0",
    " ",
    "\n",
    "_",
    ".",
]
PHRASES = ["retry later", "STOP k.", "caf\u00e9 stop", "disk I"]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.sampled_from(PHRASES))
def test_the_quick_look_for_a_word_hides_no_match(text, phrase):
    (literal,) = literals_of(SearchRequest(query=phrase))
    assert literal.matches(text, 0) == replace(literal, needle="").matches(text, 0)
