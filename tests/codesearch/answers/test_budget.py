from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesearch.answers.budget import fill
from codesearch.answers.counting import counter_for
from codesearch.answers.lines import numbered_lines
from codesearch.answers.passage_limits import PassageLimits
from codesearch.answers.passages import draft_passages

WORDS = counter_for(lambda text: len(text.split()) + text.count("\n"))


def drafts_of(searcher, make_hit, *needles):
    hits = [make_hit(searcher, path, needle) for path, needle in needles]
    return draft_passages(hits, searcher, k=10, limits=PassageLimits(tiny_lines=1)).kept


def test_without_a_budget_all_are_taken(shapes, make_hit):
    drafts = drafts_of(shapes, make_hit, ("shapes.py", "math.pi"), ("notes.txt", "alpha"))
    filled = fill(drafts, WORDS, None)
    assert [p.path for p in filled.passages] == ["shapes.py", "notes.txt"]
    assert filled.omitted == ()


def test_the_last_passage_is_cut_down_to_the_room_left(shapes, make_hit):
    drafts = drafts_of(shapes, make_hit, ("shapes.py", "math.pi"), ("long.py", "step_100 ="))
    first = drafts[0].passage(WORDS).n_tokens
    filled = fill(drafts, WORDS, first + 60)
    assert [p.path for p in filled.passages] == ["shapes.py", "long.py"]
    assert sum(p.n_tokens for p in filled.passages) <= first + 60
    assert "step_100 = start + 100" in filled.passages[1].text
    assert filled.passages[1].text.startswith("def steps(\n")


def test_what_does_not_fit_is_named(shapes, make_hit):
    drafts = drafts_of(shapes, make_hit, ("shapes.py", "math.pi"), ("notes.txt", "alpha"))
    filled = fill(drafts, WORDS, drafts[0].passage(WORDS).n_tokens)
    (omitted,) = filled.omitted
    assert (omitted.path, omitted.reason, omitted.start_line, omitted.end_line) == (
        "notes.txt",
        "budget",
        1,
        4,
    )


def test_stale_files_are_marked(shapes, make_hit):
    drafts = drafts_of(shapes, make_hit, ("shapes.py", "math.pi"), ("notes.txt", "alpha"))
    filled = fill(drafts, WORDS, None, stale={"notes.txt"})
    assert [p.stale for p in filled.passages] == [False, True]


@pytest.mark.parametrize("budget", [1, 3, 4, 10])
def test_a_budget_below_one_line_gives_nothing(fake, make_hit, budget):
    searcher = fake({"a.txt": " ".join(["word"] * 50) + "\n"})
    filled = fill(drafts_of(searcher, make_hit, ("a.txt", "word")), WORDS, budget)
    assert filled.passages == ()
    assert len(filled.omitted) == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.integers(1, 1500))
def test_the_sum_never_exceeds_the_budget_and_uses_it(random_repository, seed, budget):
    searcher, hits = random_repository(random.Random(seed), n_files=5)
    drafts = draft_passages(hits, searcher, k=30).kept
    filled = fill(drafts, WORDS, budget)
    used = sum(p.n_tokens for p in filled.passages)
    assert used <= budget
    for passage in filled.passages:
        lines = searcher.files[passage.path].split("\n")
        for number, line in numbered_lines(passage):
            assert number is None or line.rstrip("\n") == lines[number - 1]
    material = sum(d.passage(WORDS).n_tokens for d in drafts)
    if material > 2 * budget and budget >= 200:
        assert used >= 0.9 * budget
